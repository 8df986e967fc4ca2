/// Which text a model is trained and validated on, and how it is read.
public struct CorpusConfiguration: Codable, Hashable, Sendable {
  /// The name of a bundled recipe, the path of a recipe (.yaml), or the path of a text file or folder.
  public var source: String
  /// The tokenizer; nil for the default of the source: characters of a recipe's text, bytes of a user's.
  public var tokenizer: TokenizerConfiguration?
  /// Chooses what is generated from a recipe, or which of a user's text is for validation and its order.
  public var seed: UInt64
  /// The number of validation targets, rounded up to whole windows.
  public var validationTokens: Int
  /// How many different training tokens there are before they repeat, rounded up to whole windows; nil:
  /// all that can be had.
  public var uniqueTokens: Int?

  public init(
    source: String, tokenizer: TokenizerConfiguration? = nil, seed: UInt64 = 0,
    validationTokens: Int = 1 << 20, uniqueTokens: Int? = nil
  ) {
    self.source = source
    self.tokenizer = tokenizer
    self.seed = seed
    self.validationTokens = validationTokens
    self.uniqueTokens = uniqueTokens
  }
}
