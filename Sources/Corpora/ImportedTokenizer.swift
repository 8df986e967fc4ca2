import Files
import Foundation

/// A byte-level byte-pair encoding (Radford et al. 2019) of another program, with its own numbers of tokens and its own
/// rules for the pieces that merges do not cross.
///
/// `BytePairTokenizer` has the bytes as its first tokens and then its merges; here any token may have any number. It is
/// stored in few flat arrays, so that a file cannot ask for much more memory than it has bytes.
public struct ImportedTokenizer: Tokenizer {
  /// Two adjacent tokens that are merged into a third.
  private struct Merge: Sendable {
    let left: UInt16
    let right: UInt16
    /// Its place in the order in which merges are applied.
    let rank: UInt16
    let result: UInt16

    var pair: UInt32 { UInt32(left) << 16 | UInt32(right) }
  }

  /// The bytes of all tokens, one after the other.
  private let content: [UInt8]
  /// The end of each token in the content; one without bytes is a number without a token.
  private let ends: [UInt32]
  /// The merges, sorted by their pairs.
  private let merges: [Merge]
  /// The regular expressions that cut text into pieces, one after the other: each match is a piece, and so is the text
  /// between matches.
  private let patterns: [String]
  private let expressions: [NSRegularExpression]
  private let tokenOfByte: [UInt16]

  /// - Parameter merges: The two tokens and the one that they become, in order.
  /// - Returns: Nil unless each byte has a token, merges have tokens, and the patterns are regular expressions.
  package init?(tokens: [[UInt8]], merges: [[UInt16]], patterns: [String]) {
    guard merges.count <= 65_536, merges.allSatisfy({ $0.count == 3 }) else { return nil }
    var ends: [UInt32] = []
    var end = 0
    for token in tokens {
      end += token.count
      guard let place = UInt32(exactly: end) else { return nil }
      ends.append(place)
    }
    self.init(
      content: tokens.flatMap { $0 }, ends: ends,
      merges: merges.enumerated().map {
        Merge(left: $1[0], right: $1[1], rank: UInt16($0), result: $1[2])
      }, patterns: patterns)
  }

  private init?(content: [UInt8], ends: [UInt32], merges: consuming [Merge], patterns: [String]) {
    var tokenOfByte = [UInt16?](repeating: nil, count: 256)
    var start = 0
    for (token, end) in ends.prefix(65_536).enumerated() {
      if Int(end) == start + 1, tokenOfByte[Int(content[start])] == nil {
        tokenOfByte[Int(content[start])] = UInt16(token)
      }
      start = Int(end)
    }
    let known = tokenOfByte.compactMap { $0 }
    guard ends.count <= 65_536, known.count == 256,
      merges.allSatisfy({ max($0.left, $0.right, $0.result) < ends.count }),
      let expressions = try? patterns.map({ try NSRegularExpression(pattern: $0) })
    else { return nil }
    (self.content, self.ends, self.patterns) = (content, ends, patterns)
    self.expressions = expressions
    self.tokenOfByte = known
    merges.sort { ($0.pair, $0.rank) < ($1.pair, $1.rank) }
    self.merges = merges
  }

  public var configuration: TokenizerConfiguration { .imported(vocabulary: vocabulary) }
  public var vocabulary: Int { ends.count }

  public func bytes(of token: Int) -> [UInt8] {
    Array(content[(token == 0 ? 0 : Int(ends[token - 1]))..<Int(ends[token])])
  }

  public func encode(_ text: ArraySlice<UInt8>, into result: inout [UInt16]) {
    var known: [Substring: [UInt16]] = [:]
    for piece in pieces(String(decoding: text, as: UTF8.self)[...]) {
      if let tokens = known[piece] {
        result.append(contentsOf: tokens)
        continue
      }
      let tokens = merged(piece.utf8.map { tokenOfByte[Int($0)] })
      known[piece] = tokens
      result.append(contentsOf: tokens)
    }
  }

  /// Cuts a text by one expression after the other.
  private func pieces(_ text: Substring) -> [Substring] {
    expressions.reduce([text]) { pieces, expression in pieces.flatMap { Self.pieces($0, expression) } }
  }

  private static func pieces(_ text: Substring, _ expression: NSRegularExpression) -> [Substring] {
    // Matches are given in units of UTF-16, which are slow to find in a string with other characters than ASCII.
    let units = Array(text.utf16)
    var pieces: [Substring] = []
    var end = 0
    func add(_ range: Range<Int>) {
      if !range.isEmpty { pieces.append(String(decoding: units[range], as: UTF16.self)[...]) }
    }
    expression.enumerateMatches(in: String(text), range: NSRange(location: 0, length: units.count)) {
      match, _, _ in
      guard let range = match?.range, range.length > 0 else { return }
      add(end..<range.location)
      end = range.location + range.length
      add(range.location..<end)
    }
    add(end..<units.count)
    return pieces
  }

