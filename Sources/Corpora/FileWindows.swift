import Files
import RandomNumbers

/// Cuts windows from text files: pieces are split at random into validation and training, then the pieces of each split
/// are joined. Neighbouring windows of a split overlap by one token: the last target of one is the first input of the
/// next.
struct FileWindows {
  let tokenizer: any Tokenizer
  let validation: TokenWindows
  /// All training windows, in a random order.
  let training: TokenWindows

  init(_ text: TextFiles, configuration: CorpusConfiguration, context: Int) throws {
    tokenizer =
      switch configuration.tokenizer ?? .bytes {
      case .characters: try CharacterTokenizer(charactersOf: text.pieces)
      case .bytes: ByteTokenizer()
      case .bytePairs(let vocabulary): BytePairTokenizer(trainedOn: text.pieces, vocabulary: vocabulary)
      }
    let windows = configuration.validationTokens.dividedRoundingUp(by: context)
    let needed = windows * context + 1
    var validationTokens: [UInt16] = []
    var trainingTokens: [UInt16] = []
    for piece in Shuffle(count: text.pieces.count, key: mix(4, configuration.seed)) {
      if validationTokens.count < needed {
        try tokenizer.encode(text.pieces[piece][...], into: &validationTokens)
      } else {
        try tokenizer.encode(text.pieces[piece][...], into: &trainingTokens)
      }
    }
    guard validationTokens.count >= needed, trainingTokens.count > context else {
      throw InputError(
        "the text has \(validationTokens.count + trainingTokens.count) tokens in \(text.pieces.count) pieces, and "
          + "\(needed) for validation and \(context + 1) for one training window, in separate pieces, are needed",
        file: text.path, remedy: "Give more text, or choose fewer validation tokens or a shorter context")
    }
    validation = Self.windows(validationTokens, context: context, order: 0..<windows)
    let count = (trainingTokens.count - 1) / context
    training = Self.windows(
      trainingTokens, context: context, order: Shuffle(count: count, key: mix(5, configuration.seed)))
  }

  private static func windows(_ tokens: [UInt16], context: Int, order: some Collection<Int>) -> TokenWindows {
    var windows: [UInt16] = []
    windows.reserveCapacity(order.count * (context + 1))
    for window in order { windows.append(contentsOf: tokens[window * context...(window + 1) * context]) }
    return TokenWindows(context: context, count: order.count, tokens: windows)
  }
}
