import Files
import Foundation

/// How the numbers of a column are written.
///
/// `15,000` is 15000 in one country and 15 in another. A column is read by what it contains itself, then by the other
/// columns of the table; if neither tells, its numbers are not read at all.
struct NumberNotation: Equatable {
  /// The sign before decimals, a point or a comma.
  let decimal: Unicode.Scalar
  /// True if the numbers are percentages, with or without their sign.
  let isPercent: Bool

  /// Swift's own notation.
  static let plain = NumberNotation(decimal: ".", isPercent: false)

  /// Returns the number in a cell in Swift's notation, `15000000` for `15,000,000`; nil if it is not a number in this
  /// notation.
  ///
  /// Digits may be grouped in thousands by spaces, apostrophes, and commas or points, and a suffix k, M, G, B or T may
  /// stand after a space.
  func plain(_ cell: String) -> String? {
    guard isPercent else { return Self.plain(cell, decimal: decimal) }
    let number = cell.last == "%" ? cell.dropLast().trimmed : cell
    return Self.plain(number, decimal: decimal)
      .flatMap { Double(quantity: $0) }.map { "\($0 / 100)" }
  }

  static func plain(_ cell: String, decimal: Unicode.Scalar) -> String? {
    var rest = Substring(cell).unicodeScalars
    var text = ""
    if let sign = rest.first, sign == "-" || sign == "+" {
      text.unicodeScalars.append(sign)
      rest.removeFirst()
    }
    let whole = rest.prefix { isDigit($0) || $0 != decimal && groupSigns.contains($0) }
    // A space at the end is the one before a suffix.
    guard let digits = ungrouped(String(whole).trimmed.unicodeScalars) else { return nil }
    text += digits
    rest = rest.dropFirst(whole.count)
    var decimals = ""
    if rest.first == decimal {
      rest.removeFirst()
      let fraction = rest.prefix(while: isDigit)
      decimals = String(fraction)
      text += ".\(decimals.isEmpty ? "0" : decimals)"
      rest = rest.dropFirst(fraction.count)
    }
    guard !digits.isEmpty || !decimals.isEmpty else { return nil }
    if rest.first == "e" || rest.first == "E" {
      rest.removeFirst()
      let sign = rest.prefix { $0 == "-" || $0 == "+" }
      let exponent = rest.dropFirst(sign.count).prefix(while: isDigit)
      guard sign.count <= 1, !exponent.isEmpty else { return nil }
      text += "e\(String(sign))\(String(exponent))"
      rest = rest.dropFirst(sign.count + exponent.count)
    }
    let suffix = String(rest).trimmed
    guard suffix.isEmpty || ["k", "M", "G", "B", "T"].contains(suffix) else { return nil }
    return text + suffix
  }

  /// The signs that may group digits. A point or a comma does so only where it is not the sign before decimals.
  private static let groupSigns: Set<Unicode.Scalar> = [
    ",", ".", " ", "\u{A0}", "\u{202F}", "\u{2009}", "'", "\u{2019}", "_",
  ]

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

  /// Returns the digits of a whole number without the signs between its groups of three; nil if it is none.
  private static func ungrouped(_ whole: String.UnicodeScalarView) -> String? {
    guard let sign = whole.first(where: { !isDigit($0) }) else { return String(whole) }
    let groups = whole.split(separator: sign, omittingEmptySubsequences: false)
    guard groups.allSatisfy({ $0.allSatisfy(isDigit) }) else { return nil }
    // Underscores may stand anywhere, as in Swift.
    let areThousands =
      (1...3).contains(groups[0].count) && groups[0].first != "0"
      && groups.dropFirst().allSatisfy { $0.count == 3 }
    return areThousands || sign == "_" ? groups.map { String($0) }.joined() : nil
  }
}

extension StringProtocol {
  /// The text without white space at its ends.
  var trimmed: String {
    guard first?.isWhitespace ?? false || last?.isWhitespace ?? false else { return String(self) }
    return trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