  /// Applies the merges to the tokens of one piece, in the order in which they were learned, from left to right.
  private func merged(_ bytes: [UInt16]) -> [UInt16] {
    var piece = bytes
    while piece.count > 1 {
      var best: (merge: Merge, position: Int)?
      for position in 0..<piece.count - 1 {
        if let merge = merge(of: piece[position], piece[position + 1]), merge.rank < best?.merge.rank ?? .max
        {
          best = (merge, position)
        }
      }
      guard let best else { break }
      piece[best.position] = best.merge.result
      piece.remove(at: best.position + 1)
    }
    return piece
  }

  /// The first merge of two tokens; nil if they are never merged.
  private func merge(of left: UInt16, _ right: UInt16) -> Merge? {
    let pair = UInt32(left) << 16 | UInt32(right)
    var (low, high) = (0, merges.count)
    while low < high {
      let middle = (low + high) / 2
      if merges[middle].pair < pair { low = middle + 1 } else { high = middle }
    }
    return low < merges.count && merges[low].pair == pair ? merges[low] : nil
  }

  /// The error for a corpus that asks for such a tokenizer.
  static let notChosen = InputError(
    "a tokenizer of another program belongs to its model",
    remedy: "Write characters, bytes or bytePairs(V) with V from 257 to 65536")
}

/// The form in checkpoints, after the first line of a tokenizer's text: the number of patterns and of tokens, then a line
/// for each pattern, for each token (bytes as two hexadecimal digits each), and for each merge.
extension ImportedTokenizer {
  var text: String {
    func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
      bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "\n"
    }
    return "\(patterns.count) \(vocabulary)\n" + patterns.map { hexadecimal($0.utf8) }.joined()
      + (0..<vocabulary).map { hexadecimal(bytes(of: $0)) }.joined()
      + merges.sorted { $0.rank < $1.rank }.map { "\($0.left) \($0.right) \($0.result)\n" }.joined()
  }

  /// - Returns: Nil if the text does not describe a tokenizer.
  init?(text: Substring) {
    var rest = text.utf8[...]
    func line() -> Substring.UTF8View? {
      guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
      defer { rest = rest[rest.index(after: end)...] }
      return rest[..<end]
    }
    func numbers() -> [Int]? {
      line().map { $0.split(separator: UInt8(ascii: " "), maxSplits: 3).compactMap { Int(Substring($0)) } }
    }
    guard let counts = numbers(), counts.count == 2, (0...16).contains(counts[0]),
      (0...65_536).contains(counts[1])
    else { return nil }
    var patterns: [String] = []
    for _ in 0..<counts[0] {
      var bytes: [UInt8] = []
      guard let line = line(), Self.append(line, to: &bytes) else { return nil }
      patterns.append(String(decoding: bytes, as: UTF8.self))
    }
    var content: [UInt8] = []
    var ends: [UInt32] = []
    ends.reserveCapacity(min(counts[1], rest.count))
    for _ in 0..<counts[1] {
      guard let line = line(), Self.append(line, to: &content), let end = UInt32(exactly: content.count)
      else {
        return nil
      }
      ends.append(end)
    }
    var merges: [Merge] = []
    // A merge takes at least six bytes.
    merges.reserveCapacity(min(65_536, rest.count / 6))
    while !rest.isEmpty {
      guard let merge = numbers(), merge.count == 3, merge.allSatisfy({ ends.indices.contains($0) }),
        let rank = UInt16(exactly: merges.count)
      else { return nil }
      merges.append(
        Merge(left: UInt16(merge[0]), right: UInt16(merge[1]), rank: rank, result: UInt16(merge[2])))
    }
    self.init(content: content, ends: ends, merges: merges, patterns: patterns)
  }

  /// Appends the bytes that hexadecimal digits write.
  ///
  /// - Returns: Whether they are such digits.
  private static func append(_ digits: Substring.UTF8View, to bytes: inout [UInt8]) -> Bool {
    var high: Int?
    for digit in digits {
      guard let value = Character(Unicode.Scalar(digit)).hexDigitValue else { return false }
      if let first = high {
        bytes.append(UInt8(16 * first + value))
        high = nil
      } else {
        high = value
      }
    }
    return high == nil
  }
}
