import Corpora

/// Training text that a model has written: each model of a lineage is trained on samples of the one before
/// (Shumailov et al. 2024).
///
/// The text of generation i has as many windows as that of generation 0, which is the corpus. A fraction of them are samples
/// of model i − 1, and the others are new text of the corpus.
public struct SampledText: Codable, Hashable, Sendable {
  /// What becomes of earlier text.
  public enum Keeping: String, Codable, CaseIterable, Sendable {
    /// A model is trained on the text of its own generation alone.
    case replace
    /// A model is trained on the texts of all generations up to its own, so that there is more for each
    /// (Gerstgrasser et al. 2024).
    case accumulate
  }

  /// The number g of models before this one, at least 1; 0 only in the configuration of the trunk.
  public var generation: Int
  public var keep: Keeping
  /// The fraction of the windows that are samples, above 0 and at most 1.
  public var fraction: Double
  /// The temperature of the samples, above 0.
  public var temperature: Double
  /// The checkpoint of the model that writes the first samples, with the checksum of its weights; nil for a model with the
  /// settings of this one that is trained on the corpus alone: generation 0.
  public var source: Source?

  /// A model that was trained before.
  public struct Source: Codable, Hashable, Sendable {
    public var path: String
    public var checksum: String

    public init(path: String, checksum: String) {
      (self.path, self.checksum) = (path, checksum)
    }
  }

  public init(
    generation: Int, keep: Keeping = .replace, fraction: Double = 1, temperature: Double = 1,
    source: Source? = nil
  ) {
    self.generation = generation
    self.keep = keep
    self.fraction = fraction
    self.temperature = temperature
    self.source = source
  }

  /// The number of texts that the model of a generation is trained on.
  public func texts(ofGeneration generation: Int) -> Int { keep == .accumulate ? generation + 1 : 1 }
}

extension RunConfiguration {
  /// Returns the run of another generation of the same lineage. Generation 0 is trained on the corpus alone.
  public func generation(_ generation: Int) -> RunConfiguration {
    guard let samples else { return self }
    var run = self
    run.training.tokens = tokensOfText * samples.texts(ofGeneration: generation)
    run.samples?.generation = generation
    if generation == 0 { run.samples = nil }
    return run
  }

  /// The number of tokens of training on the text of one generation.
  public var tokensOfText: Int {
    samples.map { training.tokens / $0.texts(ofGeneration: $0.generation) } ?? training.tokens
  }
}

/// Training windows of which models have written some.
public struct SampledWindows: Sendable {
  let windows: TokenWindows
  let statistics: RunResult.Samples
  /// The entropy of the windows in nats per token, with its standard error; nil where that of the corpus is unknown.
  let entropy: (mean: Double, standardError: Double)?

  public init(
    _ windows: TokenWindows, _ statistics: RunResult.Samples, entropy: (mean: Double, standardError: Double)?
  ) {
    self.windows = windows
    self.statistics = statistics
    self.entropy = entropy
  }
}
