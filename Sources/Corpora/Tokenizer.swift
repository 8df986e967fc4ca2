import Files

/// Converts UTF-8 text to tokens 0 ..< vocabulary and back.
public protocol Tokenizer: Sendable {
  /// The configuration that the tokenizer was created from.
  var configuration: TokenizerConfiguration { get }
  /// The number of distinct tokens, V, at most 65 536.
  var vocabulary: Int { get }
  /// Appends the tokens of `text` to `tokens`.
  ///
  /// - Throws: `InputError` if a character has no token.
  func encode(_ text: ArraySlice<UInt8>, into tokens: inout [UInt16]) throws
  /// Returns the UTF-8 bytes of a token.
  func bytes(of token: Int) -> [UInt8]
}

extension Tokenizer {
  /// Returns the tokens of a text.
  ///
  /// - Throws: `InputError` if a character has no token.
  public func encode(_ text: String) throws -> [UInt16] { try encode(Array(text.utf8)) }

  /// Returns the tokens of UTF-8 bytes.
  ///
  /// - Throws: `InputError` if a character has no token.
  public func encode(_ text: [UInt8]) throws -> [UInt16] {
    var tokens: [UInt16] = []
    try encode(text[...], into: &tokens)
    return tokens
  }

  /// Returns the bytes of `tokens`.
  public func bytes(of tokens: some Sequence<UInt16>) -> [UInt8] { tokens.flatMap { bytes(of: Int($0)) } }

  /// Returns the text of `tokens`. Bytes that are not UTF-8 become replacement characters.
  public func decode(_ tokens: some Sequence<UInt16>) -> String {
    String(decoding: bytes(of: tokens), as: UTF8.self)
  }
}

/// The tokenizer of a corpus. Its text form is `characters`, `bytes` or, for example, `bytePairs(512)`.
public enum TokenizerConfiguration: Hashable, Sendable, CustomStringConvertible {
  /// One token for each character of the corpus's alphabet.
  case characters
  /// One token for each byte of UTF-8; V = 256.
  case bytes
  /// A byte-pair encoding trained on the corpus; V = vocabulary, 257 to 65 536.
  case bytePairs(vocabulary: Int)
  /// A byte-pair encoding of another program, which belongs to its model: no corpus can ask for it.
  case imported(vocabulary: Int)

  /// Parses the form that `description` writes, except that of imported ones; nil for any other text.
  public init?(_ text: String) {
    switch text {
    case "characters": self = .characters
    case "bytes": self = .bytes
    default:
      guard text.hasPrefix("bytePairs("), text.hasSuffix(")"),
        let vocabulary = Int(text.dropFirst(10).dropLast()), (257...65_536).contains(vocabulary)
      else { return nil }
      self = .bytePairs(vocabulary: vocabulary)
    }
  }

  public var description: String {
    switch self {
    case .characters: "characters"
    case .bytes: "bytes"
    case .bytePairs(let vocabulary): "bytePairs(\(vocabulary))"
    case .imported(let vocabulary): "imported(\(vocabulary))"
    }
  }
}

extension TokenizerConfiguration: Codable {
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let configuration = Self(text) else {
      throw InputError(
        "`\(text)` is not a tokenizer",
        remedy: "Write characters, bytes or bytePairs(V) with V from 257 to 65536")
    }
    self = configuration
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
