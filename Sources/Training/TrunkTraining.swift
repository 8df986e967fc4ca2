import Autograd
import Corpora
import Files
import Foundation
import Models

/// Trains the runs that differ only in how long they are: one trunk at a constant rate, and for each run a branch
/// off it that cools down   (Hägele et al. 2024). A run alone is a trunk with one branch: its numbers are the same.
///
/// Finished runs, a checkpoint of the trunk and one of the current branch are on disk at any moment. However it was
/// interrupted, the same call resumes from the last checkpoint.
public final class TrunkTraining {
  /// Callbacks and options.
  public struct Control {
    /// Whether to stop: called after each step, and during the final evaluation. If it returns true, a checkpoint is
    /// written first; if it throws, as where another process has taken over, nothing is written.
    public var isCancelled: () throws -> Bool
    /// Called right before any file is replaced or removed. It throws where another process has taken over. A process
    /// may take over right after it has returned: see `FileAccess.write`.
    public var mayWrite: () throws -> Void
    /// Called with the tokens trained and the validation windows read since the last call.
    public var progress: (_ tokens: Int, _ windows: Int) -> Void
    /// Called with the number of tokens that a checkpoint saves from being trained again.
    public var spared: (_ tokens: Int) -> Void
    /// Called with the record of each finished run.
    public var finished: (RunRecord) -> Void
    /// Called for each damaged file, whose content is computed again.
    public var damaged: (InputError) -> Void
    /// Called with a message for readers of the results.
    public var remark: (String) -> Void
    /// Seconds between checkpoints.
    public var checkpointInterval: Double
    /// Whether the final weights of each run are kept.
    public var keepsCheckpoints: Bool

    public init(
      checkpointInterval: Double = 15, keepsCheckpoints: Bool = false,
      isCancelled: @escaping () throws -> Bool = { false },
      mayWrite: @escaping () throws -> Void = {},
      progress: @escaping (Int, Int) -> Void = { _, _ in },
      spared: @escaping (Int) -> Void = { _ in },
      finished: @escaping (RunRecord) -> Void = { _ in },
      damaged: @escaping (InputError) -> Void = { _ in },
      remark: @escaping (String) -> Void = { _ in }
    ) {
      self.checkpointInterval = checkpointInterval
      self.keepsCheckpoints = keepsCheckpoints
      self.isCancelled = isCancelled
      self.mayWrite = mayWrite
      self.progress = progress
      self.spared = spared
      self.finished = finished
      self.damaged = damaged
      self.remark = remark
    }
  }

  /// Thrown after `Control.isCancelled` returned true.
  public struct Cancelled: Error {
    public init() {}
  }
  /// Thrown where another process has finished a run meanwhile: nothing more is written into its folder.
  public struct Overtaken: Error {}

  private let runs: [RunConfiguration]
  private let folder: (RunConfiguration) -> RunFolder
  private let trunkFolder: RunFolder
  private let sampled: SampledWindows?
  private let corpus: TokenizedCorpus
  private let trainer: Trainer
  private let control: Control
  /// The provenance of this process.
  private let provenance: Provenance
  private var lastCheckpoint = ContinuousClock.now

  /// - Parameters:
  ///   - runs: Runs with the same trunk, which leave it at different points.
  ///   - folder: The folder of each run.
  ///   - trunkFolder: The folder of the trunk, which is removed at the end.
  ///   - sampled: The training windows, where models have written some; nil for those of the corpus.
  ///   - threads: Threads within the run. They do not change the numbers.
  public init(
    _ runs: [RunConfiguration], corpus: TokenizedCorpus, folder: @escaping (RunConfiguration) -> RunFolder,
    trunkFolder: RunFolder, sampled: SampledWindows? = nil, threads: Int = 1, control: Control = Control()
  ) throws {
    // Runs of one training stand together, that without rounding first.
    self.runs = runs.sorted { $0.order < $1.order }
    guard let longest = self.runs.last else { preconditionFailure("a trunk has at least one run") }
    precondition(Set(runs.map(\.trunkIdentifier)).count == 1, "runs of one trunk differ only in their tokens")
    self.folder = folder
    self.trunkFolder = trunkFolder
    self.sampled = sampled
    self.corpus = corpus
    self.control = control
    trainer = try Trainer(longest, corpus: corpus, sampled: sampled, threads: threads)
    provenance = Provenance(threads: threads, kernel: longest.model.kernel)
  }

