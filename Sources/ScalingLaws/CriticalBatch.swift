import Foundation

/// The critical batch size. Far above it, larger batches save almost no steps; far below it, smaller batches save
/// almost no tokens.
///
///     (S/Smin − 1)(D/Dmin − 1) = 1,   Bcrit = Dmin/Smin,   Bcrit(L) = B*·L^(−1/αB)
///
/// McCandlish et al. 2018, arXiv:1812.06162; Kaplan et al. 2020, arXiv:2001.08361, section 5.1.
public struct CriticalBatch: Sendable, Codable, Equatable {
  /// B*, in tokens.
  public let coefficient: Double
  /// 1/αB.
  public let exponent: Double

  /// Creates a law from B* (tokens) and 1/αB.
  public init(coefficient: Double, exponent: Double) {
    self.coefficient = coefficient
    self.exponent = exponent
  }

  /// The constants of Kaplan et al.
  public static let kaplan = CriticalBatch(coefficient: 2e8, exponent: 1 / 0.21)

  /// Returns Bcrit at a loss, in tokens.
  public func tokens(atLoss loss: Double) -> Double { coefficient * pow(loss, -exponent) }

  /// Returns Smin = S/(1 + Bcrit/B), the number of steps in the limit of an infinite batch.
  public func minimumSteps(steps: Double, batch: Double, loss: Double) -> Double {
    steps / (1 + tokens(atLoss: loss) / batch)
  }

  /// Returns Cmin = C/(1 + B/Bcrit), the compute in the limit of a vanishing batch.
  public func minimumCompute(compute: Double, batch: Double, loss: Double) -> Double {
    compute / (1 + batch / tokens(atLoss: loss))
  }

  /// The trade-off between steps and tokens for one target loss.
  public struct Tradeoff: Sendable, Codable, Equatable {
    /// The target loss.
    public let loss: Double
    /// Smin.
    public let minimumSteps: Double
    /// Dmin.
    public let minimumTokens: Double
    /// Bcrit = Dmin/Smin, in tokens.
    public var criticalBatch: Double { minimumTokens / minimumSteps }

    /// Fits S = Smin + Dmin/B by relative residuals to the number of steps that each batch (in tokens) needs to reach
    /// the loss.
    ///
    /// - Throws: `FitError` if there are fewer than two batches, or the steps do not fall with the batch.
    public init(loss: Double, batches: [Double], steps: [Double]) throws {
      guard batches.count == steps.count, Set(batches).count >= 2 else {
        throw FitError("a critical batch needs the steps of at least two batch sizes")
      }
      let scale = exp(mean(batches.map { log($0) }))
      let columns = [steps.map { 1 / $0 }, zip(batches, steps).map { scale / ($0 * $1) }]
      let solution = VariableProjection.leastSquares(columns, steps.map { _ in 1 })
      guard solution[0] > 0, solution[1] > 0 else {
        throw FitError("the batches do not bracket the critical one: steps or tokens do not vary with them")
      }
      (self.loss, minimumSteps, minimumTokens) = (loss, solution[0], solution[1] * scale)
    }
  }

  /// Fits the power law through the critical batches of several losses.
  ///
  /// - Throws: `FitError` if there are fewer than two different losses.
  public init(through tradeoffs: [Tradeoff]) throws {
    let logs = tradeoffs.map { log($0.loss) }
    guard let fit = line(logs, tradeoffs.map { log($0.criticalBatch) }) else {
      throw FitError("a law of the critical batch needs at least two different losses")
    }
    self.init(coefficient: exp(fit.intercept), exponent: -fit.slope)
  }
}
