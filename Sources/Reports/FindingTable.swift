import Analysis
import ScalingLaws

extension Page.Table {
  /// A finding, for people who read a page.
  init(_ finding: Finding) {
    let shown = finding.shownColumns
    self.init(
      finding.title,
      columns: shown.map { place in
        let column = finding.columns[place]
        let title = column.title ?? ""
        return (
          column.unit.isEmpty ? title : "\(title) (\(column.unit))",
          column.alignment == .left ? .left : .right
        )
      },
      rows: finding.rows.map { row in shown.map { row[$0].pageText } })
  }
}

extension Finding.Cell {
  /// As a page shows it.
  fileprivate var pageText: String {
    switch self {
    case .text(let text): text
    case .count(let count): "\(count)"
    case .number(let value, let digits): value.text(digits)
    case .amount(let value): value.amount
    case .percent(let fraction): "\((100 * fraction).text(2)) %"
    case .interval(let interval, let digits): "[\(interval.low.text(digits)), \(interval.high.text(digits))]"
    case .truth(let isTrue, let yes, let no): isTrue ? yes : no
    case .missing: "—"
    }
  }
}

extension Chapter.Part {
  /// A finding's table, and its notes as paragraphs; nothing of none.
  static func finding(_ finding: Finding?) -> [Chapter.Part] {
    guard let finding else { return [] }
    return [.table(Page.Table(finding))]
      + finding.notes.map {
        .paragraph("\($0.prefix(1).uppercased())\($0.dropFirst()).".replacing("..", with: "."))
      }
  }
}
