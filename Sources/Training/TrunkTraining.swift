import Autograd
import Corpora
import Files
import Foundation
import Models

/// Trains the runs that differ only in how long they are: one trunk at a constant rate, and for each run a branch
/// off it that cools down   (Hägele et al. 2024). A run alone is a trunk with one branch: its numbers are the same.
///
/// Everything is on the disk at any moment: finished runs, a checkpoint of the trunk and one of the branch under
/// way. Interrupted however, the same call goes on from the last checkpoint.
public final class TrunkTraining {
  /// What the caller knows and wants to know while it lasts.
  public struct Control {
    /// Whether to stop: asked after each step. A checkpoint is written first, but not if it throws, as where another
    /// process has taken over.
    public var isCancelled: () throws -> Bool
    /// Told the tokens trained and the validation windows read since the last call.
    public var progress: (_ tokens: Int, _ windows: Int) -> Void
    /// Told the tokens that need not be trained, as a checkpoint has them.
    public var spared: (_ tokens: Int) -> Void
    /// Told of each run that has come to its end.
    public var finished: (RunRecord) -> Void
    /// Told of each damaged file: what it held is computed again.
    public var damaged: (InputError) -> Void
    /// Seconds between checkpoints.
    public var checkpointInterval: Double
    /// Whether the final weights of each run are kept.
    public var keepsCheckpoints: Bool

    public init(
      checkpointInterval: Double = 15, keepsCheckpoints: Bool = false,
      isCancelled: @escaping () throws -> Bool = { false },
      progress: @escaping (Int, Int) -> Void = { _, _ in },
      spared: @escaping (Int) -> Void = { _ in },
      finished: @escaping (RunRecord) -> Void = { _ in },
      damaged: @escaping (InputError) -> Void = { _ in }
    ) {
      self.checkpointInterval = checkpointInterval
      self.keepsCheckpoints = keepsCheckpoints
      self.isCancelled = isCancelled
      self.progress = progress
      self.spared = spared
      self.finished = finished
      self.damaged = damaged
    }
  }

  /// Thrown where the control asked to stop.
  public struct Cancelled: Error {}

  private let runs: [RunConfiguration]
  private let folder: (RunConfiguration) -> RunFolder
  private let trunkFolder: RunFolder
  private let corpus: TokenizedCorpus
  private let trainer: Trainer
  private let control: Control
  private let provenance: Provenance
  private var lastCheckpoint = ContinuousClock.now

  /// - Parameters:
  ///   - runs: Runs with one trunk. Their schedules may leave it at different points.
  ///   - folder: Where each run's records go.
  ///   - trunkFolder: Where the trunk's own state goes while it lasts.
  ///   - threads: Threads within the run. They do not change the numbers.
  public init(
    _ runs: [RunConfiguration], corpus: TokenizedCorpus, folder: @escaping (RunConfiguration) -> RunFolder,
    trunkFolder: RunFolder, threads: Int = 1, control: Control = Control()
  ) throws {
    self.runs = runs.sorted { $0.training.tokens < $1.training.tokens }
    guard let longest = self.runs.last else { preconditionFailure("a trunk has at least one run") }
    precondition(Set(runs.map(\.trunkIdentifier)).count == 1, "runs of one trunk differ only in their tokens")
    self.folder = folder
    self.trunkFolder = trunkFolder
    self.corpus = corpus
    self.control = control
    trainer = try Trainer(longest, corpus: corpus, threads: threads)
    provenance = Provenance(threads: threads)
  }

  /// Trains whatever is not yet finished. No other process may be at it.
  public func callAsFunction() throws {
    let pending = runs.filter { run in
      let folder = folder(run)
      return unlessDamaged(folder.result) { try folder.record() } == nil
    }
    if !pending.isEmpty { try train(pending) }
    // With nothing in it open: a network file system keeps the place of an open file in its folder.
    try? FileManager.default.removeItem(atPath: trunkFolder.path)
  }

  private func train(_ pending: [RunConfiguration]) throws {
    try FileAccess.makeFolder(trunkFolder.path)
    FileAccess.removeTemporaries(in: trunkFolder.path)
    for run in pending {
      try FileAccess.makeFolder(folder(run).path)
      FileAccess.removeTemporaries(in: folder(run).path)
      try writeConfiguration(of: run)
      removeCheckpointIfDamaged(folder(run), of: run)
    }
    removeCheckpointIfDamaged(trunkFolder, of: pending[0].trunk)
    try resumeTrunk(for: pending)
    control.spared(trainer.state.tokens)
    let state = trainer.state
    let trunk = TrainingState(copying: state)
    let log = try MetricsLog(trunkFolder.metrics, after: state.step)
    for run in pending {
      let began = ContinuousClock.now
      if !hasCheckpoint(run) {
        try trainTrunk(to: run.training.schedule.branchPoint(tokens: run.training.tokens), log)
        try log.synchronize()
        trunk.copy(from: state)
        if run.trunkIdentifier != run.identifier { try write(state, of: run.trunk, to: trunkFolder) }
      }
      try trainBranch(run, trunkSeconds: (ContinuousClock.now - began).seconds)
      state.copy(from: trunk)
    }
  }

