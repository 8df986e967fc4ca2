import Files
import Foundation
import ScalingLaws

/// A paragraph of a page that quotes numbers from the results, so that it is true in every tier:
/// `The exponent is {chinchilla.alpha | interval}.`
///
/// | reference | replaced by |
/// |---|---|
/// | `{FIT.PARAMETER}` | a number of a fit, by its names in `fits` and `expect` |
/// | `{compare NAME.NUMBER}` | a number of a comparison |
/// | `{sweep SETTING.excess}` | a number of a sweep |
/// | `{results.STATISTIC}` | a number of the results, as in `expect` |
/// | `{NAME}` | a number of the section `page.numbers` |
/// | `{runs}`, `{widths}`, `{lengths}`, `{budgets}`, `{seeds}`, `{vocabularies}` | their number, in words |
/// | `{= TEXT}` | the text itself: a number that is a definition and not a result |
///
/// A format follows a bar: `| interval` adds the 95 % interval, `| percent` writes a fraction as a percentage. A
/// sentence that quotes a result that only another tier has is left out.
public struct QuotingText: Sendable {
  /// The format of a number.
  public enum Form: String, CaseIterable, Sendable { case value, interval, percent }

  /// A count of completed runs, or of distinct values of a setting among them.
  public enum Count: String, CaseIterable, Sendable {
    case runs, widths, lengths, budgets, seeds, vocabularies
  }

  /// A part of a sentence.
  public enum Piece: Sendable {
    case text(String)
    /// A number that is not a result.
    case definition(String)
    case count(Count)
    case quote(Quote)
  }

  /// A number with its format.
  public struct Quote: Sendable {
    /// The reference in the file.
    public let text: String
    let subject: Expectation.Subject
    /// The format.
    public let form: Form
  }

  /// The paragraph in the file.
  public let source: String
  /// The sentences, each with the space after it.
  public let sentences: [[Piece]]

  /// The names that texts may quote, in all tiers of a file.
  package struct Names {
    /// The fits.
    package let fits: [FitRequest]
    /// The comparisons of fits.
    package let comparisons: [ComparisonRequest]
    /// The settings that are swept, by their columns.
    package let sweeps: [String]
    /// The numbers of the section `page.numbers`.
    package let numbers: [RunNumber]

    package init(
      fits: [FitRequest], comparisons: [ComparisonRequest], sweeps: [String], numbers: [RunNumber]
    ) {
      (self.fits, self.comparisons, self.sweeps, self.numbers) = (fits, comparisons, sweeps, numbers)
    }
  }

  /// Parses a paragraph.
  ///
  /// - Throws: `InputError` with the line of `yaml` if a reference is invalid or its result does not exist.
  package init(_ paragraph: String, _ yaml: YAMLValue, _ names: Names) throws {
    source = paragraph
    var pieces: [Piece] = []
    var rest = paragraph[...]
    while let open = rest.firstIndex(of: "{") {
      let inside = rest[rest.index(after: open)...]
      guard let close = inside.firstIndex(of: "}"), inside.hasPrefix("=") || !inside[..<close].contains("{")
      else {
        throw yaml.error("a reference is not closed", remedy: "Add `}`, or write `{= {}` for a brace")
      }
      if open > rest.startIndex { pieces.append(.text(String(rest[..<open]))) }
      pieces.append(try Self.piece(String(rest[rest.index(after: open)..<close]), yaml, names))
      rest = rest[rest.index(after: close)...]
    }
    if !rest.isEmpty { pieces.append(.text(String(rest))) }
    sentences = Self.sentences(of: pieces)
  }

