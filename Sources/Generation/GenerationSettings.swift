/// How sequences are continued.
public struct GenerationSettings: Sendable {
  /// The greatest number of tokens that are generated for each.
  public var length: Int
  /// How the next token is chosen.
  public var sampler: any Sampler
  /// The tokens that end a sequence before its length.
  public var stop: StopTokens
  /// The seed, which with the number of a sequence determines its random numbers.
  public var seed: UInt64

  public init(
    length: Int, sampler: any Sampler = RandomDraw(), stop: StopTokens = StopTokens(), seed: UInt64 = 0
  ) {
    self.length = length
    self.sampler = sampler
    self.stop = stop
    self.seed = seed
  }
}

/// The continuation of a prompt.
public struct GeneratedSequence: Hashable, Sendable {
  /// Why a sequence ended.
  public enum Ending: String, Codable, Sendable {
    /// It has the greatest number of tokens.
    case length
    /// Its last token is a stop token.
    case stop
  }

  /// The tokens after the prompt.
  public var tokens: [Int]
  /// −log of the probability with which the sampler has chosen them.
  public var nats: Double
  public var ending: Ending
}