  // MARK: Damage

  /// What `read` finds in the file at `path`. A damaged file is reported and removed.
  private func unlessDamaged<Content>(_ path: String, _ read: () throws -> Content?) -> Content? {
    do {
      return try read()
    } catch {
      control.damaged(error as? InputError ?? InputError("\(error)", file: path))
      try? FileManager.default.removeItem(atPath: path)
      return nil
    }
  }

  /// Nothing can go on from a checkpoint that is damaged, or whose log is.
  private func removeCheckpointIfDamaged(_ folder: RunFolder, of run: RunConfiguration) {
    guard FileManager.default.fileExists(atPath: folder.checkpoint) else { return }
    _ = unlessDamaged(folder.checkpoint) {
      try Checkpoint(run, trainer.transformer).check(folder)
    }
  }

  // MARK: The trunk

  /// Goes back to the trunk's checkpoint, if one was written before the first branch that has yet to begin.
  private func resumeTrunk(for pending: [RunConfiguration]) throws {
    guard FileManager.default.fileExists(atPath: trunkFolder.checkpoint), let first = pending.first else {
      return
    }
    let fresh = TrainingState(copying: trainer.state)
    try Checkpoint(first.trunk, trainer.transformer).read(trunkFolder.checkpoint, into: trainer.state)
    let next = pending.first { !hasCheckpoint($0) }
    if let next, trainer.state.tokens > firstStepEnd(atOrAfter: branchPoint(of: next), next) {
      trainer.state.copy(from: fresh)
    }
  }

  private func branchPoint(of run: RunConfiguration) -> Int {
    run.training.schedule.branchPoint(tokens: run.training.tokens)
  }

  /// The tokens seen at the end of the first step that reaches `point`.
  private func firstStepEnd(atOrAfter point: Int, _ run: RunConfiguration) -> Int {
    var seen = 0
    while seen < point { seen += run.training.batch.tokens(after: seen) }
    return seen
  }

  private func trainTrunk(to point: Int, _ log: MetricsLog) throws {
    while trainer.state.tokens < point && !trainer.hasDiverged {
      try step(of: point, log)
      try checkpointIfDue(log, runs[0].trunk, trunkFolder)
    }
  }

  // MARK: A branch

  private func hasCheckpoint(_ run: RunConfiguration) -> Bool {
    FileManager.default.fileExists(atPath: folder(run).checkpoint)
  }

  private func trainBranch(_ run: RunConfiguration, trunkSeconds: Double) throws {
    let began = ContinuousClock.now
    let (state, folder) = (trainer.state, folder(run))
    let log: MetricsLog
    if hasCheckpoint(run) {
      let before = state.tokens
      try Checkpoint(run, trainer.transformer).read(folder.checkpoint, into: state)
      control.spared(state.tokens - before)
      log = try MetricsLog(folder.metrics, after: state.step)
    } else {
      state.branched = state.tokens
      log = try MetricsLog(folder.metrics, after: state.step, parent: trunkFolder.metrics)
    }
    let before = state.tokens
    while state.tokens < run.training.tokens && !trainer.hasDiverged {
      try step(of: run.training.tokens, log)
      try checkpointIfDue(log, run, folder)
    }
    let trained = ContinuousClock.now
    let result = self.result(of: run, try trainer.hasDiverged ? nil : evaluate(precision: nil, log))
    try log.synchronize()
    if control.keepsCheckpoints { try write(state, of: run, to: folder) }
    let seconds = (ContinuousClock.now - began).seconds
    try FileAccess.write(
      JSONEncoder().encode(
        RunTiming(
          seconds: seconds, trunkSeconds: trunkSeconds,
          tokensPerSecond: Double(state.tokens - before) / (trained - began).seconds)),
      to: folder.timing)
    let record = RunRecord(configuration: run, provenance: provenance, result: result)
    try record.write(to: folder)
    control.finished(record)
    if !control.keepsCheckpoints { try? FileManager.default.removeItem(atPath: folder.checkpoint) }
  }

  // MARK: Both

