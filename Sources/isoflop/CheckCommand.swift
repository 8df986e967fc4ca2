import Analysis
import ArgumentParser
import Files
import Plans

/// `isoflop check`: checks an experiment's results against its expectations.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Checks an experiment's results against the expectations in its file.")

  @Argument(
    help: "The experiment's file, or the name of a bundled experiment.",
    completion: .file(extensions: ["yaml"]))
  var file: String
  @Option(name: .shortAndLong, help: "The folder of runs and results.", completion: .directory)
  var output = "runs"
  @Option(help: "whole or minutes: which form of the experiment was run.")
  var tier = Tier.whole
  @Flag(help: "Prints JSON instead of a table.")
  var json = false

  func run() throws {
    let experiment = try ExperimentFile(contentsOf: BundledExperiments.path(of: file), tier: tier)
    let folder = "\(output)/\(experiment.name)"
    for name in ["results.csv", "fits.json"]
    where try !FileAccess.exists("\(folder)/\(name)") {
      let form = tier == .whole ? "" : " --tier \(tier.rawValue)"
      let place = output == "runs" ? "" : " --output \(output)"
      throw InputError(
        "has no results yet: there is no \(folder)/\(name)", file: file,
        remedy: "Run it first: `isoflop run \(file)\(form)\(place)`")
    }
    let table = try ResultsTable(contentsOf: "\(folder)/results.csv")
    let fits = try Fits(contentsOf: "\(folder)/fits.json")
    let verdicts = experiment.check(fits: fits, results: table)
    guard !verdicts.isEmpty else {
      throw InputError("has no expectations", file: file, remedy: "Add an `expect:` section")
    }
    try Table(.verdicts(verdicts)).print(json: json)
    if !verdicts.allSatisfy(\.passed) { throw ExitCode(Status.expectationFailed.rawValue) }
  }
}
