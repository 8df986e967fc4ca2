import Files
import Foundation
import Training

/// What came of an experiment, a row a run: the file `results.csv`.
///
/// Equal runs give equal bytes: rows are in the order of the plan, numbers have the shortest digits that give them
/// again, and nothing depends on the machine's speed.
public struct ResultsTable: Sendable {
  /// One run.
  public struct Row: Sendable {
    fileprivate let cells: [String: Column.Cell]

    /// The text of a column; empty where there is none.
    public func text(_ column: String) -> String { cells[column]?.description ?? "" }

    /// The number of a column, if there is one.
    public func number(_ column: String) -> Double? {
      switch cells[column] {
      case .number(let number): number
      case .integer(let integer): Double(integer)
      case .text, .some(.none), nil: nil
      }
    }

    /// Whether the run has come to its end with a loss.
    public var isCompleted: Bool { text("status") == RunResult.Status.completed.rawValue }
  }

  /// The task families, which have columns of their own.
  public let families: [String]
  public let rows: [Row]

  /// The columns, in their order.
  public var columns: [Column] { Column.all(families: families) }

  /// The table of a plan, whose runs are missing where `result` gives nil.
  public init(_ plan: Plan, result: (PlannedRun) throws -> RunResult?) rethrows {
    families = plan.families
    let columns = Column.all(families: families)
    rows = try plan.runs.map { run in
      let result = try result(run)
      return Row(cells: Dictionary(uniqueKeysWithValues: columns.map { ($0.name, $0.cell(run, result)) }))
    }
  }

  /// Reads a table that was written by `write`.
  ///
  /// - Throws: `InputError` with file and line, if a column is missing or unknown or a cell is not what it should be.
  public init(contentsOf path: String) throws { try self.init(path: path, text: FileAccess.readText(path)) }

  /// Reads the table that stands at `path` as `text`.
  package init(path: String, text: String) throws {
    let file = try CSVFile(path: path, text: text)
    let families = file.header.dropFirst(Column.fixed.count).filter { $0.hasPrefix("loss_") }.map {
      String($0.dropFirst("loss_".count))
    }
    let columns = Column.all(families: families)
    guard file.header == columns.map(\.name) else {
      let known = columns.map(\.name)
      let odd =
        file.header.first { !known.contains($0) } ?? known.first { !file.header.contains($0) } ?? "order"
      throw InputError(
        "is not a table of results of this version: see column `\(odd)`", file: path, line: 1,
        remedy:
          "Give the command `isoflop run` again, which writes it anew, or `isoflop fit` for a table of another kind"
      )
    }
    self.families = families
    rows = try file.rows.map { row in
      let cells = try zip(columns, row.cells).map { column, text in
        (column.name, try column.cell(from: text, path: path, line: row.line))
      }
      return Row(cells: Dictionary(uniqueKeysWithValues: cells))
    }
  }

  /// Writes the table atomically.
  public func write(to path: String) throws { try FileAccess.write(Data(csv.utf8), to: path) }

  /// The table as text.
  public var csv: String {
    let names = columns.map(\.name)
    let lines = [names] + rows.map { row in names.map { row.text($0) } }
    return lines.map { $0.map(CSVFile.escape).joined(separator: ",") + "\n" }.joined()
  }

  /// The completed runs.
  public var completed: [Row] { rows.filter(\.isCompleted) }
}

extension Column {
  fileprivate func cell(from text: String, path: String, line: Int) throws -> Cell {
    let cell: Cell? =
      switch kind {
      case .text: .text(text)
      case .integer: text.isEmpty ? Cell.none : Int(text).map(Cell.integer)
      case .number: text.isEmpty ? Cell.none : Double(text).flatMap { $0.isFinite ? Cell.number($0) : nil }
      }
    guard let cell else {
      throw InputError(
        "`\(name)` is `\(text)`, not a number", file: path, line: line,
        remedy: "Give the command `isoflop run` again, which writes the table anew")
    }
    return cell
  }
}
