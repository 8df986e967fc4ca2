import RandomNumbers

/// The tokens of text files in one row, split by piece. `FileWindows` cuts, shuffles and limits them.
package struct TextSplit: Sendable {
  /// The tokens of the first pieces, at least as many as were asked for where the text has them.
  package private(set) var validation: [UInt16] = []
  /// The tokens of all other pieces.
  package private(set) var training: [UInt16] = []
  /// The indices of the pieces of validation.
  package private(set) var validationPieces: [Int] = []

  /// - Throws: `InputError` if a character has no token.
  package init(
    _ text: TextFiles, tokenizer: any Tokenizer, validationTokens: Int, seed: UInt64
  ) throws {
    try self.init(
      text, tokenizer: tokenizer, validationTokens: validationTokens, seed: seed, noise: nil, trains: true)
  }

  /// - Parameters:
  ///   - noise: The noise of the training text; nil for none.
  ///   - trains: Whether the training text is wanted.
  /// - Throws: `InputError` if a character has no token.
  init(
    _ text: TextFiles, tokenizer: any Tokenizer, validationTokens: Int, seed: UInt64, noise: CharacterNoise?,
    trains: Bool
  ) throws {
    for piece in Shuffle(count: text.pieces.count, key: mix(4, seed)) {
      if validation.count < validationTokens {
        try tokenizer.encode(text.pieces[piece][...], into: &validation)
        validationPieces.append(piece)
      } else if trains {
        var random = GeneratedText.random(seed: seed, stream: .noise, window: piece)
        let own = noise?.applied(to: text.pieces[piece][...], &random) ?? text.pieces[piece]
        try tokenizer.encode(own[...], into: &training)
      }
    }
  }
}
