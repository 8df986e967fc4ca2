import Autograd
import Corpora
import Files
import Foundation
import Models
import Testing
import Training

/// The same configuration gives bitwise equal numbers with any number of threads and interruptions.
@Suite struct ReproducibilityTests {
  private let folder: ScratchFolder
  private let corpus: TokenizedCorpus
  private let source: CorpusConfiguration

  init() throws {
    folder = try ScratchFolder()
    (source, corpus) = try smallCorpus(in: folder, context: 16)
  }

  private func configuration(
    tokens: Int, batch: BatchSchedule, seed: UInt64 = 1,
    schedule: Schedule = .cooldown(fraction: 0.2, shape: .linear), moe: MoE? = nil,
    updateRule: Selection? = nil, objective: Selection? = nil, precision: Precision = .float32
  ) throws -> RunConfiguration {
    let model = try ModelConfiguration(
      width: 16, depth: 1, heads: 2, context: 16, vocabulary: corpus.vocabulary, moe: moe,
      precision: precision)
    return RunConfiguration(
      corpus: source, corpusFingerprint: corpus.fingerprint, model: model,
      training: TrainingConfiguration(
        tokens: tokens, batch: batch, warmupSteps: 5, schedule: schedule, updateRule: updateRule,
        objective: objective),
      seed: seed)
  }

  private func named(_ rule: String) throws -> any UpdateRule.Type {
    try #require(updateRules.first { $0.name == rule })
  }

