import Foundation
import RandomNumbers

/// Draws a token with the probabilities softmax(z), after filters have changed the logits z.
///
/// Each token takes one random number, whatever the filters are.
public struct RandomDraw: Sampler {
  /// Applied to the logits one after another.
  public var filters: [any LogitFilter]

  public init(_ filters: [any LogitFilter] = []) { self.filters = filters }

  public func callAsFunction(_ logits: inout [Double], random: inout SplitMix64) -> DrawnToken {
    for filter in filters { filter.apply(to: &logits) }
    let sum = probabilities(&logits)
    var left = random.uniform() * sum
    // Rounding may leave a remainder.
    let token =
      logits.firstIndex { probability in
        left -= probability
        return left < 0
      } ?? logits.lastIndex { $0 > 0 } ?? 0
    return DrawnToken(token: token, nats: log(sum / logits[token]))
  }
}

/// Changes logits (V) before a token is drawn. A token with logit −∞ is never drawn.
///
/// To add one: a file beside this one with a type that conforms.
public protocol LogitFilter: Sendable {
  func apply(to logits: inout [Double])
}

/// Replaces logits by numbers proportional to their probabilities, and returns the sum of these.
func probabilities(_ logits: inout [Double]) -> Double {
  let top = logits.max() ?? 0
  var sum = 0.0
  for token in logits.indices {
    logits[token] = exp(logits[token] - top)
    sum += logits[token]
  }
  return sum
}
