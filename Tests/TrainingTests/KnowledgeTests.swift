import Autograd
import Corpora
import Files
import Foundation
import Models
import Testing
import Training

/// What a model knows agrees with values computed from its logits, passage by passage.
@Suite struct KnowledgeTests {
  private let folder = Result { try ScratchFolder() }

  private static let recipe = """
    tables:
      person: {syllables: {first: [Ab, Ec], next: [la, mo, ni]}, size: 6, zipf: 1}
      pet: {words: [ox, emu, lynx, zebra], zipf: 0.5}
    associations:
      pet_of: {of: person, from: pet}
    tasks:
      facts: {weight: 1, text: "{who: person}: {pet_of of who}."}
    """

  private func trainer() throws -> Trainer {
    let path = "\(try folder.get().path)/people.yaml"
    try FileAccess.write(Data(Self.recipe.utf8), to: path)
    let source = CorpusConfiguration(source: path, validationTokens: 1000)
    let corpus = try TokenizedCorpus(source, context: 24)
    let run = RunConfiguration(
      corpus: source, corpusFingerprint: corpus.fingerprint,
      model: try ModelConfiguration(
        width: 16, depth: 2, heads: 2, context: 24, vocabulary: corpus.vocabulary),
      training: TrainingConfiguration(tokens: 24_000, batch: .fixed(240), warmupSteps: 10), seed: 3)
    return try Trainer(run, corpus: corpus, threads: 2)
  }

  /// The bits that weights know, from the logits of the probe's windows.
  private func bits(_ trainer: Trainer, _ corpus: TokenizedCorpus, _ weights: FloatBuffer) throws -> Double {
    let (program, inputs) = trainer.transformer.logitsProgram()
    let arena = Arena(for: program)
    let probe = try corpus.knowledgeProbe()
    let names = ["ox", "emu", "lynx", "zebra"]
    let frequencies = (1...4).map { pow(Double($0), -0.5) }
    var nats = 0.0
    for window in 0..<probe.windows.count {
      let tokens = probe.windows[window].map(Int.init)
      for position in 0..<24 { arena.integers(inputs)[position] = Int32(tokens[position]) }
      program.forward(arena, parameters: weights)
      let text = corpus.tokenizer.decode(probe.windows[window])
      // A passage is `Abla: ox.`; its pet and full stop are judged.
      for match in text.matches(of: /: ([a-z]+)\.\n/) {
        let pet = try #require(names.firstIndex(of: String(match.1)))
        let first = text.distance(from: text.startIndex, to: match.1.startIndex)
        for target in first...first + match.1.count {
          let row = (0..<corpus.vocabulary).map {
            Double(arena.output[(target - 1) * corpus.vocabulary + $0])
          }
          nats -= log(row.reduce(0) { $0 + exp($1) }) - row[tokens[target]]
        }
        nats -= log(frequencies[pet] / frequencies.reduce(0, +))
      }
    }
    return nats / log(2)
  }

  @Test("Known bits agree with plain logits, in float32 and in int8, and groups add up")
  func agreesWithLogits() throws {
    let trainer = try trainer()
    let corpus = try TokenizedCorpus(
      trainer.configuration.corpus, context: 24)
    let before = try trainer.knowledge(of: 0) {}
    for _ in 0..<100 { _ = trainer.step(of: 24_000) }
    let after = try trainer.knowledge(of: 24_000) {}
    #expect(abs(after.all.known - (try bits(trainer, corpus, trainer.state.parameters))) < 0.01)
    let rounded = trainer.transformer.roundedToInt8(trainer.state.parameters)
    #expect(abs(after.knownInInt8 - (try bits(trainer, corpus, rounded))) < 0.01)
    #expect(after.all.facts == 6 && after.all.bits > 8 && after.all.bits < 14)
    #expect(before.all.known < 1 && after.all.known > before.all.known + 3, "\(before.all) \(after.all)")
    for groups in [after.byRank, after.bySeen] {
      #expect(groups.reduce(0) { $0 + $1.facts } == 6)
      #expect(abs(groups.reduce(0) { $0 + $1.known } - after.all.known) < 1e-9)
    }
    #expect(after.byRank.map(\.first) == [1, 2, 4] && before.bySeen.map(\.first) == [0])
    #expect(try after == trainer.knowledge(of: 24_000) {})
  }

  @Test("Weights in int8 have 255 levels in each channel, and are nowhere further off than half a level")
  func int8() throws {
    let transformer = Transformer(
      try ModelConfiguration(width: 24, depth: 1, heads: 3, context: 8, vocabulary: 50))
    let weights = transformer.initialParameters(seed: 1)
    let rounded = transformer.roundedToInt8(weights)
    for weight in transformer.parameters {
      let (old, new) = (
        weight.range.map { Double(weights.start[$0]) }, weight.range.map { Double(rounded.start[$0]) }
      )
      if weight.traits.group == .vector {
        #expect(old == new)
        continue
      }
      let columns = try #require(weight.parameter.tensor.shape.last)
      let isEmbedding = weight.traits.group == .embedding
      let channels = isEmbedding ? weight.count / columns : columns
      for channel in 0..<channels {
        let places =
          isEmbedding
          ? Array(channel * columns..<(channel + 1) * columns)
          : Array(stride(from: channel, to: weight.count, by: columns))
        let step = places.reduce(0) { max($0, abs(old[$1])) } / 127
        for place in places {
          let level = (old[place] / step).rounded()
          #expect(abs(new[place] - level * step) < 1e-5 * 127 * step, "\(weight.name) \(place)")
        }
      }
    }
  }
}
