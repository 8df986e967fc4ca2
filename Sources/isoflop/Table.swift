import Analysis
import Foundation
import ScalingLaws
import TextTable

/// Rows and columns: a table for people, or with `--json` an array of objects for scripts.
struct Table {
  /// A column's key in JSON, as in `results.csv` if that has the column, and its title for people.
  struct Column: ExpressibleByStringLiteral {
    let key: String
    /// Nil for a column that only JSON has.
    let title: String?

    init(_ key: String, title: String?) {
      self.key = key
      self.title = title
    }

    /// A column whose key follows from its title, as `std_error` from `std. error`.
    init(stringLiteral title: String) {
      let words = title.lowercased().split { !$0.isLetter && !$0.isNumber }
      self.init(words.joined(separator: "_"), title: title)
    }
  }

  /// A value, and its text for people.
  struct Cell: Encodable, ExpressibleByStringInterpolation {
    let text: String
    private let value: (any Encodable)?

    /// - Parameter value: Nil if unknown or absent: an empty cell, `null` in JSON.
    init(_ value: (any Encodable)?, text: String) {
      self.value = value
      self.text = value == nil ? "" : text
    }

    init(stringLiteral text: String) { self.init(text) }
    init(_ text: String?) { self.init(text, text: text ?? "") }
    init(_ count: Int?) { self.init(count, text: count.map(String.init) ?? "") }
    init(_ value: Double?) { self.init(value, text: value.map(number) ?? "") }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      if let value { try container.encode(value) } else { try container.encodeNil() }
    }
  }

  let columns: [Column]
  let rows: [[Cell]]

  /// - Parameter rows: Each has one cell per column.
  init(_ columns: [Column], _ rows: [[Cell]]) {
    self.columns = columns
    self.rows = rows
  }

  /// Prints the table for people.
  func print() {
    let shown = columns.indices.filter { columns[$0].title != nil }
    printTable(
      shown.compactMap { columns[$0].title }, rows.map { row in shown.map { row[$0].text } })
  }

  /// Prints the table, or its JSON for scripts.
  func print(json: Bool) throws {
    if json { try printJSON(self) } else { print() }
  }
}

extension Table {
  /// A finding's rows.
  init(_ finding: Finding) {
    self.init(
      finding.columns.enumerated().map { place, column in
        let title = finding.shownColumns.contains(place) ? column.title : nil
        return Column(column.key, title: title.map { column.unit.isEmpty ? $0 : "\($0) (\(column.unit))" })
      },
      finding.rows.map { row in row.map { Cell($0, text: $0.terminalText) } })
  }
}

extension Finding {
  /// Prints the table under its title, with its notes below.
  func print() {
    isoflop.print("\n\(title)")
    Table(self).print()
    for note in notes { isoflop.print(note) }
  }
}

extension Finding.Cell {
  /// As a terminal shows it: more digits than a page.
  fileprivate var terminalText: String {
    switch self {
    case .text(let text): text
    case .count(let count): "\(count)"
    case .number(let value, let digits) where digits > 5: String(format: "%.\(digits)g", value)
    case .number(let value, _), .amount(let value): isoflop.number(value)
    case .percent(let fraction): String(format: "%.3g %%", 100 * fraction)
    case .interval(let interval, _): "\(isoflop.number(interval.low)) … \(isoflop.number(interval.high))"
    case .truth(let isTrue, let yes, let no): isTrue ? yes : no
    case .trials(let trials): trials.map(\.text).joined(separator: " · ")
    case .missing: ""
    }
  }
}

extension Table: Encodable {
  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    let keys = columns.map(\.key)
    try container.encode(rows.map { Dictionary(zip(keys, $0), uniquingKeysWith: { first, _ in first }) })
  }
}

/// Prints rows under their titles, with columns of numbers aligned right.
func printTable(_ titles: [String], _ rows: [[String]]) {
  let isNumeric = titles.indices.map { column in
    let cells = rows.map { $0[column] }.filter { !$0.isEmpty }
    return 2 * cells.count { $0.first.map { "0123456789-.<".contains($0) } ?? false } > cells.count
  }
  let table = TextTable<[String]> { row in
    titles.indices.map { Column(title: titles[$0], value: row[$0], align: isNumeric[$0] ? .right : .left) }
  }
  if let text = table.string(for: rows, style: Style.simple) { print(text) }
}