  /// Trains the runs that are not finished. No other process may train them at the same time.
  public func callAsFunction() throws {
    do { try trainAll() } catch let error where !(error is Cancelled) {
      // Any error may follow from the loss: the other process may have removed what this one wrote.
      try control.mayWrite()
      throw error
    }
  }

  private func trainAll() throws {
    // First of all: from then on, an earlier owner that was suspended can change nothing any more.
    for folder in [trunkFolder] + runs.map(folder) {
      try FileAccess.removeTemporaries(in: folder.path, mayRemove: control.mayWrite)
    }
    let pending = try runs.filter { run in
      let folder = folder(run)
      return try removingDamaged(folder.result, in: folder) { try folder.record() } == nil
    }
    if !pending.isEmpty { try train(pending) }
    // All files in it are closed here: on a network file system an open file would keep its folder from being removed.
    try FileAccess.removeFolder(trunkFolder.path, mayRemove: control.mayWrite)
  }

  private func train(_ pending: [RunConfiguration]) throws {
    try control.mayWrite()
    try FileAccess.makeFolder(trunkFolder.path)
    try removeCheckpointIfDamaged(trunkFolder, of: runs[0].trunk)
    let trunkProvenance = try begin(trunkFolder, runs[0].trunk)
    var provenances: [Provenance] = []
    for run in pending {
      try FileAccess.makeFolder(folder(run).path)
      try fence(run)
      try removeCheckpointIfDamaged(folder(run), of: run)
      provenances.append(try begin(folder(run), run, after: trunkProvenance))
    }
    try resumeTrunk(for: pending)
    control.spared(trainer.state.tokens)
    let state = trainer.state
    let trunk = TrainingState(copying: state)
    let log = try MetricsLog(trunkFolder.metrics, after: state.step, mayReplace: control.mayWrite)
    for group in Self.byTraining(zip(pending, provenances).map { Member(run: $0, provenance: $1) }) {
      let began = ContinuousClock.now
      let isTrained = try !hasCheckpoint(group[0].run) && readsFinalState(of: group[0].run)
      if try !isTrained && !hasCheckpoint(group[0].run) {
        try trainTrunk(to: branchPoint(of: group[0].run), log)
        try log.synchronize()
        trunk.copy(from: state)
        if group[0].run.trunkIdentifier != group[0].run.identifier { try writeTrunk() }
      }
      try trainBranch(group, isTrained: isTrained, trunkSeconds: (ContinuousClock.now - began).seconds)
      state.copy(from: trunk)
    }
  }

  /// A run that is not finished.
  private struct Member {
    let run: RunConfiguration
    let provenance: Provenance
  }

  /// The runs in groups that have one training, and differ in what happens to its weights afterwards.
  private static func byTraining(_ members: [Member]) -> [[Member]] {
    var groups: [[Member]] = []
    for member in members {
      if let last = groups.indices.last, groups[last][0].run.trained == member.run.trained {
        groups[last].append(member)
      } else {
        groups.append([member])
      }
    }
    return groups
  }

  /// Reads the state at the end of a run's training, if that is that of a finished run whose checkpoint was kept.
  ///
  /// - Returns: Whether there is such a state.
  private func readsFinalState(of run: RunConfiguration) throws -> Bool {
    let trained = folder(run.trained)
    guard run.trained != run, try FileAccess.exists(trained.checkpoint),
      let result = try trained.finishedRecord()?.result, result.status == .completed
    else { return false }
    let before = TrainingState(copying: trainer.state)
    do {
      try Checkpoint(run.trained, trainer.transformer).read(trained.checkpoint, into: trainer.state)
      if trainer.state.tokens == result.tokens {
        control.spared(result.tokens - before.tokens)
        return true
      }
    } catch let error as InputError where error.systemError == nil {
      control.damaged(error)
    }
    trainer.state.copy(from: before)
    return false
  }

  // MARK: Ownership

  /// Throws where nothing may be written into a run's folder: another process has taken over, or has finished the run.
  private func fence(_ run: RunConfiguration) throws {
    try control.mayWrite()
    if try FileAccess.exists(folder(run).result) { throw Overtaken() }
  }

