import Files

/// The text that a model is trained and validated on, and how it is split and tokenized.
public struct CorpusConfiguration: Codable, Hashable, Sendable {
  /// The name of a bundled recipe, the path of a recipe (.yaml), or the path of a text file, of a folder, or of files by a
  /// pattern.
  public var source: String
  /// The field of JSONL that holds the text; nil for `text`.
  public var field: String?
  /// Which documents of text files are dropped; nil for none.
  public var filter: DocumentFilter?
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
  /// have none. Nil for the weights of the recipe.
  public var weights: [String: Double]?
  /// The weights at the end of training, if they change: they are interpolated linearly from `weights` on.
  public var weightsAtEnd: [String: Double]?
  /// The data mixture of the validation text; nil for the weights of the recipe.
  public var validationWeights: [String: Double]?
  /// The fraction of the training text's characters that are replaced at random (`CharacterNoise`); nil for none.
  public var noise: Double?
  /// The passages of the training text that are junk; nil for none.
  public var junk: Junk?
  /// The windows of the training text that come several times; nil for none.
  public var duplicates: Duplicates?
  /// The order of the training windows; nil for a random one.
  public var order: WindowOrder?

  /// Creates a configuration; all but the source have defaults.
  public init(
    source: String, field: String? = nil, tokenizer: TokenizerConfiguration? = nil, seed: UInt64 = 0,
    validationTokens: Int = 1 << 20, uniqueTokens: Int? = nil, weights: [String: Double]? = nil,
    noise: Double? = nil
  ) {
    self.source = source
    self.field = field
    self.tokenizer = tokenizer
    self.seed = seed
    self.validationTokens = validationTokens
    self.uniqueTokens = uniqueTokens
    self.weights = weights
    self.noise = noise
  }

  /// Whether the first training windows depend on how many there are.
  public var dependsOnLength: Bool { weightsAtEnd != nil || duplicates != nil || order != nil }

  /// Whether training has another distribution of text than the source alone.
  public var changesTraining: Bool {
    weights != nil || weightsAtEnd != nil || noise != nil || junk != nil
  }
}

extension CorpusConfiguration {
  /// Checks that the changes of the training text go together.
  ///
  /// - Parameter lanes: The number of lanes of the training windows; nil for independent windows.
  /// - Throws: `SettingFault` if they do not.
  func check(lanes: Int?) throws {
    let schedule = weightsAtEnd != nil ? "weights_at_end" : "order"
    if lanes != nil, dependsOnLength {
      throw SettingFault(
        setting: duplicates != nil ? "duplicates" : schedule,
        message: "windows that carry states are read in the order of the text",
        remedy: "Remove `carry`, or this setting")
    }
    if weightsAtEnd != nil, order != nil {
      throw SettingFault(
        setting: "order",
        message: "`order` and `weights_at_end` cannot be combined: both determine the order of the text",
        remedy: "Remove one of them")
    }
    if duplicates != nil, order == .byTask || weightsAtEnd != nil {
      throw SettingFault(
        setting: "duplicates",
        message:
          "`duplicates` cannot be combined with `\(schedule)`, which changes the mixture during training",
        remedy: "Remove one of them")
    }
  }

  /// Checks a configuration of text files, which have no tasks.
  ///
  /// - Throws: `SettingFault` if it has settings of recipes alone.
  func checkText(path: String) throws {
    let given: [(String, Bool)] = [
      ("weights", weights != nil), ("weights_at_end", weightsAtEnd != nil),
      ("validation_weights", validationWeights != nil), ("junk", junk != nil),
      ("order: by_task", order == .byTask),
    ]
    guard let setting = given.first(where: { $0.1 })?.0 else { return }
    throw SettingFault(
      setting: setting.split(separator: ":").first.map(String.init) ?? setting,
      message: "`\(setting)` applies to the tasks of a recipe, and \(path) is text", remedy: "Remove it")
  }

  /// The changes of the training and validation text for a fingerprint; empty if there are none.
  var textOfChanges: String {
    func text(_ weights: [String: Double]) -> String { "\(weights.sorted { $0.key < $1.key })" }
    return [
      weights.map { " weights \(text($0))" }, weightsAtEnd.map { " to \(text($0))" },
      validationWeights.map { " validation \(text($0))" }, noise.map { " noise \($0)" },
      junk.map { " junk \($0.fraction) \($0.isTagged)" },
      duplicates.map { " duplicates \($0.fraction) \($0.times)" }, order.map { " order \($0.rawValue)" },
    ].compactMap { $0 }.joined()
  }
}
