/// Byte-pair encoding (Gage 1994; Sennrich et al. 2016) over bytes: it encodes any text without loss.
///
/// Tokens 0 ..< 256 are the bytes; token 256 + i is the i-th merge. Text is first cut into pieces, which merges do not
/// cross: a run of letters, digits or other signs, each with at most one space before it, a single space, or a single
/// control character.
public struct BytePairTokenizer: Tokenizer {
  /// Two adjacent tokens that are merged into one.
  public struct Pair: Hashable, Sendable {
    /// The first token.
    public let left: UInt16
    /// The second token.
    public let right: UInt16
  }

  /// The configuration that the tokenizer was created from.
  public let configuration: TokenizerConfiguration
  /// The merges, in the order in which they were learned.
  public let merges: [Pair]
  private let rankOfPair: [Pair: UInt16]

  init(configuration: TokenizerConfiguration, merges: [Pair]) {
    self.configuration = configuration
    self.merges = merges
    rankOfPair = Dictionary(
      merges.lazy.enumerated().map { ($1, UInt16($0)) }, uniquingKeysWith: min)
  }

  public var vocabulary: Int { 256 + merges.count }

  public func bytes(of token: Int) -> [UInt8] {
    guard token >= 256 else { return [UInt8(token)] }
    let pair = merges[token - 256]
    return bytes(of: Int(pair.left)) + bytes(of: Int(pair.right))
  }

  public func encode(_ text: ArraySlice<UInt8>, into tokens: inout [UInt16]) {
    var piece: [UInt16] = []
    var start = text.startIndex
    while start < text.endIndex {
      let end = Self.pieceEnd(text, from: start)
      piece.removeAll(keepingCapacity: true)
      for byte in text[start..<end] { piece.append(UInt16(byte)) }
      merge(&piece)
      tokens.append(contentsOf: piece)
      start = end
    }
  }

  /// Applies the merges to the bytes of one piece, in the order in which they were learned, from left to right.
  private func merge(_ piece: inout [UInt16]) {
    while piece.count > 1 {
      var best: (rank: UInt16, position: Int)?
      for position in 0..<piece.count - 1 {
        if let rank = rankOfPair[Pair(left: piece[position], right: piece[position + 1])],
          rank < best?.rank ?? .max
        {
          best = (rank, position)
        }
      }
      guard let best else { return }
      piece[best.position] = 256 + best.rank
      piece.remove(at: best.position + 1)
    }
  }

  // MARK: Pieces

  package enum Kind { case letter, digit, sign, space, control }

  package static func kind(_ byte: UInt8) -> Kind {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), 128...255: .letter
    case UInt8(ascii: "0")...UInt8(ascii: "9"): .digit
    case UInt8(ascii: " "): .space
    case 0..<32, 127: .control
    default: .sign
    }
  }

  /// The largest number of bytes of a piece. Longer runs are cut, because merging takes time quadratic in the length.
  package static let longestPiece = 64

  /// Returns the end of the piece that begins at `start`.
  static func pieceEnd(_ text: ArraySlice<UInt8>, from start: Int) -> Int {
    var end = start + 1
    var kind = kind(text[start])
    if kind == .space, end < text.endIndex {
      kind = Self.kind(text[end])
      if kind == .space || kind == .control { return end }
      end += 1
    }
    if kind == .control { return end }
    let limit = min(text.endIndex, start + longestPiece)
    while end < limit, Self.kind(text[end]) == kind { end += 1 }
    return end
  }
}