  /// Writes the configuration and the provenance of a run or the trunk into its folder.
  ///
  /// - Parameter parent: The provenance of the trunk, for a run that leaves it.
  /// - Returns: The provenance, this process included.
  private func begin(
    _ folder: RunFolder, _ run: RunConfiguration, after parent: Provenance? = nil
  ) throws -> Provenance {
    let earlier =
      try FileAccess.exists(folder.checkpoint) ? unlessDamaged(folder.description)?.provenance : parent
    let provenance = self.provenance.continuing(earlier)
    if provenance != self.provenance, provenance != parent {
      control.remark(
        "\(folder.path): resumed with another instruction set or other kernels, so that the last digits may differ: "
          + "\(provenance.instructions ?? "unknown"); \(provenance.kernelNames); OpenBLAS for \(provenance.blasKernel)"
      )
    }
    try FileAccess.write(
      recordJSON(RunDescription(configuration: run, provenance: provenance)), to: folder.configuration,
      mayReplace: control.mayWrite)
    return provenance
  }

  // MARK: Damage

  /// The content that `read` finds in the file at `path`. A damaged file is reported and removed.
  ///
  /// - Throws: `InputError` if the file cannot be read; it is not removed then.
  private func removingDamaged<Content>(
    _ path: String, in folder: RunFolder, _ read: () throws -> Content?
  ) throws -> Content? {
    do {
      return try read()
    } catch let error as InputError where error.systemError == nil {
      try FileAccess.remove([path], through: folder.path) {
        try control.mayWrite()
        control.damaged(error)
      }
      return nil
    }
  }

  /// Removes a checkpoint that is damaged, or whose log is: nothing can resume from it.
  private func removeCheckpointIfDamaged(_ folder: RunFolder, of run: RunConfiguration) throws {
    guard try FileAccess.exists(folder.checkpoint) else { return }
    _ = try removingDamaged(folder.checkpoint, in: folder) {
      try Checkpoint(run, trainer.transformer).check(folder)
    }
  }

  // MARK: The trunk

  /// Resumes from the trunk's checkpoint, unless it lies beyond the first branch that has not begun.
  private func resumeTrunk(for pending: [RunConfiguration]) throws {
    guard try FileAccess.exists(trunkFolder.checkpoint) else { return }
    let fresh = TrainingState(copying: trainer.state)
    try Checkpoint(runs[0].trunk, trainer.transformer).read(trunkFolder.checkpoint, into: trainer.state)
    let next = try pending.first { try !hasCheckpoint($0) }
    if let next, trainer.state.tokens > firstStepEnd(atOrAfter: branchPoint(of: next), next) {
      trainer.state.copy(from: fresh)
    }
  }

  private func branchPoint(of run: RunConfiguration) -> Int {
    run.training.schedule.branchPoint(tokens: run.training.tokens)
  }

  /// The tokens at the end of the first step that reaches `point`.
  private func firstStepEnd(atOrAfter point: Int, _ run: RunConfiguration) -> Int {
    var seen = 0
    while seen < point { seen += run.training.batch.tokens(after: seen) }
    return seen
  }

  private func trainTrunk(to point: Int, _ log: MetricsLog) throws {
    while trainer.state.tokens < point && !trainer.hasDiverged {
      try step(of: point, log) { try writeTrunk() }
    }
  }

  // MARK: A branch

  private func hasCheckpoint(_ run: RunConfiguration) throws -> Bool {
    try FileAccess.exists(folder(run).checkpoint)
  }

