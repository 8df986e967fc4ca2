import Analysis
import Files
import Foundation
import Mustache

/// A report as one HTML file that needs nothing else: no network, figures inline. With script, figures also tell values,
/// hide series and change scales.
public struct Page: Sendable {
  public var title: String
  /// A sentence or two under the title.
  public var lead: String
  /// The key numbers, above everything else.
  public var facts: [Fact]
  public var sections: [Section]
  /// The links to other pages of the book; nil outside a book.
  public var neighbours: Neighbours?
  /// A note at the end on how the page was made.
  public var footer: String

  public init(
    title: String, lead: String, facts: [Fact] = [], sections: [Section], neighbours: Neighbours? = nil,
    footer: String
  ) {
    self.title = title
    self.lead = lead
    self.facts = facts
    self.sections = sections
    self.neighbours = neighbours
    self.footer = footer
  }

  /// Links to the book's contents and to the pages before and after, relative to the page.
  public struct Neighbours: Sendable {
    public typealias Link = (title: String, address: String)

    public var contents: String
    public var previous: Link?
    public var next: Link?

    public init(contents: String, previous: Link? = nil, next: Link? = nil) {
      self.contents = contents
      self.previous = previous
      self.next = next
    }
  }

  /// A key number with its name, and a note such as its interval.
  public struct Fact: Sendable {
    public var name: String
    public var value: String
    public var note: String

    public init(_ name: String, _ value: String, note: String = "") {
      self.name = name
      self.value = value
      self.note = note
    }
  }

  /// A heading, which is listed in the contents, and its content.
  public struct Section: Sendable {
    public var heading: String
    public var blocks: [Block]

    public init(_ heading: String, _ blocks: [Block]) {
      self.heading = heading
      self.blocks = blocks
    }
  }

  public enum Block: Sendable {
    case paragraph(String)
    case figure(RenderedFigure)
    /// A table whose first column names its rows.
    case table(Finding)
    /// Questions whose answers are folded away, in paragraphs.
    case questions([(ask: String, answer: [String])])
  }

  /// The page as HTML that is well-formed XML too.
  public func html() throws -> String {
    var figures = 0
    var tables = 0
    let sections = try sections.enumerated().map { index, section -> [String: Any] in
      let blocks = try section.blocks.map { block -> [String: Any] in
        switch block {
        case .paragraph(let text): return ["paragraph": ["spans": Self.spans(of: text)]]
        case .figure(let figure):
          figures += 1
          return ["figure": try figure.fields(number: figures)]
        case .table(let table):
          tables += 1
          return ["table": table.fields(number: tables)]
        case .questions(let questions):
          return [
            "questions": questions.map { question in
              [
                "ask": question.ask, "answer": question.answer.map { ["spans": Self.spans(of: $0)] },
              ] as [String: Any]
            }
          ]
        }
      }
      return ["id": "section-\(index + 1)", "heading": section.heading, "blocks": blocks]
    }
    var fields: [String: Any] = [
      "title": title, "lead": lead, "footer": footer, "sections": sections, "hasFacts": !facts.isEmpty,
      "facts": facts.map(\.fields), "hasFigures": figures > 0, "script": Self.script,
    ]
    if let neighbours { fields["neighbours"] = neighbours.fields }
    return try Self.render(PackageResources.page_mustache, fields)
  }

  /// The parts of a text, of which those between backticks are code.
  private static func spans(of text: String) -> [[String: String]] {
    let parts = text.split(separator: "`", omittingEmptySubsequences: false).map(String.init)
    guard !parts.count.isMultiple(of: 2) else { return [["text": text]] }
    return parts.enumerated().map { [$0.isMultiple(of: 2) ? "text" : "code": $1] }.filter {
      !$0.values.contains("")
    }
  }

  /// The script that draws figures.
  package static var script: String { String(decoding: PackageResources.figures_js, as: UTF8.self) }

  /// Fills in a template, which may use the partial templates of reports, such as their style.
  package static func render(_ page: [UInt8], _ fields: [String: Any]) throws -> String {
    let library = try MustacheLibrary(templates: [
      "style": template(PackageResources.style_mustache),
      "facts": template(PackageResources.facts_mustache),
      "figure": template(PackageResources.figure_mustache),
      "table": template(PackageResources.table_mustache),
      "questions": template(PackageResources.questions_mustache),
      "neighbours": template(PackageResources.neighbours_mustache),
    ])
    return try template(page).render(fields, library: library)
  }

  /// A template whose values `EscapedText` escapes. Every template must set this itself.
  private static func template(_ bytes: [UInt8]) throws -> MustacheTemplate {
    MustacheContentTypes.register(EscapedText(), named: "ESCAPED")
    return try MustacheTemplate(
      string: "{{% CONTENT_TYPE: ESCAPED}}\n" + String(decoding: bytes, as: UTF8.self))
  }

  /// Escapes code point by code point, as browsers read: the library's own escaping misses a quotation mark with a
  /// combining accent, so that a title could add attributes.
  private struct EscapedText: MustacheContentType {
    func escapeText(_ text: String) -> String {
      var result = ""
      for scalar in text.unicodeScalars {
        switch scalar {
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "&": result += "&amp;"
        case "\"": result += "&quot;"
        case "'": result += "&#39;"
        case "\n", "\t": result.unicodeScalars.append(scalar)
        // XML has none of these.
        case _ where scalar.properties.generalCategory == .control, "\u{FFFE}", "\u{FFFF}": result += " "
        default: result.unicodeScalars.append(scalar)
        }
      }
      return result
    }
  }
}

extension Page.Fact {
  var fields: [String: Any] { ["name": name, "value": value, "note": note] }
}

extension Page.Neighbours {
  fileprivate var fields: [String: Any] {
    let link = { (link: Link) -> [String: Any] in ["title": link.title, "address": link.address] }
    var fields: [String: Any] = ["contents": contents]
    fields["previous"] = previous.map(link)
    fields["next"] = next.map(link)
    return fields
  }
}

extension RenderedFigure {
  fileprivate func fields(number: Int) throws -> [String: Any] {
    [
      "data": try scriptJSON(figure.data), "number": number, "id": figure.name, "title": figure.title,
      "caption": figure.caption,
      "svg": inlineSVG, "narrow": inlineNarrowSVG,
    ]
  }
}

/// Returns JSON for a `script` element of HTML, which is XML too: no character of it is markup.
package func scriptJSON(_ value: JSONValue) throws -> String {
  var text = String(decoding: try canonicalJSON(value), as: UTF8.self)
  for (character, code) in [("<", "003c"), (">", "003e"), ("&", "0026")] {
    text = text.replacing(character, with: "\\u\(code)")
  }
  return text
}
