import Autograd
import Models
import RandomNumbers
import Testing

/// A model and some tokens for it.
struct Fixture {
  let transformer: Transformer
  let parameters: FloatBuffer

  init(_ model: ModelConfiguration) {
    transformer = Transformer(model)
    parameters = transformer.initialParameters(seed: 3)
    // With the initial gains, biases and logits, tokens would hardly depend on earlier ones.
    var random = SplitMix64(seed: 8)
    for i in 0..<parameters.count { parameters[i] = 2 * parameters[i] + 0.1 * Float(random.normal()) }
  }

  /// Models of all kinds that continuation treats differently.
  static func models(context: Int) throws -> [ModelConfiguration] {
    try ModelConfiguration.Architecture.allCases.flatMap { architecture in
      try ModelConfiguration.Positions.allCases.map { positions in
        try ModelConfiguration(
          architecture: architecture, width: 24, depth: 2, context: context, vocabulary: 37,
          positions: positions)
      }
    } + [
      ModelConfiguration(width: 24, layers: "MAM", state: 5, context: context, vocabulary: 37),
      ModelConfiguration(width: 24, layers: "DAD", state: 5, context: context, vocabulary: 37),
      // Grouped queries.
      ModelConfiguration(
        width: 32, depth: 2, heads: 8, headWidth: 4, kvHeads: 2, context: context, vocabulary: 37),
      ModelConfiguration(
        width: 24, heads: 4, headWidth: 8, kvHeads: 2, layers: "WA", window: 3, context: context,
        vocabulary: 37),
      ModelConfiguration(
        width: 24, heads: 4, headWidth: 8, kvHeads: 2, layers: "LA", context: context, vocabulary: 37),
      ModelConfiguration(
        width: 24, depth: 2, layers: "AL", featureMap: .favor, context: context, vocabulary: 37),
      ModelConfiguration(
        width: 24, depth: 2, context: context, vocabulary: 37,
        moe: MoE(experts: 4, topK: 2, granularity: 2, shared: 1, balance: .bias)),
    ]
  }

  /// The logits (count, V) of the whole-window program for up to a context of tokens.
  func windowLogits(_ tokens: some Collection<Int>) -> [Float] {
    let (program, inputs) = transformer.logitsProgram()
    let arena = Arena(for: program)
    for (i, token) in tokens.enumerated() { arena.integers(inputs)[i] = Int32(token) }
    program.forward(arena, parameters: parameters)
    return Array(arena.output.prefix(tokens.count * transformer.configuration.vocabulary))
  }
}

@Suite struct ContinuationProgramTests {
  @Test("The logits of each step are those of the whole window, for sequences of different lengths")
  func agreesWithWindows() throws {
    for model in try Fixture.models(context: 20) {
      let fixture = Fixture(model)
      let vocabulary = model.vocabulary
      var random = SplitMix64(seed: 5)
      let texts = [20, 7, 1].map { count in
        (0..<count).map { _ in Int(random.uniform() * Double(vocabulary)) }
      }
      let truth = texts.map(fixture.windowLogits)
      // The rows of a prefill, and whether slots reuse memory.
      for (rows, isolated) in [(1, false), (6, false), (6, true), (20, false)] {
        let prefill = fixture.transformer.continuationProgram(sequences: 1, rows: rows, capacity: 3)
        let step = fixture.transformer.continuationProgram(sequences: 3, rows: 1, capacity: 3)
        let first = Arena(for: prefill.program, isolated: isolated)
        let second = Arena(for: step.program, statesOf: first, isolated: isolated)
        var logits: [[Float]] = texts.map { _ in [] }
        var done = texts.map { _ in 0 }
        func set(_ row: Int, _ slot: Int, count: Int, _ program: ContinuationProgram, _ arena: Arena) {
          arena.integers(program.positions.slots)[row] = Int32(slot)
          arena.integers(program.positions.starts)[row] = Int32(done[slot])
          arena.integers(program.positions.counts)[row] = Int32(count)
          for i in 0..<count {
            arena.integers(program.tokens)[row * program.positions.rows + i] = Int32(
              texts[slot][done[slot] + i])
          }
        }
        // The first half of each, then single tokens of those that are not at their end.
        for slot in texts.indices {
          while done[slot] < texts[slot].count / 2 {
            let count = min(rows, texts[slot].count / 2 - done[slot])
            set(0, slot, count: count, prefill, first)
            prefill.program.forward(first, parameters: fixture.parameters)
            logits[slot] += first.output.prefix(count * vocabulary)
            done[slot] += count
          }
        }
        while texts.indices.contains(where: { done[$0] < texts[$0].count }) {
          // The order of rows differs from that of slots.
          let order = [2, 0, 1]
          for (row, slot) in order.enumerated() {
            set(row, slot, count: min(1, texts[slot].count - done[slot]), step, second)
          }
          step.program.forward(second, parameters: fixture.parameters)
          for (row, slot) in order.enumerated() where done[slot] < texts[slot].count {
            logits[slot] += second.output[row * vocabulary..<(row + 1) * vocabulary]
            done[slot] += 1
          }
        }
        // Rounding depends on the CPU, and is relative to the terms of a logit's sum: a logit near 0 may have large ones.
        let largest = truth.joined().reduce(0) { max($0, abs($1)) }
        for (logits, truth) in zip(logits, truth) {
          #expect(logits.count == truth.count)
          for (a, b) in zip(logits, truth) { #expect(abs(a - b) < 1e-5 * (1 + largest)) }
        }
      }
    }
  }
}