  private func step(of tokens: Int, _ log: MetricsLog) throws {
    let before = trainer.state.tokens
    try log.append(trainer.step(of: tokens))
    control.progress(trainer.state.tokens - before, 0)
    guard !trainer.hasDiverged else { return }
    if isEvaluated(between: before, and: trainer.state.tokens) {
      _ = try evaluate(precision: 0.003, log)
    } else if isRoutingEvaluated(between: before, and: trainer.state.tokens) {
      // A few windows tell enough of loads.
      _ = try evaluate(precision: .infinity, log)
    }
  }

  private func isRoutingEvaluated(between before: Int, and after: Int) -> Bool {
    let isTrunk = trainer.state.branched ?? 0 == 0
    return isTrunk
      && Self.routingPoints(through: after, of: trainer.transformer.configuration).contains { $0 > before }
  }

  /// The tokens after which the routers of a trunk are looked at besides: every other power of two from 2¹³ on.
  package static func routingPoints(through tokens: Int, of model: ModelConfiguration) -> [Int] {
    guard model.moe != nil else { return [] }
    let points = (13..<Int.bitWidth - 1).map { 1 << $0 }.filter { $0 <= tokens }
    return points.filter { !evaluationPoints(through: tokens).contains($0) }
  }

  /// The windows that are read for it.
  package static var routingWindows: Int { Evaluator.round }

  private func isEvaluated(between before: Int, and after: Int) -> Bool {
    let isTrunk = trainer.state.branched ?? 0 == 0
    return isTrunk && Self.evaluationPoints(through: after).contains { $0 > before }
  }

  /// The tokens after which a trunk is evaluated on its way: 2¹⁷, 2²⁰, 2²³ …
  package static func evaluationPoints(through tokens: Int) -> [Int] {
    stride(from: 17, to: Int.bitWidth - 1, by: 3).map { 1 << $0 }.filter { $0 <= tokens }
  }

  private func evaluate(precision: Double?, _ log: MetricsLog) throws -> Evaluation {
    let evaluation = trainer.evaluate(precision: precision)
    try log.append(EvaluationMetrics(evaluation, families: corpus.families, trainer.state))
    try log.flush()
    control.progress(0, evaluation.windows)
    return evaluation
  }

  private func checkpointIfDue(_ log: MetricsLog, _ run: RunConfiguration, _ folder: RunFolder) throws {
    let isCancelled = try control.isCancelled()
    if isCancelled || (ContinuousClock.now - lastCheckpoint).seconds > control.checkpointInterval {
      try log.synchronize()
      try write(trainer.state, of: run, to: folder)
      lastCheckpoint = .now
    }
    if isCancelled { throw Cancelled() }
  }

  private func write(_ state: TrainingState, of run: RunConfiguration, to folder: RunFolder) throws {
    try Checkpoint(run, trainer.transformer).write(state, to: folder, tokenizer: corpus.tokenizer)
  }

  private func writeConfiguration(of run: RunConfiguration) throws {
    struct Description: Encodable {
      let configuration: RunConfiguration
      let provenance: Provenance
    }
    let description = Description(configuration: run, provenance: provenance)
    try FileAccess.write(plainJSON(description), to: folder(run).configuration)
  }

  private func result(of run: RunConfiguration, _ evaluation: Evaluation?) -> RunResult {
    let entropy = corpus.validationEntropy
    let bitsPerByte = { (nats: Double) in nats / log(2) / self.corpus.bytesPerToken }
    return RunResult(
      status: evaluation == nil ? .diverged : .completed, counts: Counts(trainer.transformer),
      tokens: trainer.state.tokens, uniqueTokens: trainer.uniqueTokens(of: trainer.state.tokens),
      steps: trainer.state.step, flops: trainer.flops, loss: evaluation?.loss,
      lossStandardError: evaluation?.standardError,
      reducibleStandardError: evaluation?.reducibleStandardError,
      lossBitsPerByte: (evaluation?.loss).map(bitsPerByte),
      entropy: entropy?.total, entropyBitsPerByte: (entropy?.total).map(bitsPerByte),
      families: evaluation.map { evaluation in
        corpus.families.indices.filter { evaluation.shares[$0] > 0 }.map { index in
          RunResult.FamilyLoss(
            family: corpus.families[index], share: evaluation.shares[index], loss: evaluation.families[index],
            entropy: entropy?.families[index],
            exactMatch: evaluation.exactMatches[index].isNaN ? nil : evaluation.exactMatches[index])
        }
      } ?? [],
      routing: evaluation.flatMap { $0.routing.isEmpty ? nil : $0.routing },
      validationTokens: corpus.validation.targetCount)
  }
}

extension Duration {
  /// The duration in seconds.
  package var seconds: Double { Double(components.seconds) + 1e-18 * Double(components.attoseconds) }
}
