import ArgumentParser
import Experiments
import Files
import Foundation

extension Share: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}

/// `isoflop run`: the whole way from an experiment's file to its report.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Trains an experiment's grid, fits its laws and writes the report.",
    discussion:
      "Interrupted however, the same command goes on where it was. Finished runs are never done again.")

  @Argument(help: "The experiment's file.")
  var file: String
  @OptionGroup var options: TrainingOptions
  @Option(help: "local, or slurm: the queue of a cluster, which shares this folder.")
  var engine = Engine.local
  @Option(help: "Which part of the work to do, as 2/8: the second of eight that no two processes share.")
  var shard: Share?
  @OptionGroup(title: "Options of --engine slurm") var slurm: SlurmOptions

  enum Engine: String, ExpressibleByArgument, CaseIterable {
    case local, slurm
  }

  func validate() throws {
    if engine == .slurm, shard != nil { throw ValidationError("--shard is for other engines than Slurm.") }
  }

  func run() throws {
    let session = try TrainingSession([options.experiment(file)], options, share: shard)
    let plan = session.plans[0]
    if options.dryRun { return printPlan(plan, session) }
    print(plan.experiment.title)
    session.announce()
    if engine == .slurm { return try SlurmEngine(session: session, options: options, slurm: slurm).run() }
    try session.freeze(0)
    let failures = try session.train(0)
    guard failures.isEmpty else {
      complain("\(failures.count) trunks failed; what was finished is kept")
      throw ExitCode(Status.someRunsFailed.rawValue)
    }
    let missing = plan.runs.count { !session.store.isFinished($0.configuration) }
    guard missing == 0 else {
      // Whoever finishes last makes the report.
      return print("this share is done; \(missing) runs of others are not yet")
    }
    try collect(plan, in: session.store, session.corpora)
  }

  private func printPlan(_ plan: Plan, _ session: TrainingSession) {
    let (pending, scheduler) = (session.pending, session.scheduler)
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
      "in all about \(duration(scheduler.predictedSeconds)) on \(session.workers) cores, "
        + "\(number(plan.runs.trainingFlops)) FLOPs; \(number(plan.runs.reduce(0) { $0 + $1.flops })) if each run "
        + "were trained alone")
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
  @Option(help: "whole or minutes: which form of the experiment was run.")
  var tier = Tier.whole

  func run() throws {
    let experiment = try ExperimentFile(contentsOf: file, tier: tier)
    let folder = "\(output)/\(experiment.name)"
    let table = try ResultsTable(contentsOf: "\(folder)/results.csv")
    let fits = try Fits(contentsOf: "\(folder)/fits.json")
    let verdicts = experiment.check(fits: fits, results: table)
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
