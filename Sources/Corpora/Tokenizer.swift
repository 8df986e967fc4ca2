import Files

/// Turns UTF-8 text into tokens 0 ..< vocabulary and back.
public protocol Tokenizer: Sendable {
  var configuration: TokenizerConfiguration { get }
  /// The number of different tokens, V, at most 65 536.
  var vocabulary: Int { get }
  /// Adds the tokens of `text` to `tokens`. Throws `InputError` at a character that has no token.
  func encode(_ text: ArraySlice<UInt8>, into tokens: inout [UInt16]) throws
  /// What a token writes, UTF-8.
  func bytes(of token: Int) -> [UInt8]
}

extension Tokenizer {
  /// The tokens of a text.
  public func encode(_ text: String) throws -> [UInt16] { try encode(Array(text.utf8)) }

  /// The tokens of UTF-8 bytes.
  public func encode(_ text: [UInt8]) throws -> [UInt16] {
    var tokens: [UInt16] = []
    try encode(text[...], into: &tokens)
    return tokens
  }

  /// The bytes that `tokens` write.
  public func bytes(of tokens: some Sequence<UInt16>) -> [UInt8] { tokens.flatMap { bytes(of: Int($0)) } }

  /// The text that `tokens` write; bytes that are not UTF-8 become replacement characters.
  public func decode(_ tokens: some Sequence<UInt16>) -> String {
    String(decoding: bytes(of: tokens), as: UTF8.self)
  }
}

/// Which tokenizer a corpus is read with. Written `characters`, `bytes` or `bytePairs(512)`.
public enum TokenizerConfiguration: Hashable, Sendable, CustomStringConvertible {
  /// A token a character of the corpus's alphabet.
  case characters
  /// A token a byte of UTF-8; V = 256.
  case bytes
  /// Byte pairs trained on the corpus; V = vocabulary, 257 to 65 536.
  case bytePairs(vocabulary: Int)

  /// The configuration that `description` writes, or nil.
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
