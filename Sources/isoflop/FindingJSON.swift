import Analysis

/// A finding as JSON: the same table as on the terminal and on the page.
struct FindingJSON: Encodable {
  let title: String
  let rows: Table
  let notes: [String]

  init(_ finding: Finding) {
    title = finding.title
    rows = Table(finding)
    notes = finding.notes
  }
}
