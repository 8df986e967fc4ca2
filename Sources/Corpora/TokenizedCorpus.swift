import Files
import Synchronization

/// A corpus as disjoint token windows for training and validation.
///
/// Windows of generated text begin at the start of a passage. The same configuration and context give the same windows.
/// Runs on several threads can use one corpus; its windows are stored once.
///
/// With lanes, each window continues another one, so that a model may carry what it remembers from one to the next. A lane
/// is a text of its own, cut into windows that overlap by one token; window s of lane l of n is number s·n + l.
public final class TokenizedCorpus: Sendable {
  /// The cross-entropy of the source itself in nats per token: the lower bound of every model's expected loss.
  public struct Entropy: Codable, Hashable, Sendable {
    /// The mean over all validation targets.
    public let total: Double
    /// The mean over the targets of each task, in the order of `tasks`; nil for a task without targets. That of answers
    /// is 0.
    public let tasks: [Double?]
    /// The mean over the targets of each validation window.
    public let windows: [Double]
  }

  /// The configuration of the corpus.
  public let configuration: CorpusConfiguration
  /// The number of targets in a window, T.
  public let context: Int
  /// The number of lanes of the training windows, whose number is a multiple of it; nil if windows are independent.
  public let lanes: Int?
  /// The recipe's name, or the path of the text.
  public let name: String
  /// The tokenizer.
  public let tokenizer: any Tokenizer
  /// A checksum of everything that determines the windows: the recipe with its word lists, or the text; the tokenizer,
  /// the context, the seed, the sizes and the lanes.
  public let fingerprint: String
  /// The names of the tasks, and after them those of the answers that lists determine, by task and number of items,
  /// such as `recall_4`. These have targets in common with their task. `["text"]` for text files.
  public let tasks: [String]
  /// Messages for the author of a recipe, one for each renamed key.
  public let notes: [String]
  /// The validation windows. Where training windows are in lanes, they are in `validationLanes`.
  public let validation: TokenWindows
  /// The true entropy of the validation targets, given the first token of each window, or lane; nil for text files.
  ///
  /// Exact for characters and bytes. For byte pairs it is the entropy of the decoded text. This is a lower bound,
  /// because the last token of a window also carries information about the text after it.
  public let validationEntropy: Entropy?
  /// The mean number of UTF-8 bytes per validation target.
  public let bytesPerToken: Double

  /// The number of lanes of validation windows, where training windows are in lanes.
  public static let validationLanes = 16

  private let source: WindowSource
  private let generated = Mutex(GeneratedWindows.Training())
  private let probe = Mutex<KnowledgeProbe?>(nil)

  /// Reads, checks and tokenizes the corpus. Each window has `context` (at least 1) targets.
  ///
  /// - Parameter lanes: The number (at least 1) of lanes of the training windows; nil for independent windows.
  /// - Parameter tokenizer: The tokenizer of a trained model, to evaluate it: of text files there are then no training
  ///   windows, and fewer validation windows where the text is short. Nil for the tokenizer of the configuration.
  /// - Throws: `InputError` if the source is invalid or too short.
  public init(
    _ configuration: CorpusConfiguration, context: Int, lanes: Int? = nil,
    tokenizer known: (any Tokenizer)? = nil
  ) throws {
    precondition(lanes ?? 1 >= 1, "TokenizedCorpus: \(lanes ?? 0) lanes")
    guard context >= 1, configuration.validationTokens >= 1, configuration.uniqueTokens ?? 1 >= 1 else {
      throw InputError(
        "context (\(context)), validation tokens (\(configuration.validationTokens)) and unique tokens must be "
          + "at least 1", remedy: "Raise them")
    }
    try configuration.check(lanes: lanes)
    self.configuration = configuration
    self.context = context
    self.lanes = lanes
    let content: String
    switch try CorpusSource(
      configuration.source, field: configuration.field, filter: configuration.filter)
    {
    case .generated(let text):
      let windows = try GeneratedWindows(
        text, configuration: configuration, context: context, lanes: lanes, tokenizer: known)
      (name, content, notes) = (text.name, text.fingerprint, text.notes)
      tasks = text.tasks + text.answerNames
      source = .generated(windows)
      (tokenizer, validation) = (windows.tokenizer, windows.validation)
      validationEntropy = windows.entropy
    case .files(let text):
      try configuration.checkText(path: text.path)
      let windows = try FileWindows(
        text, configuration: configuration, context: context, lanes: lanes, tokenizer: known)
      (name, tasks, content, notes) = (text.path, ["text"], text.fingerprint, [])
      source = .files(windows.training)
      (tokenizer, validation) = (windows.tokenizer, windows.validation)
      validationEntropy = nil
    }
    let lengths = (0..<tokenizer.vocabulary).map { [tokenizer] token in tokenizer.bytes(of: token).count }
    var bytes = 0
    for window in 0..<validation.count {
      for token in validation[window].dropFirst() { bytes += lengths[Int(token)] }
    }
    bytesPerToken = Double(bytes) / Double(validation.targetCount)
    let unique = configuration.uniqueTokens.map(String.init) ?? "all"
    fingerprint = checksum(
      "\(content) \(tokenizer.configuration) \(context) \(configuration.seed) "
        + "\(configuration.validationTokens) \(unique)\(lanes.map { " \($0) lanes" } ?? "")"
        + configuration.textOfChanges)
  }

