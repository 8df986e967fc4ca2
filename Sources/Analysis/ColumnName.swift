import Files
import Foundation

/// The name of a column in a foreign table, split into a plain name and a unit, as in `params (M)`.
struct ColumnName {
  /// The name as written.
  let text: String
  /// The name in lower case, with single underscores between words.
  let plain: String
  /// The unit as written; nil if there is none.
  let unit: String?

  init(_ name: some StringProtocol, unit: String? = nil) {
    text = String(name).trimmed
    let words = name.lowercased().split { !$0.isLetter && !$0.isNumber }
    plain = words.joined(separator: "_")
    self.unit = unit
  }

  /// Returns the possible readings of a header: as a whole, and with a unit at its end in parentheses or brackets, after
  /// `in`, or after an underscore.
  static func readings(of header: String) -> [ColumnName] {
    // As a whole first: `d_tokens` is no `d` in units of tokens.
    var all = [ColumnName(header)]
    for (opening, closing) in [("(", ")"), ("[", "]")] where header.hasSuffix(closing) {
      guard let start = header.lastIndex(of: Character(opening)) else { continue }
      let unit = header[header.index(after: start)...].dropLast()
      all.append(ColumnName(header[..<start], unit: String(unit).trimmed))
    }
    for separator in [" in ", "_in_", "_"] {
      guard let range = header.range(of: separator, options: .backwards) else { continue }
      all.append(ColumnName(header[..<range.lowerBound], unit: String(header[range.upperBound...])))
    }
    return all
  }
}

extension ObservationFile.Role {
  /// Returns the factor of a unit in a column's name: 1e6 for `M`, 8.64e19 for `PF-days`; nil if it is no unit of the
  /// quantity.
  func factor(of unit: String) -> Double? {
    switch self {
    case .loss, .lossStandardError:
      let lower = unit.lowercased()
      // Percentages are read as fractions already.
      return ["nat", "bit", "bpb", "%"].contains(where: lower.hasPrefix) ? 1 : nil
    case .variable(.compute): return Self.scale(unit, of: ["flop", "flops"]) ?? Self.compute(unit)
    case .variable(.parameters): return Self.scale(unit, of: ["parameters", "params", "weights"])
    case .variable(.tokens), .variable(.uniqueTokens): return Self.scale(unit, of: ["tokens", "tok"])
    case .variable(.steps), .variable(.experts): return Self.scale(unit, of: ["steps", "experts"])
    case .variable(.weight), .variable(.column), .cluster: return nil
    }
  }

  /// Returns the factor of `M`, `millions`, `1e6`, `10^6` or `M tokens`.
  private static func scale(_ unit: String, of things: [String]) -> Double? {
    var text = Substring(unit)
    if let thing = things.first(where: { text.lowercased().hasSuffix($0) }) {
      text = text.dropLast(thing.count)
    }
    let scale = String(text).trimmed
    let words: [String: Double] = [
      "": 1, "thousand": 1e3, "thousands": 1e3, "million": 1e6, "millions": 1e6, "mio": 1e6, "bn": 1e9,
      "billion": 1e9, "billions": 1e9, "trillion": 1e12, "trillions": 1e12,
    ]
    if let factor = words[scale.lowercased()] ?? ["K": 1e3, "k": 1e3][scale] { return factor }
    if let factor = Double(quantity: "1\(scale)"), scale.count == 1 { return factor }
    let number = scale.drop { "x×*· ".contains($0) }
    if number.hasPrefix("10^"), let power = Int(number.dropFirst(3)), (0...30).contains(power) {
      return pow(10, Double(power))
    }
    return number.first == "1" ? Double(quantity: number).flatMap { $0 > 0 ? $0 : nil } : nil
  }

  /// Returns the factor of `PFLOPs`, `PF-days` or `petaflop/s-days`.
  private static func compute(_ unit: String) -> Double? {
    var text = unit.lowercased().filter { !$0.isWhitespace }
    var seconds = 1.0
    for (name, length) in [("days", 86400.0), ("day", 86400), ("hours", 3600), ("hour", 3600)]
    where text.hasSuffix(name) {
      text = String(text.dropLast(name.count))
      seconds = length
      break
    }
    let isRate = seconds > 1
    if isRate {
      while let last = text.last, "-*·".contains(last) { text.removeLast() }
      if text.hasSuffix("/s") { text = String(text.dropLast(2)) }
    }
    let names = isRate ? ["flops", "flop", "f"] : ["flops", "flop"]
    guard let name = names.first(where: text.hasSuffix) else { return nil }
    let prefixes: [String: Double] = [
      "": 1, "m": 1e6, "mega": 1e6, "g": 1e9, "giga": 1e9, "t": 1e12, "tera": 1e12, "p": 1e15, "peta": 1e15,
      "e": 1e18, "exa": 1e18, "z": 1e21, "zetta": 1e21, "y": 1e24, "yotta": 1e24,
    ]
    return prefixes[String(text.dropLast(name.count))].map { $0 * seconds }
  }
}
