import RandomNumbers

/// The tokens of text files in one row, split by piece as in `FileWindows`, which cuts, shuffles and limits them.
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
    for piece in Shuffle(count: text.pieces.count, key: mix(4, seed)) {
      if validation.count < validationTokens {
        try tokenizer.encode(text.pieces[piece][...], into: &validation)
        validationPieces.append(piece)
      } else {
        try tokenizer.encode(text.pieces[piece][...], into: &training)
      }
    }
  }
}
