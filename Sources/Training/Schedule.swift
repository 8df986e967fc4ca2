import Files
import Foundation

/// How the learning rate changes after its warmup, as a fraction of its peak.
public enum Schedule: Codable, Hashable, Sendable {
  /// How a cooldown falls to zero.
  public enum Shape: String, Codable, Sendable, CaseIterable {
    case linear
    /// 1 − √x, which falls fast at first and then slowly   (Hägele et al. 2024)
    case sqrt
  }

  /// Constant, then falling to zero over the last `fraction` of the tokens. Runs of different lengths share a trunk.
  case cooldown(fraction: Double, shape: Shape)
  /// Half a cosine, from 1 to `final` at the end   (Hoffmann et al. 2022)
  case cosine(final: Double)
  /// Half a cosine from 1 to `final` over `tokens`, whatever the run's length, and `final` from there on. Runs of
  /// different lengths are points of one training.
  case cosineOver(final: Double, tokens: Int)

  /// The tokens after which a run of `tokens` differs from longer runs.
  public func branchPoint(tokens: Int) -> Int {
    switch self {
    case .cooldown(let fraction, _): Int(clamping: (Double(tokens) * (1 - fraction)).rounded())
    case .cosine: 0
    case .cosineOver: tokens
    }
  }

  /// The fraction of the peak for a step after `seen` tokens of a run over `tokens`.
  ///
  /// - Parameter branched: The tokens after which the cooldown began: the end of the first step at or after the branch
  ///   point; nil while on the trunk.
  public func factor(seen: Int, branched: Int?, tokens: Int) -> Double {
    switch self {
    case .cooldown(_, let shape):
      guard let branched, tokens > branched else { return 1 }
      let progress = Double(seen - branched) / Double(tokens - branched)
      return switch shape {
      case .linear: max(0, 1 - progress)
      case .sqrt: max(0, 1 - progress.squareRoot())
      }
    case .cosine(let final):
      return Self.cosine(to: final, seen: seen, of: tokens)
    case .cosineOver(let final, let horizon):
      return Self.cosine(to: final, seen: seen, of: horizon)
    }
  }

  private static func cosine(to final: Double, seen: Int, of tokens: Int) -> Double {
    let progress = min(1, Double(seen) / Double(tokens))
    return final + (1 - final) * 0.5 * (1 + cos(.pi * progress))
  }
}
