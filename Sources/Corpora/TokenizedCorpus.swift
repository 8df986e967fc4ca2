import Files
import Synchronization

/// A corpus as token windows for training and validation, which share no text.
///
/// Windows of generated text begin at a passage start. They are the same for the same configuration and
/// context, and many runs may use one corpus at the same time: they share one copy of its windows.
public final class TokenizedCorpus: Sendable {
  /// Cross-entropy of the source itself in nats a token, the loss that no model can beat.
  public struct Entropy: Codable, Hashable, Sendable {
    /// Over all validation targets.
    public let total: Double
    /// Over the targets of each task, in the order of `tasks`; nil for a task without any.
    public let tasks: [Double?]
    /// Over the targets of each validation window.
    public let windows: [Double]
  }

  public let configuration: CorpusConfiguration
  public let context: Int
  /// The recipe's name, or the path of the text.
  public let name: String
  public let tokenizer: any Tokenizer
  /// A checksum of everything that determines the windows: the recipe with its word lists or the text, the
  /// tokenizer, the context, the seed and the sizes.
  public let fingerprint: String
  /// The tasks, `["text"]` for a user's text.
  public let tasks: [String]
  /// What the author of a recipe should know: keys that have other names now.
  public let notes: [String]
  public let validation: TokenWindows
  /// The true entropy of the validation targets, given the first token of each window; nil for a user's text.
  ///
  /// Exact for characters and bytes. For byte pairs it is that of the text which the tokens spell, a lower
  /// bound: the last token of a window also tells something of the text after it.
  public let validationEntropy: Entropy?
  /// The mean number of UTF-8 bytes of a validation target.
  public let bytesPerToken: Double

  private let source: WindowSource
  private let trainingTokens: Mutex<[UInt16]>

  /// Reads, checks and tokenizes the corpus; windows predict `context` (at least 1) tokens each.
  /// Throws `InputError` for whatever is wrong with the source, or if it is too short.
  public init(_ configuration: CorpusConfiguration, context: Int) throws {
    guard context >= 1, configuration.validationTokens >= 1, configuration.uniqueTokens ?? 1 >= 1 else {
      throw InputError(
        "context (\(context)), validation tokens (\(configuration.validationTokens)) and unique tokens must be "
          + "at least 1", remedy: "Raise them")
    }
    self.configuration = configuration
    self.context = context
    let content: String
    switch try CorpusSource(configuration.source) {
    case .generated(let text):
      let windows = try GeneratedWindows(text, configuration: configuration, context: context)
      (name, tasks, content, notes) = (text.name, text.tasks, text.fingerprint, text.notes)
      source = .generated(windows)
      (tokenizer, validation) = (windows.tokenizer, windows.validation)
      validationEntropy = windows.entropy
    case .files(let text):
      let windows = try FileWindows(text, configuration: configuration, context: context)
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
        + "\(configuration.validationTokens) \(unique)")
    trainingTokens = Mutex([])
  }

  /// The number of different tokens, V.
  public var vocabulary: Int { tokenizer.vocabulary }

  /// Training windows with at least `tokens` targets, or all there are if fewer: `uniqueTokens`, or what the
  /// files hold. Whatever number is asked for, the first windows are the same.
  public func training(tokens: Int) throws -> TokenWindows {
    let wanted = max(1, min(tokens, configuration.uniqueTokens ?? tokens).dividedRoundingUp(by: context))
    switch source {
    case .files(let windows):
      return TokenWindows(context: context, count: min(wanted, windows.count), tokens: windows.tokens)
    case .generated(let windows):
      return try trainingTokens.withLock { known in
        try windows.extend(&known, toWindows: wanted)
        return TokenWindows(context: context, count: wanted, tokens: known)
      }
    }
  }
}

/// Where training windows come from.
private enum WindowSource {
  case generated(GeneratedWindows)
  case files(TokenWindows)
}

extension Int {
  func dividedRoundingUp(by divisor: Int) -> Int { (self + divisor - 1) / divisor }
}
