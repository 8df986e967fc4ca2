import Autograd
import Corpora
import Files
import Foundation
import Models
import RandomNumbers
import Testing
import Training

/// Training whose windows carry recurrent states.
@Suite struct CarryTests {
  private let folder: ScratchFolder
  private let text: CorpusConfiguration

  init() throws {
    folder = try ScratchFolder()
    text = try smallCorpus(in: folder, context: 16).0
  }

  private func run(
    tokens: Int, batch: Int, carry: Bool = true, layers: String = "MD", context: Int = 16, unique: Int? = nil,
    text: CorpusConfiguration? = nil
  ) throws -> (configuration: RunConfiguration, corpus: TokenizedCorpus) {
    var source = text ?? self.text
    source.uniqueTokens = unique
    let corpus = try TokenizedCorpus(source, context: context, lanes: carry ? batch / context : nil)
    let model = try ModelConfiguration(
      width: 16, layers: layers, state: 8, context: context, vocabulary: corpus.vocabulary)
    let training = TrainingConfiguration(
      tokens: tokens, batch: .fixed(batch), carry: carry, learningRate: 0.01, warmupSteps: 5)
    return (
      RunConfiguration(
        corpus: source, corpusFingerprint: corpus.fingerprint, model: model, training: training, seed: 1),
      corpus
    )
  }

  private func train(
    _ runs: [RunConfiguration], _ corpus: TokenizedCorpus, in name: String, threads: Int = 1,
    control: TrunkTraining.Control = TrunkTraining.Control()
  ) throws -> [RunResult] {
    let root = "\(folder.path)/\(name)"
    let training = try TrunkTraining(
      runs, corpus: corpus, folder: { RunFolder("\(root)/\($0.identifier)") },
      trunkFolder: RunFolder("\(root)/trunk"), threads: threads, control: control)
    try training()
    return try runs.map { try #require(try RunFolder("\(root)/\($0.identifier)").record()).result }
  }

  @Test("One, two and three threads give the same bits")
  func threads() throws {
    // Batches of five shards, so that three threads have different numbers of them.
    let (run, corpus) = try run(tokens: 40_000, batch: 5120)
    let results = try [1, 2, 3].map { try train([run], corpus, in: "threads\($0)", threads: $0) }
    #expect(results[0] == results[1] && results[0] == results[2])
  }

  @Test(
    "Branches of a trunk have the numbers of runs alone, and those of interrupted runs, over several epochs")
  func resumed() throws {
    // Eight lanes of eight windows are an epoch.
    let runs = try [2000, 5000].map { try run(tokens: $0, batch: 128, unique: 1000) }
    let (configurations, corpus) = (runs.map(\.configuration), runs[0].corpus)
    let alone = try configurations.flatMap { try train([$0], corpus, in: "alone") }
    #expect(try train(configurations, corpus, in: "together") == alone)
    // Every call stops after three more steps, on the trunk, on a branch or between them.
    var (interruptions, resumed): (Int, [RunResult]?) = (0, nil)
    while resumed == nil {
      var steps = 0
      let control = TrunkTraining.Control(
        isCancelled: { steps >= 3 }, progress: { tokens, _ in steps += tokens > 0 ? 1 : 0 })
      do {
        resumed = try train(configurations, corpus, in: "resumed", control: control)
      } catch is TrunkTraining.Cancelled {
        interruptions += 1
      }
    }
    #expect(interruptions > 10)
    #expect(resumed == alone)
  }

  @Test(
    "A step that is ended before it is done has changed nothing, and a checkpoint with states has a model")
  func endedStep() throws {
    let (run, corpus) = try run(tokens: 20_000, batch: 2048)
    let trainers = try (0..<2).map { _ in try Trainer(run, corpus: corpus) }
    for _ in 0..<3 {
      let undisturbed = trainers[0].step(of: 20_000)
      for ends in [1, 3, 6] {
        var calls = 0
        let ended = trainers[1].step(of: 20_000) {
          calls += 1
          return calls == ends
        }
        #expect(ended == nil)
      }
      #expect(trainers[1].step(of: 20_000).loss == undisturbed.loss)
    }
    let control = TrunkTraining.Control(keepsCheckpoints: true)
    _ = try train([run], corpus, in: "kept", control: control)
    let model = try TrainedModel(
      checkpoint: RunFolder("\(folder.path)/kept/\(run.identifier)").checkpoint)
    #expect(model.configuration == run)
  }

  @Test("Configurations without it are those of before, and one with it is another run on another text")
  func identifiers() throws {
    let (with, without) = (try run(tokens: 5000, batch: 128), try run(tokens: 5000, batch: 128, carry: false))
    #expect(!without.configuration.canonicalJSON.contains("carry"))
    #expect(with.configuration.identifier != without.configuration.identifier)
    #expect(with.corpus.fingerprint != without.corpus.fingerprint)
  }

  /// Letters at every eighth place, of which each comes back as a capital nine places later: in windows of sixteen,
  /// every other time in the next one. Gradients see only the others.
  private func plantedText() throws -> CorpusConfiguration {
    var random = SplitMix64(seed: 3)
    var last = UInt8(0)
    var text = Data()
    for _ in 0..<30_000 {
      let letter = UInt8(random.uniform() * 8)
      text.append(contentsOf: [UInt8(ascii: "a") + letter, UInt8(ascii: "A") + last])
      text.append(contentsOf: "......".utf8)
      last = letter
    }
    let path = "\(folder.path)/planted.txt"
    try FileAccess.write(text, to: path)
    return CorpusConfiguration(source: path, tokenizer: .characters, validationTokens: 8192)
  }

  @Test(
    "What lies one window back is known with states that are carried, and guessed without",
    arguments: ["M", "D"])
  func planted(_ layers: String) throws {
    let text = try plantedText()
    let losses = try [true, false].map { carry in
      let (run, corpus) = try run(
        tokens: 200_000, batch: 512, carry: carry, layers: layers, context: 16, text: text)
      let trainer = try Trainer(run, corpus: corpus)
      while trainer.state.tokens < run.training.tokens { _ = trainer.step(of: run.training.tokens) }
      return trainer.evaluate().loss
    }
    // One place of eight is random, and without carried states the answer to half of the letters too.
    let entropy = log(8.0) / 8
    #expect(losses[0] > entropy - 0.02 && losses[0] < 1.25 * entropy, "\(losses[0] / entropy)")
    #expect(losses[1] > 1.45 * entropy, "\(losses[1] / entropy)")
  }
}
