import Files
import SwiftCSV

/// A CSV table of text with a header, in which every row has its line in the file.
package struct CSVFile {
  /// A row with its line, counted from 1.
  package struct Row {
    /// The line of the row.
    package let line: Int
    /// The cells, one for each column.
    package let cells: [String]
  }

  /// The text of a cell with its line.
  struct Cell {
    let text: String
    let line: Int
  }

  /// The path of the file.
  package let path: String
  /// The names of the columns.
  package let header: [String]
  /// The rows below the header.
  package let rows: [Row]

  /// Reads the UTF-8 file at `path`, as this program writes tables. Empty lines are skipped.
  ///
  /// - Throws: `InputError` if it is missing or empty, if a column is given twice, or if a row has more or fewer cells
  ///   than the header.
  package init(contentsOf path: String) throws { try self.init(path: path, text: FileAccess.readText(path)) }

  /// Parses `text`, the contents of the file at `path`.
  ///
  /// - Throws: `InputError` as `init(contentsOf:)`.
  package init(path: String, text: String) throws {
    self.path = path
    let all = try Self.rows(of: text, separatedBy: .comma, path: path)
    guard let first = all.first else { throw Self.empty(path) }
    header = first.cells
    rows = Array(all.dropFirst())
    var seen: Set<String> = []
    if let twice = header.first(where: { !seen.insert($0).inserted }) {
      throw InputError("column `\(twice)` is given twice", file: path, line: first.line, remedy: "Rename one")
    }
    try Self.requireEqualCells(rows, count: header.count, path: path)
  }

  static func empty(_ path: String) -> InputError {
    InputError("is empty", file: path, remedy: "The first line must name the columns")
  }

  static func requireEqualCells(_ rows: [Row], count: Int, path: String) throws {
    if let odd = rows.first(where: { $0.cells.count != count }) {
      throw InputError(
        "\(odd.cells.count) cells, where the header has \(count)", file: path, line: odd.line,
        remedy: "Correct or remove the row")
    }
  }

  /// Returns all rows of `text` but empty lines, the header among them.
  ///
  /// - Throws: `InputError` if a quotation mark is out of place.
  static func rows(of text: String, separatedBy delimiter: CSVDelimiter, path: String) throws -> [Row] {
    var rows: [Row] = []
    var line = 1
    var unmarked = text.hasPrefix("\u{FEFF}") ? String(text.dropFirst()) : text
    // The library forgets an empty cell at the end of a last line without a line break.
    if unmarked.last.map({ !$0.isNewline }) ?? false { unmarked += "\n" }
    do {
      // Unlike the library's `rows`, the enumeration does not pad rows to a common length.
      let csv = try CSV<Enumerated>(string: unmarked, delimiter: delimiter, loadColumns: false)
      try csv.enumerateAsArray(startAt: 0, rowLimit: nil) { cells in
        if cells != [""] { rows.append(Row(line: line, cells: cells)) }
        line += 1 + cells.reduce(0) { $0 + $1.count(where: \.isNewline) }
      }
    } catch is CSVParseError {
      throw InputError(
        "is not valid CSV: a quotation mark is out of place", file: path, remedy: "Quote whole cells")
    }
    return rows
  }

  /// Returns the text of a cell in a file, quoted if necessary.
  static func escape(_ cell: String) -> String {
    // Compare scalars, because a comma followed by a combining accent is one `Character` that is not equal to a comma.
    let isPlain = cell.unicodeScalars.allSatisfy { $0 != "," && $0 != "\"" && !Character($0).isNewline }
    guard !isPlain || cell.first == " " else {
      return cell
    }
    return "\"\(cell.unicodeScalars.map { $0 == "\"" ? "\"\"" : String($0) }.joined())\""
  }
}

extension InputError {
  /// The error of a column that a table does not have.
  static func missingColumn(_ name: String, among columns: [String], file: String) -> InputError {
    InputError(
      "there is no column `\(name)`", file: file, line: 1,
      remedy: nearestName(to: name, among: columns).map { "The nearest is `\($0)`" }
        ?? "The columns are \(columns.joined(separator: ", "))")
  }
}
