import RandomNumbers

/// Chooses the most likely token, the first among equally likely ones.
public struct Greedy: Sampler {
  public init() {}

  public func callAsFunction(_ logits: inout [Double], random: inout SplitMix64) -> DrawnToken {
    var best = 0
    for token in logits.indices where logits[token] > logits[best] { best = token }
    return DrawnToken(token: best, nats: 0)
  }
}
