/// The text form of a tokenizer, so that a checkpoint can be sampled without its corpus. The first line is its
/// configuration. It is followed by the alphabet of a character tokenizer, in the order of the tokens, or by one line
/// for each merge of a byte-pair tokenizer: the two tokens that become token 256, 257 and so on. For an imported
/// tokenizer see `ImportedTokenizer`.
public struct TokenizerText: Sendable {
  /// The text form.
  public let text: String

  /// Wraps a text that was read from a checkpoint; `tokenizer` parses it.
  public init(_ text: String) { self.text = text }

  /// Creates the text form of `tokenizer`.
  public init(_ tokenizer: any Tokenizer) {
    let content =
      switch tokenizer {
      case let tokenizer as CharacterTokenizer: String(String.UnicodeScalarView(tokenizer.alphabet))
      case let tokenizer as BytePairTokenizer:
        tokenizer.merges.map { "\($0.left) \($0.right)\n" }.joined()
      case let tokenizer as ImportedTokenizer: tokenizer.text
      default: ""
      }
    text = "\(tokenizer.configuration)\n\(content)"
  }

  /// The tokenizer that the text describes; nil if the text is invalid.
  public var tokenizer: (any Tokenizer)? {
    let lines = text.utf8
    guard let end = lines.firstIndex(of: lineFeed) else { return nil }
    let content = text[lines.index(after: end)...]
    guard !text.hasPrefix("imported(") else { return ImportedTokenizer(text: content) }
    guard let configuration = TokenizerConfiguration(String(text[..<end])) else { return nil }
    switch configuration {
    case .bytes: return ByteTokenizer()
    case .characters:
      let alphabet = Array(content.unicodeScalars.prefix(65_537))
      return (1...65_536).contains(alphabet.count) ? CharacterTokenizer(alphabet: alphabet) : nil
    case .bytePairs(let vocabulary):
      return merges(in: content, most: vocabulary - 256).map {
        BytePairTokenizer(configuration: configuration, merges: $0)
      }
    case .imported: return nil
    }
  }

  private func merges(in content: Substring, most: Int) -> [BytePairTokenizer.Pair]? {
    var merges: [BytePairTokenizer.Pair] = []
    // Token lengths in bytes. Merges stay within a piece, so longer tokens are invalid. Without this limit, a text in
    // which each merge doubles the length would describe tokens of gigabytes.
    var lengths = [UInt8](repeating: 1, count: 256)
    var rest = content.utf8
    while let end = rest.firstIndex(of: lineFeed) {
      let pair = rest[..<end].split(separator: UInt8(ascii: " "), maxSplits: 2).map { Int(Substring($0)) }
      guard merges.count < most, pair.count == 2, let left = pair[0], let right = pair[1],
        lengths.indices.contains(left), lengths.indices.contains(right),
        case let length = lengths[left] + lengths[right], length <= BytePairTokenizer.longestPiece
      else { return nil }
      merges.append(.init(left: UInt16(left), right: UInt16(right)))
      lengths.append(length)
      rest = rest[rest.index(after: end)...]
    }
    return rest.isEmpty ? merges : nil
  }
}

private let lineFeed = UInt8(ascii: "\n")
