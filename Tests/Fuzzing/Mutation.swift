import RandomNumbers

/// Mutations that keep some of the structure of an input: whole tokens and lines are moved, and numbers are
/// replaced by extreme ones.
package struct Mutation {
  private var random: SplitMix64
  /// The inputs that parts are taken from.
  private let others: [[UInt8]]

  package init(seed: UInt64, others: [[UInt8]]) {
    random = SplitMix64(seed: seed)
    self.others = others
  }

  /// Returns a mutation of `input` with at most `limit` bytes.
  package mutating func changed(_ input: [UInt8], limit: Int) -> [UInt8] {
    var bytes = input
    for _ in 0..<(1 + below(4)) { bytes = changedOnce(bytes) }
    return Array(bytes.prefix(limit))
  }

  private mutating func changedOnce(_ bytes: [UInt8]) -> [UInt8] {
    let isByLine = below(3) == 0
    var parts = isByLine ? Self.lines(bytes) : Self.tokens(bytes)
    guard !parts.isEmpty else { return pick(others) }
    let place = below(parts.count)
    let end = min(parts.count, place + 1 + below(isByLine ? 4 : 12))
    switch below(10) {
    case 0: parts.removeSubrange(place..<end)
    case 1:
      let copies = [1, 2, 8, 64][below(4)]
      parts.insert(contentsOf: (0..<copies).flatMap { _ in parts[place..<end] }, at: place)
    case 2: parts.swapAt(place, below(parts.count))
    case 3: parts.removeLast(parts.count - place)
    case 4, 5:
      let numbers = parts.indices.filter { parts[$0].first.map { (48...57).contains($0) } ?? false }
      parts[numbers.isEmpty ? place : pick(numbers)] = Array(pick(Self.extremes).utf8)
    case 6: parts.insert(Array(pick(Self.marks).utf8), at: place)
    case 7:
      let depth = [1, 3, 70, 600][below(4)]
      let (open, close) = pick([("[", "]"), ("{a: ", "}"), ("{\"a\":", "}"), ("- ", "")])
      parts[place] =
        Array(String(repeating: open, count: depth).utf8) + parts[place]
        + Array(String(repeating: close, count: depth).utf8)
    case 8: parts.insert([UInt8(below(256))], at: place)
    default:
      let other = Self.tokens(pick(others))
      guard !other.isEmpty else { break }
      let start = below(other.count)
      parts.replaceSubrange(place..<end, with: other[start..<min(other.count, start + 1 + below(12))])
    }
    return Array(parts.joined())
  }

  /// Numbers at and beyond the limits of their types, and texts that are not numbers.
  private static let extremes = [
    "0", "-0", "-1", "1", "2", "255", "256", "65535", "65536", "65537", "1e9", "4294967296", "1e15", "9e15",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "18446744073709551616", "1e19",
    "1e-300",
    "5e-324", "1e308", "1e308T", "-1e308", "1e400", "0.1", "1e-9", "nan", "inf", "-inf", "0x10", "1_0", "",
    "1k",
    "99999999999999999999999999999999999999999",
  ]

  /// Texts with a meaning in one of the formats, or in none.
  private static let marks = [
    "&a ", "*a", "*a: ", "<<: *a", "? ", "- ", "---\n", "...\n", "!!int ", "!x ", "|\n", ">\n", "%", "#",
    "\"", "'",
    "{", "}", "[", "]", ",", ":", "\n", "\r\n", "\t", " ", "\\u0000", "\\ud800", "\u{FEFF}", "\u{301}",
    "\u{2028}",
    "../", "/", "null", "true", "~", "{a of a}", "{a + a}", "{a: a}", "{a}", "!=", "<=", "=",
  ]

  private static func lines(_ bytes: [UInt8]) -> [[UInt8]] {
    bytes.split(separator: 10, omittingEmptySubsequences: false).map { Array($0) + [10] }
  }

  /// Returns the tokens of an input: words and numbers, and each other byte by itself.
  private static func tokens(_ bytes: [UInt8]) -> [[UInt8]] {
    var tokens: [[UInt8]] = []
    var isWord = false
    for byte in bytes {
      let belongs =
        switch byte {
        case 48...57, 65...90, 97...122, 46, 95, 128...: true
        default: false
        }
      if belongs && isWord { tokens[tokens.count - 1].append(byte) } else { tokens.append([byte]) }
      isWord = belongs
    }
    return tokens
  }

  private mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

  private mutating func below(_ count: Int) -> Int { Int(random.next() % UInt64(max(count, 1))) }
}
