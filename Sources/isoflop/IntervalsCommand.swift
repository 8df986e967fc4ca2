import Analysis
import ArgumentParser
import ScalingLaws

/// `isoflop bench intervals`: how often intervals hold what they promise.
struct IntervalsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "intervals",
    abstract: "Counts how often 95 % intervals contain planted values, and how often bends are claimed.")

  @Argument(help: "The designs: surfaces, lines, clusters, profiles or bends. Default: all.")
  var groups: [CoverageStudy.Group] = []
  @Option(help: "Simulated tables of each design.")
  var sets = 200
  @Option(help: "Bootstrap samples for each interval.")
  var bootstraps = 1000
  @Option(
    help: "What is summed over the residuals of surfaces and lines: huber, least_squares or least_absolute.")
  var penalty = PenaltyChoice.leastSquares
  @Flag(help: "Prints JSON instead of a table.")
  var json = false

  func validate() throws {
    guard sets > 0, bootstraps > 0 else { throw ValidationError("--sets and --bootstraps must be positive.") }
  }

  func run() throws {
    let groups = groups.isEmpty ? CoverageStudy.Group.allCases : groups
    let rows = groups.flatMap {
      CoverageStudy(
        $0, sets: sets, bootstraps: bootstraps, objective: Objective(penalty.penalty(delta: Objective.delta))
      ).rows
    }
    if json { return try printJSON(rows) }
    printTable(
      ["design", "noise", "quantity", "tables", "held", "not identified", "missed"],
      rows.map { row in
        [
          row.design, "\(number(100 * row.noise)) %", row.quantity, "\(row.tables)",
          "\(row.held)", "\(row.unidentified)", "\(number(100 * row.missed)) %",
        ]
      })
  }
}

extension CoverageStudy.Group: ExpressibleByArgument {}
