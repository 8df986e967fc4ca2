import Models

/// The result of a run: the numbers that its configuration determines, and none that depend on the machine's speed.
public struct RunResult: Codable, Hashable, Sendable {
  public enum Status: String, Codable, Sendable {
    case completed
    /// The loss became NaN or infinite, or worse than guessing; see `Trainer.hasDiverged`.
    case diverged
  }

  /// The loss on the targets of one task, or on the answers that lists of one length determine in it.
  public struct TaskLoss: Codable, Hashable, Sendable {
    public let task: String
    /// The fraction of the validation targets that belongs to it.
    public let fraction: Double
    /// Nats per token.
    public let loss: Double
    /// The true entropy of these targets in nats per token, where it is known.
    public let entropy: Double?
    /// The fraction of its answers, which the text determines, that the model predicts exactly; nil where there are
    /// none.
    public let exactMatch: Double?

    /// The names in records, which are those of the first version.
    private enum CodingKeys: String, CodingKey {
      case task = "family"
      case fraction = "share"
      case loss, entropy, exactMatch
    }
  }

  /// The loss at a range of positions of the validation windows.
  public struct PositionLoss: Codable, Hashable, Sendable {
    /// The first and the last position, counted from 1.
    public let first: Int
    public let last: Int
    /// Nats per token.
    public let loss: Double
  }

  /// What the samples have lost that a run is trained on: those of the model before it, compared with as much text of the
  /// corpus.
  public struct Samples: Codable, Hashable, Sendable {
    /// The entropy of the samples in nats per token, with its standard error over windows: the mean of −log q over tokens
    /// that were drawn with probability q.
    public let entropy: Double
    public let entropyStandardError: Double
    /// The number of different names in the text of generation 0 (`NameCounts`) that the samples have too, and that as
    /// much new text of the corpus has too.
    public let names: Int
    public let namesOfCorpus: Int
    /// Zipf's exponent of the names in the samples, and in the text of generation 0; nil where too few come often.
    public let tailExponent: Double?
    public let tailExponentOfCorpus: Double?

    public init(
      entropy: Double, entropyStandardError: Double, names: Int, namesOfCorpus: Int, tailExponent: Double?,
      tailExponentOfCorpus: Double?
    ) {
      self.entropy = entropy
      self.entropyStandardError = entropyStandardError
      self.names = names
      self.namesOfCorpus = namesOfCorpus
      self.tailExponent = tailExponent
      self.tailExponentOfCorpus = tailExponentOfCorpus
    }
  }

  public let status: Status
  public let counts: Counts
  /// Tokens trained on, D.
  public let tokens: Int
  /// The number of different tokens among them: fewer than D where the corpus is repeated.
  public let uniqueTokens: Int
  public let steps: Int
  /// Floating-point operations of the training, counted exactly in the recorded programs.
  public let flops: Double
  /// Validation loss in nats per token, with its standard error over windows; nil if the run diverged.
  public let loss: Double?
  public let lossStandardError: Double?
  /// The standard error of loss minus entropy over windows, where the entropy is known.
  public let reducibleStandardError: Double?
  public let lossBitsPerByte: Double?
  /// The true entropy of the validation windows, in nats per token, where it is known.
  public let entropy: Double?
  public let entropyBitsPerByte: Double?
  /// The entropy of the training text in nats per token (`TokenizedCorpus.trainingEntropy`), with its standard error;
  /// nil where it is unknown or that of the source.
  public let trainingEntropy: Double?
  public let trainingEntropyStandardError: Double?
  public let tasks: [TaskLoss]
  /// The loss by position; nil in records of earlier versions, and if the run diverged.
  public let positions: [PositionLoss]?
  /// The fraction of the hidden units of feed-forward layers that are not 0 on the validation windows; nil where all are.
  public let activeHidden: Double?
  /// Statistics of the routers, by layer; nil for a dense model.
  public let routing: [LayerRouting]?
  public let validationTokens: Int
  /// What the model knows of the text's associations; nil if it is not asked for.
  public let knowledge: Knowledge?
  /// What the samples have lost that it was trained on; nil if there are none.
  public let samples: Samples?

  /// The names in records, which are those of the first version.
  private enum CodingKeys: String, CodingKey {
    case tasks = "families"
    case status, counts, tokens, uniqueTokens, steps, flops, loss, lossStandardError, reducibleStandardError,
      lossBitsPerByte, entropy, entropyBitsPerByte, trainingEntropy, trainingEntropyStandardError, positions,
      activeHidden, routing, validationTokens, knowledge, samples
  }
}

extension [RunResult.PositionLoss] {
  /// Averages the losses at single positions over ranges that end at powers of two, or at the last position.
  package init(averaging losses: [Double]) {
    var ranges: [Range<Int>] = []
    var end = 1
    while (ranges.last?.upperBound ?? 0) < losses.count {
      ranges.append((ranges.last?.upperBound ?? 0)..<Swift.min(end, losses.count))
      end *= 2
    }
    self = ranges.map { range in
      RunResult.PositionLoss(
        first: range.lowerBound + 1, last: range.upperBound,
        loss: losses[range].reduce(0, +) / Double(range.count))
    }
  }
}