  /// Trains a branch, and evaluates it for each run of a group.
  ///
  /// - Parameter isTrained: Whether the state is that at the end of the training.
  private func trainBranch(_ group: [Member], isTrained: Bool, trunkSeconds: Double) throws {
    let run = group[0].run
    let began = ContinuousClock.now
    let (state, folder) = (trainer.state, folder(run))
    let log: MetricsLog
    if try hasCheckpoint(run) {
      let before = state.tokens
      try Checkpoint(run, trainer.transformer).read(folder.checkpoint, into: state)
      control.spared(state.tokens - before)
      log = try MetricsLog(folder.metrics, after: state.step) { try fence(run) }
    } else if isTrained {
      log = try MetricsLog(folder.metrics, after: state.step, parent: self.folder(run.trained).metrics) {
        try fence(run)
      }
    } else {
      state.branched = state.tokens
      log = try MetricsLog(folder.metrics, after: state.step, parent: trunkFolder.metrics) { try fence(run) }
      // The cooldown's part of the curve begins where the run leaves the trunk.
      if state.tokens > 0, state.tokens < run.training.tokens {
        try evaluateForCurve(log)
      }
    }
    let before = state.tokens
    while state.tokens < run.training.tokens && !trainer.hasDiverged {
      try step(of: run.training.tokens, log) { try write(run) }
    }
    let trained = ContinuousClock.now
    try log.synchronize()
    // Each log ends with its own evaluation.
    let logs =
      try [log]
      + group.dropFirst().map { member in
        try MetricsLog(self.folder(member.run).metrics, after: state.step, parent: folder.metrics) {
          try fence(member.run)
        }
      }
    for (member, log) in zip(group, logs) {
      let tokensPerSecond = Double(state.tokens - before) / (trained - began).seconds
      let isFirst = member.run == run
      // One checkpoint is enough for runs that have the same weights.
      try finish(
        member, log, since: isFirst ? began : .now, trunkSeconds: isFirst ? trunkSeconds : 0,
        tokensPerSecond, keepsCheckpoint: isFirst && control.keepsCheckpoints)
    }
  }

  /// Evaluates a model that is trained, and writes the record of its run.
  private func finish(
    _ member: Member, _ log: MetricsLog, since began: ContinuousClock.Instant, trunkSeconds: Double,
    _ tokensPerSecond: Double, keepsCheckpoint: Bool
  ) throws {
    let (run, state, folder) = (member.run, trainer.state, folder(member.run))
    let evaluation = try trainer.hasDiverged ? nil : evaluateAtEnd(run, log)
    let final = evaluation.flatMap { trainer.hasDiverged(at: $0.loss, of: run.training) ? nil : $0 }
    let knowledge = try final != nil && run.training.knowledge == true ? measureKnowledge(run) : nil
    let result = try self.result(of: run, final, knowledge)
    try log.synchronize()
    if keepsCheckpoint { try write(run) }
    let seconds = (ContinuousClock.now - began).seconds
    try FileAccess.write(
      recordJSON(
        RunTiming(
          seconds: seconds, trunkSeconds: trunkSeconds, tokensPerSecond: tokensPerSecond,
          decodingSeconds: DecodingStep(trainer.transformer, parameters: state.parameters).measure())),
      to: folder.timing, mayReplace: { try fence(run) })
    let record = RunRecord(configuration: run, provenance: member.provenance, result: result)
    try record.write(to: folder) { try fence(run) }
    control.finished(record)
    if !keepsCheckpoint, try hasCheckpoint(run) {
      try FileAccess.remove([folder.checkpoint], through: folder.path, mayRemove: control.mayWrite)
    }
  }

  /// The evaluation on all validation windows. If it is cancelled, the state at the end of training is saved first.
  private func evaluateAtEnd(_ run: RunConfiguration, _ log: MetricsLog) throws -> Evaluation {
    try log.synchronize()
    let evaluation = try trainer.evaluate(as: run.training, beforeRound: saving(run))
    return try report(evaluation, log)
  }

  /// What the model knows. If the measurement is cancelled, the state at the end of training is saved first.
  private func measureKnowledge(_ run: RunConfiguration) throws -> Knowledge {
    try trainer.knowledge(of: trainer.state.tokens, as: run.training, beforeRound: saving(run))
  }

  /// Returns what is called during a measurement: if the training is cancelled, it saves the state and throws.
  private func saving(_ run: RunConfiguration) -> () throws -> Void {
    var lastAsked = ContinuousClock.now
    return { [self] in
      guard ContinuousClock.now - lastAsked > .milliseconds(100) else { return }
      lastAsked = .now
      guard try control.isCancelled() else { return }
      try write(run)
      throw Cancelled()
    }
  }

  // MARK: Trunk and branches