  private func train(
    _ runs: [RunConfiguration], in name: String, threads: Int = 1,
    control: TrunkTraining.Control = TrunkTraining.Control()
  ) throws -> [RunResult] {
    let root = "\(folder.path)/\(name)"
    let training = try TrunkTraining(
      runs, corpus: corpus, folder: { RunFolder("\(root)/\($0.identifier)") },
      trunkFolder: RunFolder("\(root)/trunk"),
      threads: threads, control: control)
    try training()
    return try runs.map { try #require(try RunFolder("\(root)/\($0.identifier)").record()).result }
  }

  @Test(
    "A log is a learning curve: few windows at first, a marked cooldown, all windows at the end")
  func learningCurve() throws {
    let runs = try [30_000, 60_000].map { try configuration(tokens: $0, batch: .fixed(512)) }
    let results = try train(runs, in: "curve")
    for (run, result) in zip(runs, results) {
      let curve = try RunFolder("\(folder.path)/curve/\(run.identifier)").curve()
      let branch = run.training.schedule.branchPoint(tokens: run.training.tokens)
      let (end, way) = (try #require(curve.last), curve.dropLast())
      #expect(end.validationLoss == result.loss && end.windows == corpus.validation.count)
      #expect(
        way.allSatisfy { $0.windows == 32 && $0.curveLoss == $0.validationLoss && $0.standardError > 0 })
      #expect(zip(curve, curve.dropFirst()).allSatisfy { $0.tokens < $1.tokens })
      // Half powers of two on the trunk, the beginning of the cooldown, and two points in it.
      let trunk = way.filter { $0.cooldownFrom == nil }
      #expect(trunk.count == LearningCurve.points(through: branch).count + 1)
      #expect(trunk.last.map { $0.tokens >= branch && $0.tokens < branch + 512 } == true)
      #expect(way.count - trunk.count == 2 && end.cooldownFrom == trunk.last?.tokens)
    }
    // A log of an earlier version has the loss alone.
    let old = """
      {"step":256,"tokens":131072,"validationLoss":1.4,"validationStandardError":0.007,"validationWindows":1000}
      """
    let point = try #require(LearningCurve.points(in: Data(old.utf8)).first)
    #expect(point.curveLoss == 1.4 && point.cooldownFrom == nil)
  }

  /// A routed model with all of its state and randomness.
  static let moe = MoE(experts: 4, capacityFactor: 1.2, balance: .bias, noise: 0.3)

  @Test("A step that is ended before it is done has changed nothing", arguments: [1, 3])
  func endedStep(_ threads: Int) throws {
    let run = try configuration(tokens: 60_000, batch: .fixed(10_000))
    let trainers = try (0..<2).map { _ in try Trainer(run, corpus: corpus, threads: threads) }
    var calls = 0
    for _ in 0..<3 {
      let undisturbed = trainers[0].step(of: 60_000)
      // Before the first shard, within passes of it, and in a later one.
      for ends in [1, 2, 4, 6] {
        calls = 0
        let ended = trainers[1].step(of: 60_000) {
          calls += 1
          return calls == ends
        }
        #expect(ended == nil && trainers[1].state.step == trainers[0].state.step - 1)
      }
      let step = trainers[1].step(of: 60_000)
      #expect(step.loss == undisturbed.loss && step.gradientNorm == undisturbed.gradientNorm)
      #expect(trainers[0].state.parameters.bytes.elementsEqual(trainers[1].state.parameters.bytes))
    }
  }

  @Test("Products in bfloat16 change the losses of a training a little, and are part of its identifier")
  func precision() throws {
    let runs = try Precision.allCases.map {
      try configuration(tokens: 60_000, batch: .fixed(512), precision: $0)
    }
    #expect(runs[0].identifier != runs[1].identifier)
    let losses = try runs.flatMap { try train([$0], in: "precision") }.compactMap(\.loss)
    try #require(losses.count == 2)
    #expect(losses[0] != losses[1])
    #expect(abs(losses[1] / losses[0] - 1) < 0.01)
  }

  @Test("Gradients alone are rounded at random on request")
  func randomGradients() throws {
    let losses = try RoundingMode.allCases.map { rounding in
      var run = try configuration(tokens: 60_000, batch: .fixed(512))
      run.model.formats = NumberFormats(weights: .int4, gradients: .int4, rounding: rounding)
      let trainer = try Trainer(run, corpus: corpus, threads: 1)
      return (0..<2).map { _ in trainer.step(of: 60_000).loss }
    }
    let (nearest, all, gradients) = (losses[0], losses[1], losses[2])
    #expect(gradients[0] == nearest[0] && gradients[0] != all[0])
    #expect(gradients[1] != nearest[1] && gradients[1] != all[1])
    #expect(NumberFormats(weights: .int4, rounding: .stochasticGradients) == NumberFormats(weights: .int4))
  }

  @Test(
    "One, two and three threads give the same bits",
    arguments: [
      (nil, .float32, "adamw"), (moe, .float32, "muon"), (moe, .bfloat16, "soap"), (moe, .float32, "lion"),
    ] as [(MoE?, Precision, String)])
  func threads(_ moe: MoE?, _ precision: Precision, _ rule: String) throws {
    // Batches of five shards, so that three threads have different numbers of them.
    let run = try configuration(
      tokens: 60_000, batch: .fixed(10_000), moe: moe, updateRule: Selection(named(rule)),
      precision: precision)
    let results = try [1, 2, 3].map { try train([run], in: "threads\($0)", threads: $0) }
    #expect(results[0] == results[1])
    #expect(results[0] == results[2])
    let weights = try [1, 2, 3].map { threads in
      let trainer = try Trainer(run, corpus: corpus, threads: threads)
      for _ in 0..<4 { _ = trainer.step(of: 60_000) }
      return Data(trainer.state.parameters.bytes)
    }
    #expect(weights[0] == weights[1])
    #expect(weights[0] == weights[2])
  }

  @Test("Threads that work on one shard together give the same bits")
  func team() throws {
    let v = corpus.vocabulary
    let models = [
      try ModelConfiguration(
        width: 36, depth: 2, heads: 3, context: 16, vocabulary: v, positions: .learned),
      try ModelConfiguration(
        width: 32, depth: 2, heads: 4, kvHeads: 2, context: 16, vocabulary: v, activation: .squaredReLU),
      try ModelConfiguration(
        architecture: .llama, width: 32, depth: 2, heads: 4, kvHeads: 1, context: 16, vocabulary: v),
      try ModelConfiguration(
        architecture: .llama, width: 20, headWidth: 4, layers: "AW", window: 5, context: 16, vocabulary: v,
        positions: .learned),
      // Two choices for a row, some of which are dropped, and a balancing loss.
      try ModelConfiguration(
        width: 20, depth: 2, context: 16, vocabulary: v,
        moe: MoE(experts: 5, topK: 2, capacityFactor: 0.9, balance: .auxiliary)),
      try ModelConfiguration(
        architecture: .llama, width: 24, depth: 2, context: 16, vocabulary: v,
        moe: MoE(experts: 4, topK: 2, granularity: 2, shared: 1, gate: .choiceFirst, balance: .bias)),
    ]
    for model in models {
      for precision in Precision.allCases {
        // An odd number of windows, which threads cannot halve.
        var run = try configuration(tokens: 60_000, batch: .fixed(33 * 16))
        run.model = model
        run.model.precision = precision
        let results = try [1, 2, 3].map { threads in
          let trainer = try Trainer(run, corpus: corpus, threads: threads)
          let losses = (0..<4).map { _ in trainer.step(of: 60_000).loss }
          return (losses, Data(trainer.state.parameters.bytes))
        }
        #expect(Transformer(run.model).lossProgram(windows: 33, gradients: true).program.isShared)
        for other in results.dropFirst() { #expect(other == results[0]) }
      }
    }
  }

  /// Wide enough that threads share the update and the sum of the gradients of shards.
  @Test("Threads update weights together with the same numbers", arguments: updateRules.map { $0.name })
  func sharedUpdate(_ rule: String) throws {
    var run = try configuration(tokens: 60_000, batch: .fixed(2048), updateRule: Selection(named(rule)))
    run.model = try ModelConfiguration(width: 112, depth: 2, context: 16, vocabulary: corpus.vocabulary)
    let results = try [1, 2, 3].map { threads in
      let trainer = try Trainer(run, corpus: corpus, threads: threads)
      let metrics = (0..<3).map { _ in trainer.step(of: 60_000) }
      return (metrics.map(\.gradientNorm), Data(trainer.state.parameters.bytes))
    }
    for other in results.dropFirst() { #expect(other == results[0]) }
  }

  @Test("A branch of a trunk has the same numbers as a separate run")
  func trunk() throws {
    let ramp = try BatchSchedule(stages: [.init(from: 0, tokens: 64), .init(from: 4000, tokens: 128)])
    let runs = try [3000, 8000, 20_000].map { try configuration(tokens: $0, batch: ramp) }
    let together = try train(runs, in: "together")
    let alone = try runs.flatMap { try train([$0], in: "alone") }
    #expect(together == alone)
    #expect(Set(runs.map(\.trunkIdentifier)).count == 1)
    #expect(Set(runs.map(\.identifier)).count == 3)
  }

  @Test("Lengths of a cosine over fixed tokens are points of one training, with the numbers of separate runs")
  func sharedCosine() throws {
    // One ends within the cosine, one after it.
    let runs = try [3000, 6000, 12_000].map {
      try configuration(tokens: $0, batch: .fixed(128), schedule: .cosineOver(final: 0.1, tokens: 8000))
    }
    let together = try train(runs, in: "together")
    let alone = try runs.flatMap { try train([$0], in: "alone") }
    #expect(together == alone)
    #expect(Set(runs.map(\.trunkIdentifier)).count == 1)
    #expect(Set(together.compactMap(\.loss)).count == 3)
    let matched = try runs.map { run in
      try configuration(tokens: run.training.tokens, batch: .fixed(128), schedule: .cosine(final: 0.1))
    }
    #expect(Set(matched.map(\.trunkIdentifier)).count == 3)
  }

  /// Kinds of training that have different states to restore.
  enum Memory: Hashable {
    case usual, cosine, experts, mask
    case rule(String, hasExperts: Bool)
  }

  @Test(
    "Interrupted after any step and resumed, the numbers and the log are the same",
    arguments: [.usual, .cosine, .experts, .mask]
      + updateRules.dropFirst().map { .rule($0.name, hasExperts: false) }
      + [.rule("muon", hasExperts: true), .rule("soap", hasExperts: true)] as [Memory])
  func resumed(_ memory: Memory) throws {
    let (rule, hasExperts) =
      if case .rule(let name, let hasExperts) = memory { (name, hasExperts) } else { ("adamw", false) }
    let masked = try #require(trainingObjectives.first { $0.name == "smoothed_next_token" })
    let runs = try [2000, 5000].map {
      try configuration(
        tokens: $0, batch: .fixed(128),
        schedule: memory == .cosine
          ? .cosineOver(final: 0.1, tokens: 4000) : .cooldown(fraction: 0.2, shape: .linear),
        moe: memory == .experts || hasExperts ? Self.moe : nil, updateRule: Selection(named(rule)),
        objective: memory == .mask ? Selection(masked, ["mask": 0.5]) : nil)
    }
    let undisturbed = try train(runs, in: "undisturbed")
    // Every call stops after three more steps, on the trunk, on a branch or between them.
    var interruptions = 0
    var resumed: [RunResult]?
    while resumed == nil {
      var steps = 0
      let control = TrunkTraining.Control(
        isCancelled: { steps >= 3 }, progress: { tokens, _ in steps += tokens > 0 ? 1 : 0 })
      do {
        resumed = try train(runs, in: "resumed", control: control)
      } catch is TrunkTraining.Cancelled {
        interruptions += 1
      }
    }
    #expect(interruptions > 10)
    #expect(resumed == undisturbed)
    for run in runs {
      let logs = ["undisturbed", "resumed"].map { "\(folder.path)/\($0)/\(run.identifier)/metrics.jsonl" }
      let texts = try logs.map(FileAccess.readText)
      #expect(texts[0] == texts[1])
    }
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/resumed/trunk"))
  }

  @Test("Another seed gives other numbers")
  func seeds() throws {
    let results = try [1, 2].map { seed in
      try train([configuration(tokens: 2000, batch: .fixed(128), seed: UInt64(seed))], in: "seed\(seed)")
    }
    #expect(results[0] != results[1])
  }

  @Test("A moved text gives the same run, and another setting another run")
  func identifiers() throws {
    var run = try configuration(tokens: 2000, batch: .fixed(128))
    let identifier = run.identifier
    run.corpus.source = "elsewhere/text.txt"
    #expect(run.identifier == identifier)
    // A version with other numbers does not accept the old records.
    #expect(run.identifier(numerics: RunConfiguration.numericsVersion + 1) != identifier)
    run.training.learningRate *= 2
    #expect(run.identifier != identifier)
  }

  @Test("A batch that repeats the corpus records the number of unique tokens")
  func repeats() throws {
    let longer = corpus.validation.targetCount * 100
    let available = try corpus.training(tokens: longer).targetCount
    #expect(available < longer)
    let run = try configuration(tokens: available + 4096, batch: .fixed(4096))
    let result = try #require(try train([run], in: "repeats").first)
    #expect(result.uniqueTokens == available)
    #expect(result.tokens >= available + 4096)
  }
}
