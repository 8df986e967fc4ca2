import Files
import Foundation

/// A condition on the rows of a table: `C<1e21`, `model=llama_3,gpt_2`, `router_type!=Dense`.
public struct RowFilter: Sendable {
  private enum Comparison: String, CaseIterable {
    // Two signs before one, so that `<=` is not read as `<`.
    case differs = "!=", atMost = "<=", atLeast = ">=", equals = "=", below = "<", above = ">"
  }

  /// The condition as the user wrote it.
  public let text: String
  /// The name of a column or of a quantity: N, D, C, loss.
  package let column: String
  private let comparison: Comparison
  /// The values that the cell is compared with; several only for `=` and `!=`.
  private let values: [String]

  /// True if it compares numbers, as `<` does.
  var comparesNumbers: Bool { comparison != .equals && comparison != .differs }

  /// Parses a condition.
  ///
  /// - Throws: `InputError` if the text is not a condition.
  public init(_ text: String) throws {
    self.text = text
    let signs = Comparison.allCases.compactMap { comparison in
      text.firstRange(of: comparison.rawValue).map { (comparison, $0) }
    }
    let first = signs.min {
      ($0.1.lowerBound, -$0.0.rawValue.count) < ($1.1.lowerBound, -$1.0.rawValue.count)
    }
    guard let (comparison, range) = first else {
      throw InputError(
        "`\(text)` is not a condition", remedy: "Write for example `C<1e21` or `model=llama_3,gpt_2`")
    }
    // `width=>32` would compare the cells with the text `>32`.
    if comparison == .equals, let sign = text[range.upperBound...].first, "=<>".contains(sign) {
      throw InputError(
        "`\(text)` has the unknown comparison `=\(sign)`",
        remedy: "Write `\(sign == "=" ? "=" : "\(sign)=")`")
    }
    self.comparison = comparison
    column = text[..<range.lowerBound].trimmingCharacters(in: .whitespaces)
    values = text[range.upperBound...].split(separator: ",", omittingEmptySubsequences: false)
      .map { $0.trimmingCharacters(in: .whitespaces) }
    switch comparison {
    case .equals, .differs: break
    default:
      guard values.count == 1, Double(quantity: values[0]) != nil else {
        throw InputError("`\(text)` has no number to compare with", remedy: "Write for example `C<1e21`")
      }
    }
  }

  /// Returns whether a cell satisfies the condition; nil if the condition needs a number and the cell is not one.
  package func holds(for cell: String) -> Bool? {
    let number = Double(quantity: cell)
    let isAmong = values.contains { value in
      value == cell || number.map { $0 == Double(quantity: value) } ?? false
    }
    guard comparison != .equals else { return isAmong }
    guard comparison != .differs else { return !isAmong }
    guard let number, let limit = Double(quantity: values[0]) else { return nil }
    return switch comparison {
    case .below: number < limit
    case .atMost: number <= limit
    case .above: number > limit
    default: number >= limit
    }
  }
}