  /// A step, and a checkpoint by `write` if it is due.
  private func step(of tokens: Int, _ log: MetricsLog, write: () throws -> Void) throws {
    let before = trainer.state.tokens
    var (lastAsked, failure): (ContinuousClock.Instant, (any Error)?) = (.now, nil)
    let metrics = trainer.step(of: tokens) {
      guard .now - lastAsked > .milliseconds(100) else { return false }
      lastAsked = .now
      do { return try control.isCancelled() } catch {
        failure = error
        return true
      }
    }
    if let failure { throw failure }
    guard let metrics else {
      if trainer.state.step > 0 {
        try log.synchronize()
        try write()
      }
      throw Cancelled()
    }
    try log.append(metrics)
    control.progress(trainer.state.tokens - before, 0)
    if !trainer.hasDiverged,
      LearningCurve.hasPoint(
        after: before, through: trainer.state.tokens, branched: trainer.state.branched, end: tokens)
    {
      try evaluateForCurve(log)
    }
    try checkpointIfDue(log, write)
  }

  private func evaluateForCurve(_ log: MetricsLog) throws {
    _ = try report(trainer.evaluate(windows: LearningCurve.windows), log)
  }

  private func report(_ evaluation: Evaluation, _ log: MetricsLog) throws -> Evaluation {
    try log.append(EvaluationMetrics(evaluation, tasks: corpus.tasks, trainer.state))
    try log.flush()
    control.progress(0, evaluation.windows)
    return evaluation
  }

  private func checkpointIfDue(_ log: MetricsLog, _ write: () throws -> Void) throws {
    let isCancelled = try control.isCancelled()
    if isCancelled || (ContinuousClock.now - lastCheckpoint).seconds > control.checkpointInterval {
      try log.synchronize()
      try write()
      lastCheckpoint = .now
    }
    if isCancelled { throw Cancelled() }
  }

  /// Writes the state into the folder of the trunk.
  private func writeTrunk() throws {
    try Checkpoint(runs[0].trunk, trainer.transformer).write(
      trainer.state, to: trunkFolder, tokenizer: corpus.tokenizer, mayReplace: control.mayWrite)
  }

  /// Writes the state into the folder of a run.
  private func write(_ run: RunConfiguration) throws {
    try Checkpoint(run, trainer.transformer).write(
      trainer.state, to: folder(run), tokenizer: corpus.tokenizer, mayReplace: { try fence(run) })
  }

  private func result(
    of run: RunConfiguration, _ evaluation: Evaluation?, _ knowledge: Knowledge?
  ) throws -> RunResult {
    let entropy = corpus.validationEntropy
    let trained = try sampled.map(\.entropy) ?? corpus.trainingEntropy(tokens: trainer.state.tokens)
    let bitsPerByte = { (nats: Double) in nats / log(2) / self.corpus.bytesPerToken }
    return RunResult(
      status: evaluation == nil ? .diverged : .completed, counts: Counts(trainer.transformer),
      tokens: trainer.state.tokens, uniqueTokens: trainer.uniqueTokens(of: trainer.state.tokens),
      steps: trainer.state.step, flops: trainer.flops, loss: evaluation?.loss,
      lossStandardError: evaluation?.standardError,
      reducibleStandardError: evaluation?.reducibleStandardError,
      lossBitsPerByte: (evaluation?.loss).map(bitsPerByte),
      entropy: entropy?.total, entropyBitsPerByte: (entropy?.total).map(bitsPerByte),
      trainingEntropy: trained?.mean, trainingEntropyStandardError: trained?.standardError,
      tasks: evaluation.map { evaluation in
        corpus.tasks.indices.filter { evaluation.fractions[$0] > 0 }.map { index in
          RunResult.TaskLoss(
            task: corpus.tasks[index], fraction: evaluation.fractions[index], loss: evaluation.tasks[index],
            entropy: entropy?.tasks[index],
            exactMatch: evaluation.exactMatches[index].isNaN ? nil : evaluation.exactMatches[index])
        }
      } ?? [],
      positions: evaluation.map { [RunResult.PositionLoss](averaging: $0.positions) },
      activeHidden: evaluation?.activeHidden,
      routing: evaluation.flatMap { $0.routing.isEmpty ? nil : $0.routing },
      validationTokens: corpus.validation.targetCount, knowledge: knowledge, samples: sampled?.statistics)
  }
}

extension RunConfiguration {
  /// Its place among the runs of a trunk.
  fileprivate var order: (Int, String, String) {
    (training.tokens, training.pruned?.description ?? "", training.quantised?.rawValue ?? "")
  }
}

extension Duration {
  /// The duration in seconds.
  package var seconds: Double { Double(components.seconds) + 1e-18 * Double(components.attoseconds) }
}
