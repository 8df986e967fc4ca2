import Files
import SwiftCSV

/// A table of any other program: separated by commas, semicolons or tabs, with padded or missing cells, and with numbers
/// in the notation of any country.
///
/// Nothing is guessed silently: `notes` tell what was decided, and a column that can be read in two ways is refused when
/// it is used.
struct ForeignTable {
  /// The path of the file.
  let path: String
  /// The names of the columns. Only one that `index(of:)` refuses may stand there twice.
  let header: [String]
  /// The rows below the header. Numbers are in Swift's notation.
  let rows: [CSVFile.Row]
  /// How the table was read, where it could have been read otherwise; a sentence each.
  let notes: [String]
  /// The errors of columns that may not be used.
  private let faults: [String: InputError]

  /// Parses `text`, the contents of the file at `path`.
  ///
  /// - Throws: `InputError` if it is empty, or if a row has more or fewer cells than the header.
  init(path: String, text: String) throws {
    let delimiter = try Self.delimiter(of: text, path: path)
    var all = try Self.rows(of: text, separatedBy: delimiter, path: path)
    guard !all.isEmpty else { throw CSVFile.empty(path) }
    let first = all.removeFirst()
    try CSVFile.requireEqualCells(all, count: first.cells.count, path: path)
    try Self.requireNames(first, path: path)
    var columns = first.cells.enumerated().map { index, name in
      Column(
        name: name, cells: all.map { CSVFile.Cell(text: $0.cells[index], line: $0.line) })
    }
    for index in columns.indices where columns[index].name.isEmpty {
      columns[index].name = "column \(index + 1)"
    }
    var notes: [String] = []
    var faults: [String: InputError] = [:]
    columns = Self.withoutRepetitions(columns, path: path, line: first.line, &notes, &faults)
    Self.read(&columns, separatedBy: delimiter, path: path, &notes, &faults)
    self.path = path
    self.notes = notes
    self.faults = faults
    header = columns.map(\.name)
    rows = all.indices.map { row in
      CSVFile.Row(line: all[row].line, cells: columns.map { $0.cells[row].text })
    }
  }

  /// Returns the index of a column; nil if there is none.
  ///
  /// - Throws: `InputError` if the column can be read in two ways.
  func index(of column: String) throws -> Int? {
    if let fault = faults[column] { throw fault }
    return header.firstIndex(of: column)
  }

  /// Returns whether a column has a value in any row.
  func hasValues(_ column: String) -> Bool {
    header.firstIndex(of: column).map { index in rows.contains { !Self.isMissing($0.cells[index]) } } ?? false
  }

  /// Returns whether a cell holds no value.
  static func isMissing(_ cell: String) -> Bool { cell.count <= 4 && missing.contains(cell.lowercased()) }

  /// The texts of cells without a value. An infinite loss is that of a run that diverged.
  private static let missing: Set<String> = [
    "", "nan", "na", "n/a", "#n/a", "null", "none", "-", "--", "inf", "+inf", "-inf",
  ]

  fileprivate struct Column {
    var name: String
    var cells: [CSVFile.Cell]
  }

  // MARK: Cells

  /// Returns the sign between cells.
  private static func delimiter(of text: String, path: String) throws -> CSVDelimiter {
    let header =
      text.split(maxSplits: 1, omittingEmptySubsequences: true, whereSeparator: \.isNewline).first ?? ""
    let candidates = [CSVDelimiter.tab, .semicolon, .comma].filter { header.contains($0.rawValue) }
    guard candidates.count > 1 else { return candidates.first ?? .comma }
    // Several of these signs: they separate cells where each row gets as many as the header, the more the better.
    let counts = candidates.map { candidate -> Int in
      guard let rows = try? rows(of: text, separatedBy: candidate, path: path), let first = rows.first else {
        return 0
      }
      return rows.allSatisfy { $0.cells.count == first.cells.count } ? first.cells.count : 0
    }
    let most = counts.max() ?? 0
    let best = zip(candidates, counts).filter { $0.1 == most }.map(\.0)
    guard best.count == 1 || most == 0 else {
      throw InputError(
        "cells may be separated by \(best.map(name).joined(separator: " or by "))", file: path, line: 1,
        remedy: "Quote the cells that contain the other sign")
    }
    return best.last ?? .comma
  }

  private static func name(_ delimiter: CSVDelimiter) -> String {
    switch delimiter {
    case .tab: "tabs"
    case .semicolon: "semicolons"
    default: "commas"
    }
  }

  /// Returns the rows without padding, and without rows, and last cells, in which there is nothing.
  private static func rows(of text: String, separatedBy delimiter: CSVDelimiter, path: String) throws
    -> [CSVFile.Row]
  {
    let rows = try CSVFile.rows(of: text, separatedBy: delimiter, path: path)
      .map { CSVFile.Row(line: $0.line, cells: $0.cells.map(\.trimmed)) }
      .filter { !$0.cells.allSatisfy(\.isEmpty) }
    func used(_ row: CSVFile.Row) -> Int { (row.cells.lastIndex { !$0.isEmpty } ?? -1) + 1 }
    let columns = rows.map(used).max() ?? 0
    // A delimiter at the end of every line, or of the header alone, adds no column.
    return rows.map { row in
      row.cells.count <= columns ? row : CSVFile.Row(line: row.line, cells: Array(row.cells.prefix(columns)))
    }
  }

  /// Checks that the first row names the columns.
  private static func requireNames(_ first: CSVFile.Row, path: String) throws {
    if first.cells.count == 1, first.cells[0].contains(where: \.isWhitespace) {
      throw InputError(
        "the cells are separated neither by commas nor by semicolons or tabs", file: path, line: first.line,
        remedy: "Write commas between cells")
    }
    let numbers = NotationEvidence(first.cells.map { CSVFile.Cell(text: $0, line: first.line) }).numbers
    if numbers == first.cells.count {
      throw InputError(
        "the first line holds numbers, not the names of columns", file: path, line: first.line,
        remedy: "Write a line of names above it, such as N,D,loss")
    }
  }

