import Files
import Foundation

/// The results of an experiment, with one row for each run: the file `results.csv`.
///
/// Equal runs give equal bytes: rows are in the order of the plan, numbers have the shortest digits that give them
/// again, and nothing depends on the machine's speed.
public struct ResultsTable: Sendable {
  /// The columns of settings.
  public let settings: [Column]
  /// The tasks of the text. Each has its own columns.
  public let tasks: [String]
  /// The runs.
  public let rows: [RunRow]

  /// Creates a table.
  public init(settings: [Column], tasks: [String], rows: [RunRow]) {
    self.settings = settings
    self.tasks = tasks
    self.rows = rows
  }

  /// The columns, in order.
  public var columns: [Column] {
    Column.all(
      settings: settings, tasks: tasks, positions: Set(rows.flatMap(\.positions.keys)).sorted(),
      open: Set(rows.flatMap(\.open.keys)).sorted { $0.compare($1, options: .numeric) == .orderedAscending })
  }

  /// The tasks without those that are the answers of another task about one number of things, such as `recall_4`.
  public var wholeTasks: [String] {
    tasks.filter { name in
      guard let bar = name.lastIndex(of: "_") else { return true }
      let isNumber = name[name.index(after: bar)...].allSatisfy(\.isWholeNumber)
      return !isNumber || !tasks.contains(String(name[..<bar]))
    }
  }

  /// The completed runs.
  public var completed: [RunRow] { rows.filter(\.isCompleted) }

  /// Reads a table that was written by `write`. Columns of earlier versions are known by their former names, and
  /// columns that the file does not have stay empty.
  ///
  /// - Parameter settings: The columns of settings that there may be.
  /// - Throws: `InputError` with file and line, if a column is unknown, one that names the run, its status or its loss
  ///   is missing, or a cell is not what it should be.
  public init(contentsOf path: String, settings: [Column]) throws {
    try self.init(path: path, text: FileAccess.readText(path), settings: settings)
  }

  /// Parses `text`, the contents of the file at `path`.
  ///
  /// - Throws: `InputError` as `init(contentsOf:settings:)`.
  public init(path: String, text: String, settings: [Column]) throws {
    let file = try CSVFile(path: path, text: text)
    let tasks = file.header.filter { $0.hasPrefix("exact_match_") }.map {
      String($0.dropFirst("exact_match_".count))
    }
    let known = Column.all(
      settings: settings, tasks: tasks, positions: file.header.compactMap(Column.lastPosition),
      open: file.header.filter { name in
        Column.openColumn(name) != nil && !settings.contains { $0.name == name }
      })
    let byName = Dictionary(
      known.flatMap { column in ([column.name] + column.formerNames).map { ($0, column) } },
      uniquingKeysWith: { first, _ in first })
    let odd =
      file.header.first { byName[$0] == nil }
      ?? ["run", "trunk", "status", "loss"].first { !file.header.contains($0) }
    if let odd {
      throw InputError(
        "is not a table of results of this version: see column `\(odd)`", file: path, line: 1,
        remedy:
          "Write it again with `isoflop run`, or use `isoflop fit` for a table of another kind"
      )
    }
    self.settings = settings
    self.tasks = tasks
    rows = try file.rows.map { line in
      var row = RunRow()
      for (name, text) in zip(file.header, line.cells) {
        guard let column = byName[name] else { continue }
        column.fill(&row, try column.cell(from: text, path: path, line: line.line))
      }
      return row
    }
  }

  /// Writes the table atomically.
  ///
  /// - Throws: `InputError` if it cannot be written.
  public func write(to path: String) throws { try FileAccess.write(Data(csv.utf8), to: path) }

  /// The contents of the file.
  public var csv: String {
    let columns = columns
    let lines = [columns.map(\.name)] + rows.map { row in columns.map { $0.cell(row).description } }
    return lines.map { $0.map(CSVFile.escape).joined(separator: ",") + "\n" }.joined()
  }
}

extension ReferenceTable {
  /// Returns the rows of the table as runs of an experiment. Columns are known by their names in `results.csv`. Runs of
  /// the same settings share a trunk.
  ///
  /// - Parameter settings: The columns of settings that there may be.
  /// - Throws: `InputError` if a cell is not what it should be, or the table has no loss.
  public func runs(settings: [Column]) throws -> [RunRow] {
    let path = "the reference \(name)"
    let file = try CSVFile(path: path, text: text)
    let columns = Column.all(settings: settings, tasks: [])
    return try file.rows.enumerated().map { index, line in
      var row = RunRow()
      row.run = "\(name) \(index + 1)"
      for (name, text) in zip(file.header, line.cells) {
        guard let column = columns.first(where: { $0.name == name }) else { continue }
        column.fill(&row, try column.cell(from: text, path: path, line: line.line))
      }
      row.trunk =
        "\(name) "
        + row.settings.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: " ")
      guard row.loss != nil, row.totalParameters != nil, row.tokens != nil else {
        throw InputError(
          "the reference `\(name)` is not a table of single runs, with `n_total`, `d_tokens` and `loss`",
          remedy: "Choose another")
      }
      row.status = .completed
      return row
    }
  }
}

extension Column {
  /// Parses the text of a cell.
  fileprivate func cell(from text: String, path: String, line: Int) throws -> Cell {
    let cell: Cell? =
      switch kind {
      case .text: .text(text)
      case .integerOrText: Int(text).map(Cell.integer) ?? .text(text)
      case .integer: text.isEmpty ? Cell.none : Int(text).map(Cell.integer)
      case .number: text.isEmpty ? Cell.none : Double(text).flatMap { $0.isFinite ? Cell.number($0) : nil }
      }
    guard let cell else {
      throw InputError(
        "`\(name)` is `\(text)`, not a number", file: path, line: line,
        remedy: "Write the table again with `isoflop run`")
    }
    return cell
  }
}
