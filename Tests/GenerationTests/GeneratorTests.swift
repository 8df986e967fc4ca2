import Autograd
import Generation
import Models
import RandomNumbers
import Testing

@Suite struct GeneratorTests {
  /// The same generation with the whole-window program: one window for every token, cut to its last T/2 tokens if it
  /// exceeds T.
  private func reference(_ fixture: Fixture, _ prompt: [Int], _ settings: GenerationSettings, number: Int)
    -> [Int]
  {
    let context = fixture.transformer.configuration.context
    let vocabulary = fixture.transformer.configuration.vocabulary
    var random = SplitMix64(seed: settings.seed, stream: UInt64(number))
    var window = Array(prompt.suffix(context))
    var tokens: [Int] = []
    while tokens.count < settings.length {
      var logits = fixture.windowLogits(window).suffix(vocabulary).map(Double.init)
      let token = settings.sampler(&logits, random: &random).token
      tokens.append(token)
      window.append(token)
      if window.count > context { window = Array(window.suffix(max(1, context / 2))) }
    }
    return tokens
  }

  @Test("Sequences equal those of the whole-window program, also beyond the context")
  func agreesWithWindows() throws {
    for model in try Fixture.models(context: 12) {
      let fixture = Fixture(model)
      let prompts = [[3], [5, 6, 7], Array(0..<12), Array(0..<30)]
      let generator = Generator(fixture.transformer, parameters: fixture.parameters, sequences: 3)
      for sampler in [Greedy(), RandomDraw(), RandomDraw([Temperature(1.5), TopK(9), TopP(0.8)])]
        as [any Sampler]
      {
        let settings = GenerationSettings(length: 31, sampler: sampler, seed: 6)
        for (index, sequence) in generator(prompts, settings).enumerated() {
          #expect(sequence.tokens == reference(fixture, prompts[index], settings, number: index))
          #expect(sequence.ending == .length)
        }
      }
    }
  }

  @Test("A context of one token works")
  func shortestContext() throws {
    let fixture = Fixture(try ModelConfiguration(width: 8, context: 1, vocabulary: 5))
    let settings = GenerationSettings(length: 9, seed: 2)
    let generator = Generator(fixture.transformer, parameters: fixture.parameters)
    #expect(generator([[1, 2]], settings)[0].tokens == reference(fixture, [1, 2], settings, number: 0))
  }

  @Test("A sequence depends on its number, not on the other sequences or their slots")
  func independence() throws {
    for model in [
      try ModelConfiguration(width: 40, depth: 2, context: 16, vocabulary: 50),
      // Also with a capacity: decoding drops no token.
      try ModelConfiguration(
        width: 16, depth: 1, context: 16, vocabulary: 50,
        moe: MoE(experts: 4, topK: 1, capacityFactor: 0.5)),
    ] {
      let fixture = Fixture(model)
      let prompts = (0..<70).map { [$0 % 50, 3, $0 % 7] }
      let settings = GenerationSettings(length: 40, stop: StopTokens([11, 12]), seed: 1)
      func run(_ count: Int, sequences: Int, memory: Int = 1 << 30) -> [GeneratedSequence] {
        Generator(
          fixture.transformer, parameters: fixture.parameters, sequences: sequences, memory: memory)(
            Array(prompts.prefix(count)), settings)
      }
      let all = run(70, sequences: 64)
      #expect(run(9, sequences: 64) == Array(all.prefix(9)))
      #expect(run(70, sequences: 7) == all)
      #expect(run(12, sequences: 64, memory: 1) == Array(all.prefix(12)))
      let generator = Generator(fixture.transformer, parameters: fixture.parameters)
      #expect(generator([prompts[40]], settings, numberedFrom: 40) == [all[40]])
      // The sequences differ, and some end early.
      #expect(Set(all.map(\.tokens)).count > 60)
      #expect(Set(all.map(\.ending)) == [.length, .stop])
      for sequence in all {
        let stops = sequence.tokens.indices.filter { [11, 12].contains(sequence.tokens[$0]) }
        #expect(stops == (sequence.ending == .stop ? [sequence.tokens.count - 1] : []))
        #expect(sequence.ending == .stop || sequence.tokens.count == 40)
      }
    }
  }

  @Test("Without tokens or prompts, nothing is generated")
  func nothing() throws {
    let fixture = Fixture(try ModelConfiguration(width: 8, context: 4, vocabulary: 5))
    let generator = Generator(fixture.transformer, parameters: fixture.parameters)
    #expect(generator([], GenerationSettings(length: 3)).isEmpty)
    #expect(generator([[1]], GenerationSettings(length: 0)).map(\.tokens) == [[]])
  }
}
