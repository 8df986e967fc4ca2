import Files
import Foundation

/// A condition on the rows of a table: `C<1e21`, `model=llama_3,gpt_2`, `router_type!=Dense`, or several of them, of which
/// one must hold: `N<1e8 or D>=1e10`.
public struct RowFilter: Sendable {
  /// What a condition says of a row.
  package enum Outcome: Equatable {
    case holds, fails
    /// A cell that it compares has no value.
    case unknown
    /// A cell that it compares as a number is text.
    case notANumber(column: String, cell: String)
  }

  /// The condition as the user wrote it.
  public let text: String
  private let alternatives: [Comparison]

  /// The names of the columns and quantities (N, D, C, loss) that it compares, in order.
  package var columns: [String] {
    var seen: Set<String> = []
    return alternatives.map(\.column).filter { seen.insert($0).inserted }
  }

  /// The columns whose numbers it compares, as `<` does.
  var numericColumns: [String] { alternatives.filter(\.comparesNumbers).map(\.column) }

  /// Parses a condition. Alternatives are separated by `or` or `|`.
  ///
  /// - Throws: `InputError` if the text is not a condition.
  public init(_ text: String) throws {
    self.text = text
    alternatives = try text.replacing("||", with: "|").replacing(" or ", with: "|")
      .split(separator: "|", omittingEmptySubsequences: false).map { try Comparison($0.trimmed) }
  }

  /// Creates the comparison of a column, such as `>= 1M`.
  ///
  /// - Throws: `InputError` if the text is not a comparison.
  init(_ column: String, _ comparison: String) throws {
    text = "\(column) \(comparison)"
    alternatives = [try Comparison(text)]
  }

  /// Returns what the condition says of a row.
  ///
  /// - Parameter cell: Returns the cell of a column, or the number of a quantity; nil if there is no value.
  package func outcome(_ cell: (_ column: String) -> String?) -> Outcome {
    let outcomes = alternatives.map { alternative in
      cell(alternative.column).map(alternative.outcome) ?? .unknown
    }
    if outcomes.contains(.holds) { return .holds }
    let isText = outcomes.first { if case .notANumber = $0 { true } else { false } }
    return isText ?? (outcomes.contains(.unknown) ? .unknown : .fails)
  }
}

/// The comparison of a column with a value, or with several.
private struct Comparison: Sendable {
  private enum Sign: String, CaseIterable {
    // Two signs before one, so that `<=` is not read as `<`.
    case differs = "!=", atMost = "<=", atLeast = ">=", equals = "=", below = "<", above = ">"
  }

  /// The name of a column or of a quantity: N, D, C, loss.
  let column: String
  private let sign: Sign
  /// The values that the cell is compared with; several only for `=` and `!=`.
  private let values: [String]

  /// True if it compares numbers, as `<` does.
  var comparesNumbers: Bool { sign != .equals && sign != .differs }

  init(_ text: String) throws {
    let signs = Sign.allCases.compactMap { sign in text.firstRange(of: sign.rawValue).map { (sign, $0) } }
    let first = signs.min {
      ($0.1.lowerBound, -$0.0.rawValue.count) < ($1.1.lowerBound, -$1.0.rawValue.count)
    }
    guard let (sign, range) = first else {
      throw InputError(
        "`\(text)` is not a condition",
        remedy: "Write for example `C<1e21`, `model=llama_3,gpt_2` or `N<1e8 or D>=1e10`")
    }
    // `width=>32` would compare the cells with the text `>32`.
    if sign == .equals, let next = text[range.upperBound...].first, "=<>".contains(next) {
      throw InputError(
        "`\(text)` has the unknown comparison `=\(next)`",
        remedy: "Write `\(next == "=" ? "=" : "\(next)=")`")
    }
    self.sign = sign
    column = text[..<range.lowerBound].trimmingCharacters(in: .whitespaces)
    values = text[range.upperBound...].split(separator: ",", omittingEmptySubsequences: false)
      .map { $0.trimmingCharacters(in: .whitespaces) }
    if comparesNumbers {
      guard values.count == 1, Double(quantity: values[0]) != nil else {
        throw InputError("`\(text)` has no number to compare with", remedy: "Write for example `C<1e21`")
      }
    }
  }

  func outcome(for cell: String) -> RowFilter.Outcome {
    let number = Double(quantity: cell)
    guard comparesNumbers else {
      let isAmong = values.contains { value in
        value == cell || number.map { $0 == Double(quantity: value) } ?? false
      }
      return isAmong == (sign == .equals) ? .holds : .fails
    }
    if ForeignTable.isMissing(cell) { return .unknown }
    guard let number, let limit = Double(quantity: values[0]) else {
      return .notANumber(column: column, cell: cell)
    }
    let holds =
      switch sign {
      case .below: number < limit
      case .atMost: number <= limit
      case .above: number > limit
      default: number >= limit
      }
    return holds ? .holds : .fails
  }
}
