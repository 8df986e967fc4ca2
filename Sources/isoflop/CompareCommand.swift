import Analysis
import ArgumentParser
import Files
import Foundation
import Plans
import Reports
import ScalingLaws

/// `isoflop compare`: the factor of compute at equal loss between groups of runs.
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Shows how many times the compute one group of runs needs for the loss of another.",
    discussion: """
      Two tables, or groups of one:
        isoflop compare adamw.csv muon.csv
        isoflop compare moe-optimal --by experts --where 'seed=0'
        isoflop compare runs.csv --group 'optimizer=adamw' --group 'optimizer=muon' --in data
      A factor of 1.4 says that a group needs 1.4 times as much as the first group, the reference, at equal loss: the \
      mean over the losses that both reach, and whether it changes with scale. Nothing is extrapolated. For compute, \
      runs that spread over N and D are compared by the lowest loss at each compute under a law of N and D, others by \
      their compute-optimal frontier; for data and size, runs at one N or one D.
      """)

  @Argument(
    help: "An experiment with results (its name, file or folder), or a CSV file.",
    completion: .file(extensions: ["csv", "yaml"]))
  var first: String
  @Argument(help: "Another, to compare with the first.", completion: .file(extensions: ["csv", "yaml"]))
  var second: String?
  @Option(help: "A column, each of whose values is a group.")
  var by: String?
  @Option(
    name: .customLong("group"),
    help:
      "A condition whose rows are a group, such as optimizer=muon. Two or more; the first is the reference.")
  var groups: [String] = []
  @Option(name: .customLong("where"), help: "A condition on the rows of all groups. May be repeated.")
  var conditions: [String] = []
  @Option(help: "The group that the others are divided by, with --by. Default: the first in the table.")
  var reference: String?
  @Option(name: .customLong("in"), help: "The quantity of the factor: compute, data or size.")
  var quantity = Measure.compute
  @Option(
    name: .customLong("x"),
    help: "The column of a quantity and its unit, as for `isoflop fit`: N=size, D=tokens*1e9, loss=nll.")
  var columns: [String] = []
  @Option(
    help:
      "What the losses tend to: shared (one fitted floor), separate (one for each group), zero, entropy, or a number. Default: the entropy if it is known, else shared.",
    completion: .list(["shared", "separate", "zero", "entropy"]))
  var floor: String?
  @Option(help: "Bootstrap samples for the intervals; 0 for none.")
  var bootstraps = 1000
  @Option(help: "The seed of the bootstrap samples.")
  var seed: UInt64 = 1
  @Option(help: "The folder of runs, for experiments by name.", completion: .directory)
  var runs = "runs"
  @Option(
    name: .shortAndLong, help: "A folder for compare.json and report.html.", completion: .directory)
  var output: String?
  @OptionGroup var figures: FigureOptions
  @Flag(help: "Prints JSON instead of a table.")
  var json = false

  enum Measure: String, ExpressibleByArgument, CaseIterable {
    case compute, data, size

    var variable: Variable {
      switch self {
      case .compute: .compute
      case .data: .tokens
      case .size: .parameters
      }
    }
  }

  func validate() throws {
    guard [second != nil, by != nil, !groups.isEmpty].count(where: { $0 }) == 1 else {
      throw ValidationError("Give two tables, or one table with --by or with two --group.")
    }
    guard groups.count != 1 else { throw ValidationError("Give two or more --group.") }
    guard reference == nil || by != nil else { throw ValidationError("--reference needs --by.") }
    guard bootstraps >= 0 else { throw ValidationError("--bootstraps must not be negative.") }
  }

  func run() throws {
    let renderer = output == nil ? nil : try figures.renderer()
    let compared = try comparedGroups()
    let floor = try floorChoice()
    if let output { try FileAccess.makeFolder(output) }
    let progress = ProgressLine(total: 1)
    let multipliers = try Multipliers(
      of: compared, in: quantity.variable, floor: floor, bootstraps: bootstraps, seed: seed,
      progress: progress.reach)
    progress.finish()
    let finding = Finding.multipliers(multipliers)
    if json {
      try printJSON(Summary(multipliers: multipliers, finding: finding))
    } else {
      print("\(multipliers.convention)")
      finding.print()
    }
    if let output {
      try FileAccess.write(recordJSON(multipliers), to: "\(output)/compare.json")
      let names = compared.map(\.name)
      try MultiplierReport(of: multipliers, title: title(names)).write(to: output, renderer: renderer)
      if !json { print("report  \(output)/report.html") }
    }
    if let refusal = multipliers.rows.first?.refusal,
      multipliers.rows.allSatisfy({ $0.multiplier == nil })
    {
      throw InputError(
        "allows no comparison: \(refusal)", file: first,
        remedy: multipliers.rows.count > 1
          ? "See the reasons above" : "Add runs, or compare other groups or another quantity")
    }
  }

  private func title(_ names: [String]) -> String {
    names.count == 2 ? "\(names[1]) and \(names[0])" : "\(by ?? "Groups") in \(name(of: first))"
  }

  private func comparedGroups() throws -> [ComparedTable.Group] {
    let filters = try conditions.map { try RowFilter($0) }
    let given = try Dictionary(columns.map { try ObservationFile.role($0) }, uniquingKeysWith: { $1 })
    let open = { (table: String) in
      try ComparedTable(
        contentsOf: resultsPath(of: table, in: runs), columns: given, where: filters,
        settings: Setting.columns)
    }
    if let second {
      let (a, b) = (name(of: first), name(of: second))
      return [try open(first).group(a == b ? first : a), try open(second).group(a == b ? second : b)]
    }
    let table = try open(first)
    guard let by else { return try groups.map { try table.group($0, where: RowFilter($0)) } }
    var found = try table.groups(by: by)
    if let reference {
      guard let index = found.firstIndex(where: { [reference, "\(by) \(reference)"].contains($0.name) })
      else {
        throw InputError(
          "--reference \(reference) is no group",
          remedy: "Choose among \(found.map(\.name).joined(separator: ", "))")
      }
      found.insert(found.remove(at: index), at: 0)
    }
    return found
  }

  /// The name of a table in results.
  private func name(of table: String) -> String {
    URL(fileURLWithPath: table).deletingPathExtension().lastPathComponent
  }

  private func floorChoice() throws -> ComparedFloor {
    switch floor {
    case nil: return .automatic
    case "shared": return .shared
    case "separate": return .separate
    case "entropy": return .entropy
    case "zero": return .value(0)
    case .some(let text):
      guard let value = Double(text), value >= 0, value.isFinite else {
        throw InputError(
          "--floor \(text) is not a floor", remedy: "Write shared, separate, zero, entropy or a number")
      }
      return .value(value)
    }
  }
}