  // MARK: Columns

  /// Returns the columns without those that repeat another one. Columns of one name with different cells are faults.
  private static func withoutRepetitions(
    _ columns: [Column], path: String, line: Int, _ notes: inout [String],
    _ faults: inout [String: InputError]
  ) -> [Column] {
    var kept: [Column] = []
    var repeated: [String] = []
    for column in columns {
      guard let same = kept.first(where: { $0.name == column.name }) else {
        kept.append(column)
        continue
      }
      if same.cells.map(\.text) == column.cells.map(\.text) {
        repeated.append(column.name)
      } else {
        kept.append(column)
        faults[column.name] = InputError(
          "column `\(column.name)` is given twice, with different cells", file: path, line: line,
          remedy: "Rename one")
      }
    }
    if !repeated.isEmpty {
      notes.append("\(list(repeated)) \(repeated.count == 1 ? "is" : "are") given twice with the same cells")
    }
    return kept
  }

  /// Rewrites the numbers of all columns in Swift's notation.
  private static func read(
    _ columns: inout [Column], separatedBy delimiter: CSVDelimiter, path: String, _ notes: inout [String],
    _ faults: inout [String: InputError]
  ) {
    let evidence = columns.map { column in
      NotationEvidence(column.cells.lazy.filter { !isMissing($0.text) })
    }
    let whole = Evidence(of: evidence.filter(\.isNumeric), separatedBy: delimiter)
    var rewritten: [Rewriting] = []
    for (index, own) in evidence.enumerated() where own.isNumeric && faults[columns[index].name] == nil {
      let name = columns[index].name
      let isPercent = own.percentages > 0 || ColumnName.readings(of: name).contains { $0.unit == "%" }
      let remedy = "Write a point before decimals, and nothing between thousands"
      if let point = own.point, let comma = own.comma {
        faults[name] = InputError(
          "`\(name)` is `\(comma.text)`, but `\(point.text)` in line \(point.line)", file: path,
          line: comma.line, remedy: remedy)
        continue
      }
      if own.percentages > 0, own.percentages < own.numbers, !name.contains("%") {
        faults[name] = InputError(
          "some cells of `\(name)` are percentages, others are not", file: path,
          remedy: "Write all of them in the same way")
        continue
      }
      guard let decimal = own.decimal ?? whole.decimal(of: own) else {
        let text = own.unclear?.text ?? ""
        let readings = [".", ","].compactMap { NumberNotation.plain(text, decimal: $0) }
        faults[name] = InputError(
          "`\(name)` is `\(text)`, which may be \(readings.joined(separator: " or ")): no other number tells",
          file: path, line: own.unclear?.line, remedy: remedy)
        continue
      }
      let notation = NumberNotation(decimal: decimal, isPercent: isPercent)
      guard let example = columns[index].read(by: notation) else { continue }
      let isKnown = { (one: Rewriting) in
        one.notation == notation && one.example.hasDecimals == example.hasDecimals
      }
      if let known = rewritten.firstIndex(where: isKnown) {
        rewritten[known].columns.append(name)
      } else {
        rewritten.append(Rewriting(notation: notation, example: example, columns: [name]))
      }
    }
    notes += rewritten.map { "\(list($0.columns)): \($0.example.text)" }
  }

  /// How the numbers of some columns were rewritten.
  private struct Rewriting {
    let notation: NumberNotation
    let example: Column.Example
    var columns: [String]
  }

  /// What the columns of a table tell together about the sign before decimals.
  private struct Evidence {
    /// Whether a column can only be read with a point, or with a comma.
    let (point, comma): (Bool, Bool)
    /// Whether a column has points that may stand before decimals, as in `4.214`.
    let mayHavePoint: Bool
    let isSemicolons: Bool

    init(of columns: [NotationEvidence], separatedBy delimiter: CSVDelimiter) {
      point = columns.contains { $0.decimal == "." && $0.point != nil }
      comma = columns.contains { $0.decimal == "," }
      mayHavePoint = columns.contains { $0.decimal == nil && !$0.isUnclearByComma }
      isSemicolons = delimiter == .semicolon
    }

    /// Returns the sign before decimals in a column that does not tell itself; nil if the others do not tell either.
    func decimal(of column: NotationEvidence) -> Unicode.Scalar? {
      if point && comma { return nil }
      if comma { return "," }
      guard column.isUnclearByComma else { return "." }
      if point || mayHavePoint { return "." }
      // Programs separate cells by semicolons where a comma stands before decimals.
      return isSemicolons ? "," : nil
    }
  }

  private static func list(_ names: [String]) -> String {
    names.map { "`\($0)`" }.joined(separator: ", ")
  }
}

extension ForeignTable.Column {
  /// A number that was rewritten.
  fileprivate struct Example {
    let text: String
    let hasDecimals: Bool
  }

  /// Rewrites the numbers, and returns one of them; nil if they were in Swift's notation.
  fileprivate mutating func read(by notation: NumberNotation) -> Example? {
    var example: Example?
    for (index, cell) in cells.enumerated() where notation != .plain || Double(quantity: cell.text) == nil {
      guard let plain = notation.plain(cell.text), plain != cell.text else { continue }
      cells[index] = CSVFile.Cell(text: plain, line: cell.line)
      if example == nil, plain != cell.text.filter({ !$0.isWhitespace }) {
        example = Example(
          text: "`\(cell.text)` is read as \(plain)", hasDecimals: plain.contains("."))
      }
    }
    return example
  }
}
