import Analysis
import ArgumentParser
import Execution
import Files
import Foundation
import Plans
import Reports

/// `isoflop collect`: fits and reports the finished runs, and trains nothing.
struct CollectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "collect", abstract: "Fits and reports the finished runs, and trains nothing.",
    discussion:
      "Exit status 0 if all runs are finished and all expectations met, 1 if one is not met, 3 if runs are missing; "
      + "the report counts them.")

  @Argument(
    help: "The experiment's file, or the name of a bundled experiment.",
    completion: .file(extensions: ["yaml", "yml"]))
  var file: String
  @OptionGroup var options: TrainingOptions
  @Option(help: ArgumentHelp("The plan whose runs are collected.", visibility: .hidden))
  var frozen: String?

  func run() throws {
    let renderer = try options.figures.renderer()
    let corpora = CorpusCache(allowing: options.corpora)
    let plan = try Plan(options.experiment(file), corpora: corpora)
    complain(notes: plan.notes)
    let store = try RunStore(options.output)
    try store.useUntilTheEnd()
    try store.checkFolder(of: plan.experiment)
    if let frozen { try FrozenPlan(contentsOf: frozen).requireSame(as: plan) }
    try collect(plan, in: store, corpora, options.out, renderer)
  }
}

/// What `--json` prints of an experiment.
private struct Summary: Encodable {
  /// Numbers of runs.
  let runs: Int
  let missing: Int
  let report: String
  let fits: Fits
  /// The same tables as on the terminal and on the page.
  let findings: [FindingJSON]
  let expectations: Table
}

/// Fits and reports the finished runs of a plan.
///
/// - Parameter renderer: Draws the figures; nil for none.
/// - Throws: The exit status of missing runs, or of an expectation that is not met.
func collect(
  _ plan: Plan, in store: RunStore, _ corpora: CorpusCache, _ out: OutputOptions, _ renderer: Renderer?
) throws {
  guard try store.missing(plan.runs) < plan.runs.count else {
    throw InputError(
      "no run is finished", file: plan.experiment.path, remedy: "Train some with `isoflop run`")
  }
  let results = try ExperimentResults.write(
    of: plan, in: store, corpora: corpora, renderer: renderer, isProgressShown: out.verbosity > .quiet)
  let missing = results.missing
  let report = "\(store.folder(of: plan.experiment))/report.html"
  if out.json {
    try printJSON(
      Summary(
        runs: plan.runs.count, missing: missing, report: report, fits: results.fits,
        findings: Finding.all(in: results.fits).map(FindingJSON.init),
        expectations: Table(.verdicts(results.verdicts))))
  } else {
    results.print()
  }
  out.say("report  \(report)")
  if missing > 0 {
    complain("\(missing) of \(plan.runs.count) runs are missing")
    throw ExitCode(Status.someRunsFailed.rawValue)
  }
  guard results.verdicts.allSatisfy(\.passed) else { throw ExitCode(Status.expectationFailed.rawValue) }
}
