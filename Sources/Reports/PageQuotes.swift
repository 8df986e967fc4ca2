import Analysis
import Foundation
import ScalingLaws

/// The results that the text of a page quotes.
struct PageQuotes: Sendable {
  let fits: Fits
  let results: ResultsTable

  /// Returns the paragraphs with their numbers filled in, without those that have no sentence left.
  func filled(_ paragraphs: [QuotingText]) -> [String] { paragraphs.compactMap(filled) }

  /// Returns the paragraph without the sentences that quote results that this tier does not have; nil if none is left.
  func filled(_ paragraph: QuotingText) -> String? {
    let text = paragraph.sentences.compactMap(sentence).joined().trimmingCharacters(in: .whitespaces)
    return text.isEmpty ? nil : text
  }

  private func sentence(_ pieces: [QuotingText.Piece]) -> String? {
    var sentence = ""
    for piece in pieces {
      switch piece {
      case .text(let text), .definition(let text): sentence += text
      case .count(let count):
        let words = Self.words(count.value(of: results))
        sentence += sentence.isEmpty ? words.capitalizedSentence : words
      case .quote(let quote):
        switch QuotingText.quotation(quote, fits: fits, results: results) {
        case .number(let number): sentence += Self.text(of: number, quote.form)
        case .refused(let reason): sentence += "— (no fit: \(reason))"
        case .absent: return nil
        }
      }
    }
    return sentence
  }

  private static func text(of number: ExperimentFit.Number, _ form: QuotingText.Form) -> String {
    guard number.identified else { return "— (not identified by these runs)" }
    return switch form {
    case .value: number.value.text()
    case .interval: number.value.text() + (number.interval.map { " \($0.text)" } ?? "")
    case .percent: "\((100 * number.value).text(2)) %"
    }
  }

  /// A count in prose: words up to twelve.
  private static func words(_ count: Int) -> String {
    let words = [
      "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    ]
    return words.indices.contains(count) ? words[count] : "\(count)"
  }
}

extension ResultsTable {
  /// A sentence with the number, sizes and lengths of the runs.
  var inWords: String {
    let (own, borrowed) = (completed.filter { !$0.isReference }, completed.count(where: \.isReference))
    func range(_ column: String) -> (count: Int, text: String)? {
      let values = Set(own.compactMap { $0.number(column) }).sorted()
      guard let low = values.first, let high = values.last else { return nil }
      return (values.count, low == high ? low.amount : "\(low.amount) to \(high.amount)")
    }
    func count(_ number: Int, _ one: String, _ several: String) -> String {
      number == 1 ? "one \(one)" : "\(number) \(several)"
    }
    guard let widths = range("width"), let sizes = range("n_total"), let tokens = range("d_tokens") else {
      return ""
    }
    let others = [
      ("corpus", "texts"), ("tokenizer", "tokenizers"), ("depth", "depths"),
      ("experts", "numbers of experts"),
    ]
    .compactMap { column, name -> String? in
      let values = Set(own.map { $0.text(column) })
      return values.count > 1 ? "\(values.count) \(name)" : nil
    }
    let seeds = Set(own.map { $0.text("seed") }).count
    let parts =
      [
        "\(count(widths.count, "width", "widths")) (\(widths.text))", "\(sizes.text) weights",
        "\(tokens.text) tokens",
      ]
      + others + [count(seeds, "seed", "seeds")]
    let beside = borrowed == 0 ? "" : " Beside them are \(count(borrowed, "run", "runs")) of bundled tables."
    return
      "Trained for this page: \(count(own.count, "run", "runs")) of \(parts.joined(separator: ", ")).\(beside)"
  }
}
