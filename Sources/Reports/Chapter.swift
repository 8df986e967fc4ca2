import Analysis
import Plans

/// A section of a report before its figures are drawn.
struct Chapter: Sendable {
  enum Part: Sendable {
    case paragraph(String)
    case figure(Figure)
    case table(Finding)
    case questions([(ask: String, answer: [String])])
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

  /// The same chapters, with a unique name for each figure.
  static func withFiguresNamedApart(_ chapters: [Chapter]) -> [Chapter] {
    var taken: Set<String> = []
    return chapters.map { chapter in
      let parts = chapter.parts.map { part -> Part in
        guard case .figure(let figure) = part else { return part }
        let apart = figure.named(apartFrom: taken)
        taken.insert(apart.name)
        return .figure(apart)
      }
      return Chapter(chapter.heading, parts)
    }
  }

  /// A text of the experiment's file under a heading; nil if there is none.
  static func text(_ heading: String, _ paragraphs: [QuotingText], _ quotes: PageQuotes) -> Chapter? {
    let filled = quotes.filled(paragraphs)
    return filled.isEmpty ? nil : Chapter(heading, filled.map { .paragraph($0) })
  }

  /// The questions to the reader; nil if there are none.
  static func questions(_ questions: [PageText.Question], _ quotes: PageQuotes) -> Chapter? {
    let filled = questions.compactMap { question in
      quotes.filled(question.ask).map { (ask: $0, answer: quotes.filled(question.answer)) }
    }
    let answered = filled.filter { !$0.answer.isEmpty }
    return answered.isEmpty ? nil : Chapter("Questions", [.questions(answered)])
  }

  /// The section of a page, with the figures that were drawn. Each other figure becomes a note that it was not.
  func section(drawn: [String: RenderedFigure]) -> Page.Section {
    Page.Section(
      heading,
      parts.map { part in
        switch part {
        case .paragraph(let text): .paragraph(text)
        case .figure(let figure):
          drawn[figure.name].map(Page.Block.figure)
            ?? .paragraph(
              "Not drawn: \(figure.title). `gnuplot \(figure.name).gp` in the folder figures draws it. "
                + figure.caption)
        case .table(let table): .table(table)
        case .questions(let questions): .questions(questions)
        }
      })
  }
}
