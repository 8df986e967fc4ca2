import ArgumentParser
import Corpora
import Experiments
import Files
import Foundation
import Reports
import Training

/// `isoflop run`: the whole way from an experiment's file to its report.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Trains an experiment's grid, fits its laws and writes the report.",
    discussion:
      "Interrupted however, the same command goes on where it was. Finished runs are never done again.")

  @Argument(help: "The experiment's file.")
  var file: String
  @Option(name: .shortAndLong, help: "The folder of runs and results, shared by all experiments.")
  var output = "runs"
  @Option(name: .shortAndLong, help: "Runs at once. Default: one a core.")
  var jobs: Int?
  @Flag(help: "Prints the runs with their size, memory and predicted time, and trains nothing.")
  var dryRun = false
  @Flag(help: "Trains a tiny form of the experiment, to see that it works.")
  var shrink = false
  @Flag(help: "Keeps the final weights of every run.")
  var keepCheckpoints = false

  func validate() throws {
    if let jobs, jobs < 1 { throw ValidationError("--jobs must be at least 1.") }
  }

  func run() throws {
    let experiment = try ExperimentFile(contentsOf: file)
    let corpora = CorpusCache()
    let plan = try Plan(shrink ? experiment.shrunken() : experiment, corpora: corpora)
    let store = try RunStore(output)
    let workers = jobs ?? ProcessInfo.processInfo.activeProcessorCount
    if dryRun {
      return printPlan(plan, try Scheduler(plan, store: store, corpora: corpora), workers)
    }
    for (index, stage) in plan.stages.enumerated() {
      if index > 0 { try announceForecasts(of: plan, before: stage, store: store) }
      try train(stage, Scheduler(stage, store: store, corpora: corpora), workers)
    }
    try ExperimentResults(plan, store: store, corpora: corpora).writeAndPrint(
      to: store.folder(of: plan.experiment))
  }

  private func train(_ plan: Plan, _ scheduler: Scheduler, _ workers: Int) throws {
    let pending = scheduler.jobs.reduce(0) { $0 + $1.runs.count }
    print("\(plan.experiment.title)")
    print("\(plan.runs.count) runs, \(plan.runs.count - pending) of them finished before", terminator: "")
    print(
      pending == 0
        ? "" : "; about \(duration(scheduler.predictedSeconds(workers: workers))) on \(workers) cores")
    guard pending > 0 else { return }
    let interruption = Interruption()
    let progress = ProgressLine(total: scheduler.totalSeconds)
    let outcome = scheduler.run(
      workers: workers, keepsCheckpoints: keepCheckpoints, isCancelled: { interruption.hasHappened },
      progress: { progress.advance(by: $0) })
    progress.finish()
    if outcome.wasCancelled {
      complain("interrupted: everything so far is saved, and the same command goes on from here")
      throw ExitCode(Status.interrupted.rawValue)
    }
    guard outcome.failures.isEmpty else {
      for failure in outcome.failures { complain("\(failure.label): \(failure.error)") }
      complain("\(outcome.failures.count) trunks failed; what was finished is kept")
      throw ExitCode(Status.someRunsFailed.rawValue)
    }
  }

  private func printPlan(_ plan: Plan, _ scheduler: Scheduler, _ workers: Int) {
    let pending = Set(scheduler.jobs.flatMap(\.runs).map(\.configuration.identifier))
    printTable(
      ["run", "settings", "parameters", "tokens", "FLOPs", "memory", "seconds"],
      plan.runs.map { run in
        let identifier = run.configuration.identifier
        let isPending = pending.contains(identifier)
        let cost = scheduler.cost(of: run)
        return [
          identifier, run.label, "\(run.counts.total)", "\(run.tokens)", number(run.flops),
          isPending ? "\(cost.bytes >> 20) MiB" : "",
          isPending ? String(format: "%.1f", cost.seconds) : "finished",
        ]
      })
    print("seconds: of each run's own part, after it has left the trunk that it shares, with its evaluation")
    print(
      "in all about \(duration(scheduler.predictedSeconds(workers: workers))) on \(workers) cores, "
        + "\(number(plan.runs.reduce(0) { $0 + $1.flops })) FLOPs if each run were trained alone")
  }
}

/// `isoflop check`: whether an experiment came out as it should.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Holds an experiment's results against what its file expects.")

  @Argument(help: "The experiment's file.")
  var file: String
  @Option(name: .shortAndLong, help: "The folder of runs and results.")
  var output = "runs"

  func run() throws {
    let experiment = try ExperimentFile(contentsOf: file)
    let folder = "\(output)/\(experiment.name)"
    let table = try ResultsTable(contentsOf: "\(folder)/results.csv")
    let fits = try Fits(contentsOf: "\(folder)/fits.json")
    let verdicts = experiment.expectations.map { $0.check(fits: fits, results: table) }
    guard !verdicts.isEmpty else {
      throw InputError("expects nothing", file: file, remedy: "Add an `expect:` section")
    }
    printVerdicts(verdicts)
    if !verdicts.allSatisfy(\.passed) { throw ExitCode(Status.expectationFailed.rawValue) }
  }
}

/// Prints what was expected and found.
func printVerdicts(_ verdicts: [Verdict]) {
  printTable(
    ["", "expectation", "expected", "found"],
    verdicts.map { [$0.passed ? "pass" : "FAIL", $0.subject, $0.expected, $0.found] })
}
