import ArgumentParser
import Files
import Plans

/// The flags of all commands that train experiments.
struct TrainingOptions: ParsableArguments {
  @Option(
    name: .shortAndLong, help: "The folder of runs and results, shared by all experiments.",
    completion: .directory)
  var output = "runs"
  @Option(name: .shortAndLong, help: "Runs at the same time, at most one per core, which is the default.")
  var jobs: Int?
  @Option(help: "whole, or minutes: the reduced form that the file's section `minutes` describes.")
  var tier = Tier.whole
  @Option(
    help: ArgumentHelp(
      "A folder that experiments may read texts and recipes from, besides their own and the current one; may be repeated.",
      valueName: "folder"), completion: .directory)
  var corpora: [String] = []
  @Option(help: "Stops cleanly after this time, for example 90s, 30m or 2h.", transform: Seconds.init)
  var maxTime: Seconds?
  @Option(
    help: "Stops cleanly after training with this number of floating-point operations, for example 1e13.",
    transform: Quantity.init)
  var maxFlops: Quantity?
  @Option(help: "How many times a failed trunk is tried again.")
  var retries = 1
  @Flag(help: "Stops all runs as soon as one has failed.")
  var failFast = false
  @Flag(help: "Prints the runs with their sizes and predicted times, and trains nothing.")
  var dryRun = false
  @Flag(help: "Trains a tiny form of the experiment, to see that it works.")
  var shrink = false
  @Flag(help: "Keeps the final weights of every run.")
  var keepCheckpoints = false
  @OptionGroup var kernels: KernelOptions
  @OptionGroup var figures: FigureOptions
  @OptionGroup var out: OutputOptions

  func validate() throws {
    if let jobs, jobs < 1 { throw ValidationError("--jobs must be at least 1.") }
    if retries < 0 { throw ValidationError("--retries must be at least 0.") }
  }

  /// The experiment of a file or of a bundled experiment's name, in the tier and form that the flags choose.
  func experiment(_ file: String) throws -> ExperimentFile {
    let experiment = try ExperimentFile(contentsOf: BundledExperiments.path(of: file), tier: tier)
    return shrink ? experiment.shrunken() : experiment
  }
}

extension Tier: ExpressibleByArgument {}

/// A time such as 90s, 30m, 2h or 1:30:00, or a number of seconds.
struct Seconds {
  let value: Double

  /// Reads an option.
  init(_ argument: String) throws {
    let fault = ValidationError("Write for example 90s, 30m or 2h.")
    let units = ["s": 1.0, "m": 60, "h": 3600, "d": 86400]
    let unit = argument.last.flatMap { units[String($0)] }
    let parts = (unit == nil ? argument : String(argument.dropLast())).split(
      separator: ":", omittingEmptySubsequences: false
    ).map { Double($0) }
    guard (1...3).contains(parts.count), unit == nil || parts.count == 1, !parts.contains(nil) else {
      throw fault
    }
    value = (unit ?? 1) * parts.reduce(0) { 60 * $0 + ($1 ?? 0) }
    guard value.isFinite, value > 0 else { throw fault }
  }
}
