import ArgumentParser
import Experiments
import Files
import Foundation

/// `isoflop run`: the whole way from an experiment's file to its report.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Trains an experiment's grid, fits its laws and writes the report.",
    discussion:
      "Interrupted however, the same command goes on where it was. Finished runs are never done again.")

  @Argument(help: "The experiment's file.")
  var file: String
  @OptionGroup var options: TrainingOptions

  func run() throws {
    let session = try TrainingSession([options.experiment(file)], options)
    let plan = session.plans[0]
    if options.dryRun { return printPlan(plan, session) }
    print(plan.experiment.title)
    session.announce()
    let failures = try session.train(0)
    guard failures.isEmpty else {
      complain("\(failures.count) trunks failed; what was finished is kept")
      throw ExitCode(Status.someRunsFailed.rawValue)
    }
    try ExperimentResults.write(of: plan, in: session.store, corpora: session.corpora).print()
    print("report  \(session.store.folder(of: plan.experiment))/report.html")
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
      "in all about \(duration(scheduler.predictedSeconds(workers: session.workers))) on \(session.workers) cores, "
        + "\(number(plan.runs.trainingFlops)) FLOPs; \(number(plan.runs.reduce(0) { $0 + $1.flops })) if each run "
        + "were trained alone")
  }
}
