import Files

/// A tokenizer with one token for each character (Unicode scalar) of a fixed alphabet.
public struct CharacterTokenizer: Tokenizer {
  /// The characters, in the order of their tokens.
  public let alphabet: [Unicode.Scalar]
  private let tokenOfASCII: [UInt16?]
  private let tokenOfOther: [Unicode.Scalar: UInt16]

  /// Creates a tokenizer for an alphabet of at most 65 536 distinct characters.
  public init(alphabet: [Unicode.Scalar]) {
    precondition(alphabet.count <= 65_536, "CharacterTokenizer: \(alphabet.count) characters are too many")
    self.alphabet = alphabet
    var ascii = [UInt16?](repeating: nil, count: 128)
    var other: [Unicode.Scalar: UInt16] = [:]
    for (token, scalar) in alphabet.enumerated() {
      if scalar.isASCII { ascii[Int(scalar.value)] = UInt16(token) } else { other[scalar] = UInt16(token) }
    }
    tokenOfASCII = ascii
    tokenOfOther = other
  }

  /// Creates a tokenizer for the characters of UTF-8 texts, in the order of their code points.
  ///
  /// - Throws: `InputError` if there are more than 65 536 distinct characters.
  public init(charactersOf texts: some Sequence<[UInt8]>) throws {
    var scalars: Set<Unicode.Scalar> = []
    for text in texts { scalars.formUnion(String(decoding: text, as: UTF8.self).unicodeScalars) }
    guard scalars.count <= 65_536 else {
      throw InputError(
        "the corpus has \(scalars.count) different characters, and at most 65536 can be tokens",
        remedy: "Use the tokenizer `bytes`")
    }
    self.init(alphabet: scalars.sorted())
  }

  public var configuration: TokenizerConfiguration { .characters }
  public var vocabulary: Int { alphabet.count }

  public func encode(_ text: ArraySlice<UInt8>, into tokens: inout [UInt16]) throws {
    var index = text.startIndex
    while index < text.endIndex {
      if text[index] < 128 {
        guard let token = tokenOfASCII[Int(text[index])] else {
          throw missing(Unicode.Scalar(text[index]))
        }
        tokens.append(token)
        index += 1
      } else {
        // A run of non-ASCII bytes contains only whole characters.
        let end = text[index...].firstIndex { $0 < 128 } ?? text.endIndex
        for scalar in String(decoding: text[index..<end], as: UTF8.self).unicodeScalars {
          guard let token = tokenOfOther[scalar] else { throw missing(scalar) }
          tokens.append(token)
        }
        index = end
      }
    }
  }

  public func bytes(of token: Int) -> [UInt8] { Array(String(Character(alphabet[token])).utf8) }

  private func missing(_ scalar: Unicode.Scalar) -> InputError {
    InputError(
      "the character `\(Character(scalar))` (U+\(String(scalar.value, radix: 16, uppercase: true))) is not in "
        + "the corpus's alphabet",
      remedy: "Remove it; the alphabet is `\(String(String.UnicodeScalarView(alphabet)).debugDescription)`"
    )
  }
}