  private static func piece(_ reference: String, _ yaml: YAMLValue, _ names: Names) throws -> Piece {
    if reference.hasPrefix("=") {
      return .definition(reference.dropFirst().trimmingCharacters(in: .whitespaces))
    }
    let parts = reference.split(separator: "|", maxSplits: 1).map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    let name = parts.first ?? ""
    if let count = Count(rawValue: name) { return .count(count) }
    let form = parts.count > 1 ? Form(rawValue: parts[1]) : .value
    guard let form else {
      throw yaml.error(
        "`\(parts[1])` is not a format of a number",
        remedy: "Write one of \(Form.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    if let number = names.numbers.first(where: { $0.name == name }) {
      return .quote(Quote(text: reference, subject: .runs(number), form: form))
    }
    guard let subject = subject(name, names) else {
      let known =
        names.fits.flatMap { fit in fit.parameterNames.map { "\(fit.name).\($0)" } }
        + names.comparisons.flatMap { one in one.numbers.map { "compare \(one.name).\($0.rawValue)" } }
        + names.sweeps.map { "sweep \($0).excess" }
        + Expectation.Statistic.allCases.map { "results.\($0.rawValue)" } + Count.allCases.map(\.rawValue)
        + names.numbers.map(\.name)
      let nearest = nearestName(to: name, among: known).map { "Write `{\($0)}`, or" } ?? "Write"
      throw yaml.error(
        "`{\(reference)}` is not a result of this experiment",
        remedy: "\(nearest) FIT.PARAMETER of a fit of this file")
    }
    return .quote(Quote(text: reference, subject: subject, form: form))
  }

  private static func subject(_ name: String, _ names: Names) -> Expectation.Subject? {
    guard let dot = name.lastIndex(of: ".") else { return nil }
    let (owner, number) = (String(name[..<dot]), String(name[name.index(after: dot)...]))
    if owner == "results" { return Expectation.Statistic(rawValue: number).map { .statistic($0) } }
    if let compared = owner.dropping(prefix: "compare ") {
      return FitComparison.Number(rawValue: number).flatMap { number in
        names.comparisons.contains { $0.name == compared && $0.numbers.contains(number) }
          ? .comparison(number, of: compared) : nil
      }
    }
    if let swept = owner.dropping(prefix: "sweep ") {
      return names.sweeps.contains(swept) && number == "excess" ? .sweep(swept) : nil
    }
    let known = names.fits.contains { $0.name == owner && $0.parameterNames.contains(number) }
    return known ? .parameter(number, ofFit: owner) : nil
  }

  private static func sentences(of pieces: [Piece]) -> [[Piece]] {
    var sentences: [[Piece]] = [[]]
    for piece in pieces {
      guard case .text(let text) = piece else {
        sentences[sentences.count - 1].append(piece)
        continue
      }
      for part in parts(of: text) {
        sentences[sentences.count - 1].append(.text(part.text))
        if part.endsSentence { sentences.append([]) }
      }
    }
    return sentences.filter { !$0.isEmpty }
  }

  /// Splits a text after the end of each sentence: a period, question or exclamation mark before a space and a capital
  /// letter, except after `et al`.
  private static func parts(of text: String) -> [(text: String, endsSentence: Bool)] {
    var parts: [(text: String, endsSentence: Bool)] = []
    var start = text.startIndex
    for index in text.indices where ".?!".contains(text[index]) {
      let space = text.index(after: index)
      guard space < text.endIndex, text[space] == " ", !text[..<index].hasSuffix(" al") else { continue }
      let next = text.index(after: space)
      guard next == text.endIndex || text[next].isUppercase else { continue }
      parts.append((String(text[start..<next]), true))
      start = next
    }
    return start < text.endIndex ? parts + [(String(text[start...]), false)] : parts
  }
}

extension QuotingText {
  /// The result that replaces a reference.
  public enum Quotation: Sendable {
    case number(ExperimentFit.Number)
    /// The reason why there is no number.
    case refused(String)
    /// The tier does not request the result.
    case absent
  }

  /// Returns the result that a reference quotes.
  public static func quotation(_ quote: Quote, fits: Fits, results: ResultsTable) -> Quotation {
    if let number = quote.subject.number(fits: fits, results: results) { return .number(number) }
    return quote.subject.refusal(fits: fits).map(Quotation.refused) ?? .absent
  }
}

extension QuotingText.Count {
  /// Returns the count among completed runs.
  public func value(of results: ResultsTable) -> Int {
    let rows = results.completed
    let column: String
    switch self {
    case .runs: return rows.count
    case .widths: column = "width"
    case .lengths:
      // Lengths within 5 % are equal, because training stops at whole steps.
      let tokens = rows.compactMap(\.tokens).sorted()
      return tokens.isEmpty ? 0 : 1 + zip(tokens, tokens.dropFirst()).count { 20 * $1 > 21 * $0 }
    case .budgets: column = "isoflop_budget"
    case .seeds: column = "seed"
    case .vocabularies: column = "vocabulary"
    }
    return Set(rows.map { $0.text(column) }).subtracting([""]).count
  }
}

extension String {
  fileprivate func dropping(prefix: String) -> String? {
    hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
  }
}
