import ArgumentParser
import Experiments
import Files
import Foundation

/// The flags of all commands that train experiments.
struct TrainingOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "The folder of runs and results, shared by all experiments.")
  var output = "runs"
  @Option(name: .shortAndLong, help: "Runs at once. Default: one a core.")
  var jobs: Int?
  @Option(help: "whole, or minutes: the reduced form that the file's section `minutes` describes.")
  var tier = Tier.whole
  @Option(
    help: ArgumentHelp(
      "A folder that experiments may read texts and recipes from, besides their own and the current one; may be repeated.",
      valueName: "folder"))
  var corpora: [String] = []
  @Flag(help: "Prints what there is to train with its predicted time, and trains nothing.")
  var dryRun = false
  @Flag(help: "Trains a tiny form of the experiment, to see that it works.")
  var shrink = false
  @Flag(help: "Keeps the final weights of every run.")
  var keepCheckpoints = false

  func validate() throws {
    if let jobs, jobs < 1 { throw ValidationError("--jobs must be at least 1.") }
  }

  /// The experiment of a file in the form that the flags ask for.
  func experiment(_ file: String) throws -> ExperimentFile {
    let experiment = try ExperimentFile(contentsOf: file, tier: tier)
    return shrink ? experiment.shrunken() : experiment
  }
}

extension Tier: ExpressibleByArgument {}

/// Experiments that are trained together, each run once: `run` has one of them, `book` many.
struct TrainingSession {
  let plans: [Plan]
  let store: RunStore
  let corpora: CorpusCache
  let scheduler: Scheduler
  let workers: Int
  private let keepsCheckpoints: Bool
  /// Nil where nothing is to be trained: then nothing asks whether to stop.
  private let interruption: Interruption?
  private let progress: ProgressLine

  /// Opens and plans all experiments, so that their faults are told before anything is trained.
  init(_ experiments: [ExperimentFile], _ options: TrainingOptions) throws {
    let corpora = CorpusCache(allowing: options.corpora)
    plans = try experiments.map { try Plan($0, corpora: corpora) }
    self.corpora = corpora
    store = try RunStore(options.output)
    scheduler = try Scheduler(plans, store: store, corpora: corpora)
    workers = options.jobs ?? ProcessInfo.processInfo.activeProcessorCount
    keepsCheckpoints = options.keepCheckpoints
    interruption = scheduler.jobs.isEmpty || options.dryRun ? nil : Interruption()
    progress = ProgressLine(total: scheduler.totalSeconds)
  }

  /// The identifiers of the runs that were not finished at first.
  var pending: Set<String> {
    Set(scheduler.jobs.flatMap(\.runs).map(\.configuration.identifier))
  }

  /// All runs, each once.
  var runs: [PlannedRun] {
    var seen: Set<String> = []
    return plans.flatMap(\.runs).filter { seen.insert($0.configuration.identifier).inserted }
  }

  /// Says how much there is to do.
  func announce() {
    let (all, pending) = (runs.count, pending.count)
    let time = duration(scheduler.predictedSeconds(workers: workers))
    print(
      "\(all) runs, \(all - pending) of them finished before"
        + (pending == 0 ? "" : "; about \(time) of training on \(workers) cores"))
  }

  /// Trains what a plan still needs and no plan before it has trained. Forecasts are told before the runs that they
  /// are about.
  ///
  /// - Parameter label: what the line of progress calls it.
  /// - Returns: Trunks that failed.
  func train(_ index: Int, label: String = "") throws -> [Scheduler.Failure] {
    guard let interruption else { return [] }
    var failures: [Scheduler.Failure] = []
    for (order, stage) in scheduler.stages[index].enumerated() {
      if order > 0 { try announceForecasts(of: plans[index], before: stage.plan, store: store) }
      failures += try train(stage, label, interruption)
    }
    return failures
  }

  private func train(_ stage: Scheduler.Stage, _ label: String, _ interruption: Interruption) throws
    -> [Scheduler.Failure]
  {
    let outcome = progress.measure(label) {
      scheduler.run(
        stage.jobs, workers: workers, keepsCheckpoints: keepsCheckpoints,
        isCancelled: { interruption.hasHappened }, progress: { [progress] in progress.advance(by: $0) })
    }
    if outcome.wasCancelled {
      complain("interrupted: everything so far is saved, and the same command goes on from here")
      throw ExitCode(Status.interrupted.rawValue)
    }
    for failure in outcome.failures { complain(failure.text) }
    return outcome.failures
  }
}
