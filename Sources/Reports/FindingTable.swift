import Analysis
import ScalingLaws

extension Finding {
  /// The fields of the template of tables, with the columns to show.
  func fields(number: Int) -> [String: Any] {
    let shown = shownColumns
    let titles = shown.map { place in
      let (title, unit) = (columns[place].title ?? "", columns[place].unit)
      return unit.isEmpty ? title : "\(title) (\(unit))"
    }
    let alignments = shown.map { columns[$0].alignment.rawValue }
    return [
      "number": number, "caption": title,
      "columns": zip(titles, alignments).map { ["name": $0, "align": $1] },
      "rows": rows.map { row -> [String: Any] in
        let cells = zip(shown, alignments).map { ["text": row[$0].pageText, "align": $1] }
        return ["head": Array(cells.prefix(1)), "cells": Array(cells.dropFirst())]
      },
    ]
  }
}

extension Finding.Cell {
  /// The text of the cell on a page.
  fileprivate var pageText: String {
    switch self {
    case .text(let text): text
    case .count(let count): "\(count)"
    case .number(let value, let digits): value.text(digits)
    case .amount(let value): value.amount
    case .percent(let fraction): "\((100 * fraction).text(2)) %"
    case .interval(let interval, let digits): "[\(interval.low.text(digits)), \(interval.high.text(digits))]"
    case .truth(let isTrue, let yes, let no): isTrue ? yes : no
    case .trials(let trials): trials.map(\.text).joined(separator: " · ")
    case .missing: "—"
    }
  }
}

extension Chapter.Part {
  /// A finding's table with its notes as paragraphs; empty without a finding.
  static func finding(_ finding: Finding?) -> [Chapter.Part] {
    guard let finding else { return [] }
    return [.table(finding)]
      + finding.notes.map { note in
        // The name of a fit before a colon is not changed.
        let text = note.contains(": ") ? note : note.capitalizedSentence
        return .paragraph("\(text).".replacing("..", with: "."))
      }
  }
}
