/// A section of a report before its figures are drawn.
struct Chapter: Sendable {
  enum Part: Sendable {
    case paragraph(String)
    case figure(Figure)
    case table(Page.Table)
  }

  var heading: String
  var parts: [Part]

  init(_ heading: String, _ parts: [Part]) {
    self.heading = heading
    self.parts = parts
  }

  var figures: [Figure] {
    parts.compactMap { if case .figure(let figure) = $0 { figure } else { nil } }
  }

  /// The section of a page, with the figures as they were drawn.
  func section(drawn: [String: RenderedFigure]) -> Page.Section {
    Page.Section(
      heading,
      parts.compactMap { part in
        switch part {
        case .paragraph(let text): .paragraph(text)
        case .figure(let figure): drawn[figure.name].map(Page.Block.figure)
        case .table(let table): .table(table)
        }
      })
  }
}
