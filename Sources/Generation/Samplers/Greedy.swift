import RandomNumbers

/// Takes the most likely token; of equally likely ones the first.
public struct Greedy: Sampler {
  public init() {}

  public func callAsFunction(_ logits: inout [Double], random: inout SplitMix64) -> Int {
    var best = 0
    for token in logits.indices where logits[token] > logits[best] { best = token }
    return best
  }
}
