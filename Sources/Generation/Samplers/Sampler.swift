import RandomNumbers

/// Chooses the next token of a sequence from the model's logits.
///
/// To add one: a file beside this one with a type that conforms.
public protocol Sampler: Sendable {
  /// Chooses a token, and returns it with the probability that it had.
  ///
  /// - Parameters:
  ///   - logits: The model's logits (V), which the sampler may change.
  ///   - random: The sequence's own source of random numbers.
  func callAsFunction(_ logits: inout [Double], random: inout SplitMix64) -> DrawnToken
}

/// A token that a sampler has chosen.
public struct DrawnToken: Hashable, Sendable {
  public let token: Int
  /// −log of the probability with which it was chosen.
  public let nats: Double
}
