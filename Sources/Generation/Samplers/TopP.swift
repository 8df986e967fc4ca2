/// Keeps the smallest set of most likely tokens whose total probability reaches p, and at least one token
/// (nucleus sampling, Holtzman et al. 2020)
public struct TopP: LogitFilter {
  private let p: Double

  /// - Parameter p: More than 0; from 1 on every token is kept.
  public init(_ p: Double) {
    precondition(p > 0, "tokens of a probability of \(p)")
    self.p = p
  }

  public func apply(to logits: inout [Double]) {
    guard p < 1 else { return }
    var weights = logits
    let sum = probabilities(&weights)
    // All tokens below this together have less probability than 1 − p: the set needs none. Only the others are sorted.
    let negligible = (1 - p) * sum / Double(logits.count)
    let candidates = weights.indices.filter { weights[$0] >= negligible }
      .sorted { (-weights[$0], $0) < (-weights[$1], $1) }
    var mass = 0.0
    var kept = 0
    while kept < candidates.count && mass < p * sum {
      mass += weights[candidates[kept]]
      kept += 1
    }
    // If rounding keeps candidates from reaching p, all of them are kept.
    let filtered = candidates.prefix(max(kept, 1)).map { ($0, logits[$0]) }
    for token in logits.indices { logits[token] = -.infinity }
    for (token, logit) in filtered { logits[token] = logit }
  }
}
