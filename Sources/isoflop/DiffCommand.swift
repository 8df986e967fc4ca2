import Analysis
import ArgumentParser
import Execution
import Files

/// `isoflop diff`: the differences between two runs.
struct DiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Shows which settings and which numbers differ between two runs.",
    discussion:
      "Exit status 0 whether or not they differ, 2 if a run is not found or its name is ambiguous.")

  @Argument(
    help: "A run: its identifier, the beginning of it, or the path of its folder.", completion: .run)
  var first: String
  @Argument(help: "Another.", completion: .run)
  var second: String
  @Option(name: .shortAndLong, help: "The folder of runs.", completion: .directory)
  var output = "runs"
  @Flag(help: "Prints JSON instead of a table.")
  var json = false

  func run() throws {
    let runs = try [first, second].map { try StoredRun.named($0, in: output) }
    for run in runs {
      switch run.status {
      case .damaged:
        throw InputError("is damaged", file: run.folder.path, remedy: "Remove it with `isoflop clean`")
      case .otherVersion:
        throw InputError(
          "was made by another version", file: run.folder.path,
          remedy: "Compare it with the program that made it")
      case .completed, .diverged, .underWay: break
      }
    }
    let differences = RunDifference.all(between: runs[0], and: runs[1])
    guard json || !differences.isEmpty else { return print("no differences") }
    try Table(differences, runs[0].identifier, runs[1].identifier).print(json: json)
  }
}

extension Table {
  fileprivate init(_ differences: [RunDifference], _ first: String, _ second: String) {
    self.init(
      [
        Column("part", title: ""), Column("name", title: "what"), Column("first", title: first),
        Column("second", title: second), "difference", Column("exceeds_errors", title: "over 2 std. errors"),
        Column("first_error", title: nil), Column("second_error", title: nil),
      ],
      differences.map { row in
        [
          Cell(row.part.rawValue), Cell(row.name), Cell(row.first, row.errors?.first),
          Cell(row.second, row.errors?.second), Cell(row.difference),
          Cell(row.exceedsErrors, text: row.exceedsErrors == true ? "yes" : "no"),
          Cell(row.errors?.first), Cell(row.errors?.second),
        ]
      })
  }
}

extension Table.Cell {
  /// A number with its standard error; any other value as it is.
  fileprivate init(_ cell: Analysis.Cell, _ error: Double?) {
    guard let value = cell.number, let error else {
      self.init(cell)
      return
    }
    self.init(value, text: "\(number(value)) ± \(number(error))")
  }
}
