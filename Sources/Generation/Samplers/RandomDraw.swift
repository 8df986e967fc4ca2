import Foundation
import RandomNumbers

/// Draws a token with the probability that the model gives it, p_t = softmax(z)_t, once filters have changed the logits.
///
/// Each token takes one random number, whatever the filters are.
public struct RandomDraw: Sampler {
  /// Applied to the logits one after another.
  public var filters: [any LogitFilter]

  public init(_ filters: [any LogitFilter] = []) { self.filters = filters }

  public func callAsFunction(_ logits: inout [Double], random: inout SplitMix64) -> Int {
    for filter in filters { filter.apply(to: &logits) }
    var left = random.uniform() * probabilities(&logits)
    for token in logits.indices {
      left -= logits[token]
      if left < 0 { return token }
    }
    // By rounding something may be left.
    return logits.lastIndex { $0 > 0 } ?? 0
  }
}

/// A change of logits (V) before a token is drawn. A token with a logit of −∞ is never drawn.
///
/// To add one: a file beside this one with a type that conforms.
public protocol LogitFilter: Sendable {
  func apply(to logits: inout [Double])
}

/// Replaces logits by numbers in proportion to their probabilities, and returns their sum.
func probabilities(_ logits: inout [Double]) -> Double {
  let top = logits.max() ?? 0
  var sum = 0.0
  for token in logits.indices {
    logits[token] = exp(logits[token] - top)
    sum += logits[token]
  }
  return sum
}