/// What `compare --json` prints: the content of compare.json, and the table made of it.
private struct Summary: Encodable {
  let multipliers: Multipliers
  let finding: Finding

  private enum Key: CodingKey { case findings }

  func encode(to encoder: any Encoder) throws {
    try multipliers.encode(to: encoder)
    var container = encoder.container(keyedBy: Key.self)
    try container.encode([FindingJSON(finding)], forKey: .findings)
  }
}

/// Returns the path of a table: a CSV file, or the results of an experiment that is given by its file, folder or name.
///
/// - Parameter runs: The folder of runs.
/// - Throws: `InputError` if there is none.
func resultsPath(of table: String, in runs: String) throws -> String {
  let isFile = ["yaml", "yml"].contains(URL(fileURLWithPath: table).pathExtension)
  let name = URL(fileURLWithPath: table).deletingPathExtension().lastPathComponent
  let results = isFile ? "\(runs)/\(name)/results.csv" : "\(table)/results.csv"
  for path in [results, "\(runs)/\(table)/results.csv"] where try FileAccess.exists(path) { return path }
  let kind = try FileAccess.kind(of: table)
  guard !isFile, let kind, kind != .folder else {
    let isWithoutResults = isFile || kind == .folder
    throw InputError(
      isWithoutResults
        ? "has no results yet: there is no \(results)" : "is neither a file nor an experiment in \(runs)",
      file: table,
      remedy: isFile ? "Run it first: `isoflop run \(table)`" : "`isoflop ls` lists experiments")
  }
  return table
}