  /// The number of different tokens, V.
  public var vocabulary: Int { tokenizer.vocabulary }

  /// Returns training windows with at least `tokens` targets, or all windows if there are fewer (`uniqueTokens`, or the
  /// end of the text files). All lanes have as many. The result for a smaller number is a prefix of that for a larger
  /// one, unless the configuration depends on the length.
  ///
  /// - Throws: `InputError` if a character has no token.
  public func training(tokens: Int) throws -> TokenWindows {
    let wanted = trainingWindows(tokens: tokens)
    switch source {
    case .files(let windows):
      let count = min(wanted, windows.count)
      let distinct = configuration.duplicates?.distinct(of: count) ?? count
      let known = TokenWindows(context: context, count: distinct, tokens: windows.tokens)
      let nats =
        configuration.order == nil ? [] : NGrams.windowLosses(of: known, vocabulary: vocabulary)
      return arranged(known, nats: nats, count: count)
    case .generated(let windows):
      return try generated.withLock { known in
        let distinct = configuration.duplicates?.distinct(of: wanted) ?? wanted
        let (tokens, nats) = try windows.training(distinct, known: &known)
        return arranged(
          TokenWindows(context: context, count: distinct, tokens: tokens), nats: nats, count: wanted)
      }
    }
  }

  /// The entropy of the training text in nats per token, and its standard error, for a training of `tokens` tokens; nil
  /// where it is unknown, or that of the source.
  ///
  /// It is measured on part of the text, whose costs are exact. With noise it is the entropy of the text and of its
  /// noise together, an upper bound.
  public func trainingEntropy(tokens: Int) throws -> (mean: Double, standardError: Double)? {
    guard configuration.changesTraining, case .generated(let windows) = source else { return nil }
    return try windows.trainingEntropy(windows: trainingWindows(tokens: tokens))
  }

  /// Returns passages that show what a model knows of the recipe's associations.
  ///
  /// - Throws: `SettingFault` if the recipe has none that a model can know for certain, or the text is no recipe's.
  public func knowledgeProbe() throws -> KnowledgeProbe {
    guard case .generated(let windows) = source else {
      throw SettingFault(
        setting: "knowledge", message: "`knowledge` needs a recipe with associations, and \(name) is text",
        remedy: "Remove `knowledge`")
    }
    return try probe.withLock { known in
      if let known { return known }
      let new = try windows.knowledgeProbe()
      known = new
      return new
    }
  }

  /// Returns how often each word was seen that has associations, by table and word.
  ///
  /// - Parameter times: How often each of the different training windows was read.
  public func timesSeen(_ times: [Int]) throws -> [[Int]] {
    guard case .generated(let windows) = source else { return [] }
    return try windows.timesSeen(times)
  }

  /// Counts the names in windows of text of this corpus, or of a model that was trained on it.
  ///
  /// - Parameter places: The windows to count in.
  public func names(in windows: TokenWindows, at places: [Int]) -> NameCounts {
    let known: Set<[UInt8]>? = if case .generated(let windows) = source { windows.names } else { nil }
    return NameCounts(windows, at: places, tokenizer: tokenizer, known: known)
  }

  private func trainingWindows(tokens: Int) -> Int {
    max(1, min(tokens, configuration.uniqueTokens ?? tokens).dividedRoundingUp(by: context))
      .roundedUp(toMultipleOf: lanes ?? 1)
  }

  /// Returns `count` windows, as duplicates and order arrange the different ones.
  private func arranged(_ windows: TokenWindows, nats: [Double], count: Int) -> TokenWindows {
    guard configuration.duplicates != nil || !nats.isEmpty else { return windows }
    var places = configuration.duplicates?.windows(count, seed: configuration.seed) ?? Array(0..<count)
    if let order = configuration.order, !nats.isEmpty { places = order.sorted(places, nats: nats) }
    return TokenWindows(windows, places: places)
  }
}

/// The source of training windows.
private enum WindowSource {
  case generated(GeneratedWindows)
  case files(TokenWindows)
}

extension Int {
  func dividedRoundingUp(by divisor: Int) -> Int { (self + divisor - 1) / divisor }
  func roundedUp(toMultipleOf divisor: Int) -> Int { dividedRoundingUp(by: divisor) * divisor }
}
