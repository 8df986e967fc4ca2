/// The text that a model is trained and validated on, and how it is split and tokenized.
public struct CorpusConfiguration: Codable, Hashable, Sendable {
  /// The name of a bundled recipe, the path of a recipe (.yaml), or the path of a text file, of a folder, or of files by a
  /// pattern.
  public var source: String
  /// The field of JSONL that holds the text; nil for `text`.
  public var field: String?
  /// The tokenizer; nil for the default of the source: characters for a recipe, bytes for text files.
  public var tokenizer: TokenizerConfiguration?
  /// The seed of the text that a recipe generates, or of the validation split and the order of text files.
  public var seed: UInt64
  /// The number of validation targets, rounded up to whole windows.
  public var validationTokens: Int
  /// The number of distinct training tokens before they repeat, rounded up to whole windows; nil for no limit (a
  /// recipe) or the whole training text (text files).
  public var uniqueTokens: Int?
  /// The data mixture of the training text: the weights of the recipe's tasks, which sum to 1. Tasks that are not named
  /// have none. Nil for the weights of the recipe, which validation always has.
  public var weights: [String: Double]?

  /// Creates a configuration; all but the source have defaults.
  public init(
    source: String, field: String? = nil, tokenizer: TokenizerConfiguration? = nil, seed: UInt64 = 0,
    validationTokens: Int = 1 << 20, uniqueTokens: Int? = nil, weights: [String: Double]? = nil
  ) {
    self.source = source
    self.field = field
    self.tokenizer = tokenizer
    self.seed = seed
    self.validationTokens = validationTokens
    self.uniqueTokens = uniqueTokens
    self.weights = weights
  }
}
