/// How sequences are continued.
public struct GenerationSettings: Sendable {
  /// The most tokens that are written for each.
  public var length: Int
  /// How the next token is chosen.
  public var sampler: any Sampler
  /// After which tokens a sequence ends before its length.
  public var stop: StopTokens
  /// Determines all random numbers, together with the number of a sequence.
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

/// What was written after a prompt.
public struct GeneratedSequence: Hashable, Sendable {
  /// Why a sequence ended.
  public enum Ending: String, Codable, Sendable {
    /// It has as many tokens as were asked for.
    case length
    /// Its last token is a stop token.
    case stop
  }

  /// The tokens after the prompt.
  public var tokens: [Int]
  public var ending: Ending
}
