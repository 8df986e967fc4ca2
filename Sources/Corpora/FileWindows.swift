import Files
import RandomNumbers

/// Cuts windows from text files: pieces are split at random into validation and training, then the pieces of each split
/// are joined. Neighbouring windows of a split overlap by one token: the last target of one is the first input of the
/// next. Lanes are parts of a split of equal length.
struct FileWindows {
  let tokenizer: any Tokenizer
  let validation: TokenWindows
  /// All training windows, in a random order or in lanes.
  let training: TokenWindows

  /// - Parameter known: The tokenizer of a trained model. There are then no training windows, and a text that is shorter
  ///   than the validation windows gives fewer.
  init(
    _ text: TextFiles, configuration: CorpusConfiguration, context: Int, lanes: Int?,
    tokenizer known: (any Tokenizer)? = nil
  ) throws {
    if let known {
      tokenizer = known
    } else {
      switch configuration.tokenizer ?? .bytes {
      case .characters: tokenizer = try CharacterTokenizer(charactersOf: text.pieces)
      case .bytes: tokenizer = ByteTokenizer()
      case .bytePairs(let vocabulary):
        tokenizer = BytePairTokenizer(trainedOn: text.pieces, vocabulary: vocabulary)
      case .imported: throw ImportedTokenizer.notChosen
      }
    }
    let validationLanes = lanes == nil ? 1 : TokenizedCorpus.validationLanes
    var windows = configuration.validationTokens.dividedRoundingUp(by: context)
      .roundedUp(toMultipleOf: validationLanes)
    let needed = windows * context + 1
    let split = try TextSplit(
      text, tokenizer: tokenizer, validationTokens: needed, seed: configuration.seed,
      noise: try configuration.noise.map {
        try CharacterNoise($0, alphabet: CharacterTokenizer(charactersOf: text.pieces).alphabet)
      }, trains: known == nil)
    let (validationTokens, trainingTokens) = (split.validation, split.training)
    if known != nil {
      windows = min(windows, max(validationTokens.count - 1, 0) / context / validationLanes * validationLanes)
      guard windows > 0 else {
        throw InputError(
          "the text has \(validationTokens.count) tokens, and \(validationLanes * context + 1) are needed",
          file: text.path, remedy: "Give more text")
      }
      validation = Self.windows(
        validationTokens, context: context,
        order: lanes == nil ? Array(0..<windows) : Self.order(windows, lanes: validationLanes))
      training = TokenWindows(context: context, count: 0, tokens: [])
      return
    }
    guard validationTokens.count >= needed, trainingTokens.count > (lanes ?? 1) * context else {
      throw InputError(
        "the text has \(validationTokens.count + trainingTokens.count) tokens in \(text.pieces.count) pieces, and "
          + "\(needed) for validation and \((lanes ?? 1) * context + 1) for "
          + (lanes.map { "a training window of each of \($0) lanes" } ?? "one training window")
          + ", in separate pieces, are needed",
        file: text.path, remedy: "Give more text, or choose fewer validation tokens or a shorter context")
    }
    let count = (trainingTokens.count - 1) / context
    if let lanes {
      (validation, training) = (
        Self.windows(
          validationTokens, context: context,
          order: Self.order(windows, lanes: TokenizedCorpus.validationLanes)),
        Self.windows(trainingTokens, context: context, order: Self.order(count, lanes: lanes))
      )
      return
    }
    validation = Self.windows(validationTokens, context: context, order: 0..<windows)
    training = Self.windows(
      trainingTokens, context: context, order: Shuffle(count: count, key: mix(5, configuration.seed)))
  }

  /// The windows of lanes, which have `count` windows together, or a few less: one of each lane, then the next of each.
  private static func order(_ count: Int, lanes: Int) -> [Int] {
    let length = count / lanes
    return (0..<length).flatMap { piece in (0..<lanes).map { $0 * length + piece } }
  }

  private static func windows(_ tokens: [UInt16], context: Int, order: some Collection<Int>) -> TokenWindows {
    var windows: [UInt16] = []
    windows.reserveCapacity(order.count * (context + 1))
    for window in order { windows.append(contentsOf: tokens[window * context...(window + 1) * context]) }
    return TokenWindows(context: context, count: order.count, tokens: windows)
  }
}
