/// A tokenizer with one token for each byte.
public struct ByteTokenizer: Tokenizer {
  /// Creates the tokenizer.
  public init() {}

  public var configuration: TokenizerConfiguration { .bytes }
  public var vocabulary: Int { 256 }

  public func encode(_ text: ArraySlice<UInt8>, into tokens: inout [UInt16]) {
    for byte in text { tokens.append(UInt16(byte)) }
  }

  public func bytes(of token: Int) -> [UInt8] { [UInt8(token)] }
}
