import Foundation
import ScalingLaws

/// The exponent of data in the loss, predicted from the statistics of a text, before any training
/// (Cagnetta, Raventós, Ganguli and Wyart 2026, arXiv:2602.07488):
///
///     Hₙ − H∞ ∝ n^−γ and C(n) ∝ n^−β, so L(D) − H∞ ∝ D^−α with α = γ/(2β).
///
/// With D tokens, correlations below about D^−½ are lost in the noise of their counts. So a model uses the tokens up to
/// the distance n* with C(n*) ∝ D^−½, n* ∝ D^(1/(2β)), and its loss is the entropy given as many, H∞ + k·n*^−γ.
public struct DataExponent: Sendable, Encodable {
  /// The fitted exponent of one power law.
  public struct Decay: Sendable, Encodable {
    /// The exponent; nil if it is not identified.
    public let exponent: Double?
    /// Its 95 % interval.
    public let interval: Interval?
    /// The limit at large n; nil if it is not identified.
    public let floor: Double?
    /// Whether the limit is known, and not fitted.
    public let isFloorKnown: Bool
    /// The smallest and the largest n of the fit.
    public let range: Interval?
    /// The number of points of the fit.
    public let points: Int
    /// The root mean square residual of the logarithm.
    public let residual: Double?
    /// Why the exponent is not identified.
    public let lack: String?
  }

  /// γ, of the entropies.
  public let entropy: Decay
  /// β, of the correlations.
  public let correlation: Decay
  /// α; nil unless γ and β are identified.
  public let exponent: Double?
  /// Its 95 % interval, from those of γ and β.
  public let interval: Interval?

  /// A statistic at n tokens.
  public typealias Point = (n: Int, value: Double)

  /// Fits both laws by least squares on logarithms.
  ///
  /// - Parameters:
  ///   - entropies: Hₙ by the number of tokens before the predicted one. That of no token is left out.
  ///   - entropy: H∞, the true entropy; nil to fit it.
  ///   - correlations: C(n).
  public init(entropies: [Point], entropy: Double?, correlations: [Point]) {
    self.entropy = Self.decay(of: entropies, to: entropy.map(Floor.known) ?? .free)
    correlation = Self.decay(of: correlations)
    let ratio = Self.ratio(of: self.entropy, to: correlation)
    (exponent, interval) = (ratio?.value, ratio?.interval)
  }

  /// Fits correlations. Where documents differ, as by their topics, correlations do not vanish at large distances: the law
  /// has a floor if that lowers AICc by more than 2.
  static func decay(of correlations: [Point]) -> Decay {
    let (pure, raised) = (decay(of: correlations, to: .zero), decay(of: correlations, to: .free))
    let criterion = { (decay: Decay, parameters: Double) -> Double in
      let count = Double(decay.points)
      guard let residual = decay.residual, count > parameters + 1 else { return .infinity }
      return 2 * count * log(residual) + 2 * parameters * count / (count - parameters - 1)
    }
    return criterion(raised, 3) < criterion(pure, 2) - 2 ? raised : pure
  }

  /// Fits value = floor + k·n^−exponent.
  public static func decay(of points: [Point], to floor: Floor) -> Decay {
    let known: Double? =
      switch floor {
      case .known(let value): value
      case .zero: 0
      case .free: nil
      }
    // What is at its floor has no logarithm.
    let used = points.filter { $0.n > 0 }.prefix { $0.value > known ?? 0 }
    let range = used.first.flatMap { first in
      used.last.map { Interval(low: Double(first.n), high: Double($0.n)) }
    }
    func lacking(_ reason: String) -> Decay {
      Decay(
        exponent: nil, interval: nil, floor: nil, isFloorKnown: known != nil, range: range,
        points: used.count, residual: nil, lack: reason)
    }
    let observations = used.map { point in
      var observation = Observation(loss: point.value)
      observation.columns = ["n": Double(point.n)]
      return observation
    }
    let fitter = Fitter(
      .power(PowerLaw(in: .column("n"), floor: floor)), minimizing: Objective(.leastSquares))
    do {
      let fit = try fitter.fit(observations)
      guard let estimate = fit["α"], estimate.identified, let interval = estimate.interval else {
        return lacking("the points do not determine it")
      }
      let limit = known ?? fit["E"].flatMap { $0.identified ? $0.value : nil }
      return Decay(
        exponent: estimate.value, interval: interval, floor: limit, isFloorKnown: known != nil,
        range: range, points: used.count, residual: fit.rmsLogResidual, lack: nil)
    } catch let error as FitError {
      return lacking(used.count < 4 ? "there are only \(used.count) points" : error.message)
    } catch {
      return lacking("\(error)")
    }
  }

  /// Returns γ/(2β). Its interval has, on a logarithmic axis, the distances of those of γ and β in quadrature (Donner and
  /// Zou 2012): they are of different statistics.
  private static func ratio(of gamma: Decay, to beta: Decay) -> (value: Double, interval: Interval?)? {
    guard let γ = gamma.exponent, let β = beta.exponent, γ > 0, β > 0 else { return nil }
    let value = γ / (2 * β)
    guard let numerator = gamma.interval, let denominator = beta.interval, denominator.low > 0 else {
      return (value, nil)
    }
    let down = hypot(log(γ / max(numerator.low, .leastNormalMagnitude)), log(denominator.high / β))
    let up = hypot(log(numerator.high / γ), log(β / denominator.low))
    return (value, Interval(low: value * exp(-down), high: value * exp(up)))
  }
}
