import Files
import Foundation
import Mustache

/// The contents page of a book of reports, with the question, key number and key figure of each.
public struct Contents: Sendable {
  /// One report.
  public struct Entry: Sendable {
    public var number: Int?
    public var title: String
    /// The address of the report, relative to the contents.
    public var address: String
    /// The key number and figure; nil if there is no report.
    public var highlight: Report.Highlight?
    /// The errors of the page.
    public var faults: [String]
    /// Further lines, such as the cost.
    public var lines: [String]

    public init(
      number: Int?, title: String, address: String, highlight: Report.Highlight?, faults: [String],
      lines: [String]
    ) {
      self.number = number
      self.title = title
      self.address = address
      self.highlight = highlight
      self.faults = faults
      self.lines = lines
    }
  }

  private let title: String
  private let lead: [String]
  private let facts: [Page.Fact]
  private let entries: [Entry]
  private let footer: String

  /// - Parameter lead: The paragraphs under the title.
  public init(title: String, lead: [String], facts: [Page.Fact], entries: [Entry], footer: String) {
    self.title = title
    self.lead = lead
    self.facts = facts
    self.entries = entries
    self.footer = footer
  }

  /// Writes the page as HTML that is well-formed XML too.
  public func write(to path: String) throws { try FileAccess.write(Data(html().utf8), to: path) }

  private func html() throws -> String {
    let fields: [String: Any] = [
      "title": title, "lead": lead, "footer": footer, "hasFacts": !facts.isEmpty,
      "facts": facts.map(\.fields),
      "entries": entries.enumerated().map { index, entry in entry.fields(index) },
    ]
    return try Page.render(PackageResources.contents_mustache, fields)
  }
}

extension Contents.Entry {
  fileprivate func fields(_ index: Int) -> [String: Any] {
    var fields: [String: Any] = ["title": title, "address": address, "faults": faults, "lines": lines]
    if let number { fields["number"] = "\(number)" }
    if let fact = highlight?.fact { fields["fact"] = fact.fields }
    // Several reports may have a figure of one name.
    if let figure = highlight?.figure { fields["picture"] = figure.picture(prefix: "entry\(index)") }
    return fields
  }
}
