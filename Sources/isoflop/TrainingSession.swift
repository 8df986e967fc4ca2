import ArgumentParser
import Execution
import Files
import Foundation
import Plans

/// Experiments that are trained together, each run once: `run` has one of them, `book` many.
struct TrainingSession {
  let plans: [Plan]
  let store: RunStore
  let corpora: CorpusCache
  let scheduler: Scheduler
  private let options: TrainingOptions
  private let trainer: JobTrainer

  /// Plans all experiments, so that their errors are reported before anything is trained.
  ///
  /// - Parameters:
  ///   - results: Where the folders of results are; nil for the folder of runs.
  ///   - shard: The part of the trunks to train; nil for all.
  init(
    _ experiments: [ExperimentFile], _ options: TrainingOptions, results: String? = nil, shard: Shard? = nil
  ) throws {
    Stop.shared.farewell.withLock { $0 = Stop.interrupted }
    options.kernels.apply()
    KernelOptions.warn()
    try MemoryNeed.checkBase()
    let corpora = CorpusCache(allowing: options.corpora)
    plans = try experiments.map { try Plan($0, corpora: corpora) }
    complain(notes: plans.flatMap(\.notes))
    self.corpora = corpora
    self.options = options
    let store =
      try options.dryRun
      ? RunStore(reading: options.output, results: results) : RunStore(options.output, results: results)
    self.store = store
    if !options.dryRun { try store.useUntilTheEnd() }
    for experiment in experiments { try store.checkFolder(of: experiment) }
    let cores = ProcessInfo.processInfo.activeProcessorCount
    let workers = min(options.jobs ?? cores, cores)
    scheduler = try Scheduler(
      plans, store: store, corpora: corpora, workers: workers, shard: shard)
    trainer = JobTrainer(
      scheduler.jobs, of: Self.runs(of: plans).map(TrunkJob.Run.init), store: store, workers: workers, options
    )
  }

  var workers: Int { trainer.workers }

  /// The identifiers of the runs that were not finished when the session began.
  var pending: Set<String> { Set(scheduler.jobs.flatMap(\.identifiers)) }

  /// All runs, each once.
  var runs: [PlannedRun] { Self.runs(of: plans) }

  private static func runs(of plans: [Plan]) -> [PlannedRun] {
    var seen: Set<String> = []
    return plans.flatMap(\.runs).filter { seen.insert($0.configuration.identifier).inserted }
  }

  /// Prints how much there is to do.
  func announce() throws {
    let (all, left) = (runs, pending.count)
    let finished = try all.count - store.missing(all)
    let time = duration(scheduler.predictedSeconds)
    options.out.say(
      "\(all.count) runs, \(finished) of them finished before"
        + (scheduler.isShard ? "; \(left) are in this shard" : "")
        + (left == 0 ? "" : "; about \(time) of training on \(workers) cores"))
  }

  /// Writes a plan's `plan.json`, which `isoflop status` reads.
  @discardableResult
  func freeze(_ index: Int) throws -> FrozenPlan {
    let folder = store.folder(of: plans[index].experiment)
    try FileAccess.makeFolder(folder)
    let frozen = FrozenPlan(
      plans[index], scheduler, index: index, folder: folder, isShrunken: options.shrink)
    let path = "\(folder)/plan.json"
    if let last = try FrozenPlan.last(in: folder, of: plans[index].experiment) {
      for source in frozen.corporaChanged(since: last) {
        complain(
          "\(source): has changed since this experiment was last planned: its runs get new identifiers and start from the beginning. "
            + "If this is not intended, restore the file.")
      }
    }
    try frozen.write(to: path)
    return frozen
  }

  /// Trains the runs of a plan that are not finished yet. Forecasts are printed before the runs that they predict are
  /// trained.
  ///
  /// - Parameter label: The label of the line of progress.
  /// - Returns: The trunks that failed. Later stages are not trained then.
  func train(_ index: Int, label: String = "") throws -> [JobQueue.Failure] {
    guard trainer.stop != nil else { return [] }
    var failures: [JobQueue.Failure] = []
    for (order, stage) in scheduler.stages[index].enumerated() {
      if order > 0 {
        try requireFinished(
          scheduler.stages[index][..<order].flatMap(\.plan.runs), in: store, isShard: scheduler.isShard)
        try announceForecasts(of: plans[index], before: stage.plan, store: store, options.out)
      }
      failures += try trainer.train(stage.jobs, label: label)
      guard failures.isEmpty else { break }
    }
    return failures
  }

  /// Removes what interrupted commands have left of finished grids.
  func removeRemains() throws {
    for plan in plans where try store.missing(plan.runs) == 0 { try store.removeRemains(of: plan) }
  }
}

extension RunStore {
  /// Records that this command uses the folder, until it ends.
  func useUntilTheEnd() throws {
    let claim = try enter()
    Console.beforeLeaving { [claims] _ in
      claims.releaseAll()
      claim.finish()
    }
  }
}
