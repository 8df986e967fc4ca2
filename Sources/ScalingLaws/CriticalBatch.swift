import Foundation

/// The critical batch: at batches far above it more tokens buy nothing, far below it more steps do.
///
///     (S/Smin − 1)(D/Dmin − 1) = 1,   Bcrit = Dmin/Smin,   Bcrit(L) = B*·L^(−1/αB)
///
/// McCandlish et al. 2018, arXiv:1812.06162; Kaplan et al. 2020, arXiv:2001.08361, section 5.1.
public struct CriticalBatch: Sendable, Codable, Equatable {
  /// B*, tokens, and 1/αB.
  public let coefficient: Double
  public let exponent: Double

  public init(coefficient: Double, exponent: Double) {
    self.coefficient = coefficient
    self.exponent = exponent
  }

  /// Kaplan's own constants.
  public static let kaplan = CriticalBatch(coefficient: 2e8, exponent: 1 / 0.21)

  /// Bcrit at a loss, in tokens.
  public func tokens(atLoss loss: Double) -> Double { coefficient * pow(loss, -exponent) }

  /// Smin = S/(1 + Bcrit/B): the steps that an infinite batch would have needed.
  public func minimumSteps(steps: Double, batch: Double, loss: Double) -> Double {
    steps / (1 + tokens(atLoss: loss) / batch)
  }

  /// Cmin = C/(1 + B/Bcrit): the compute that a vanishing batch would have needed.
  public func minimumCompute(compute: Double, batch: Double, loss: Double) -> Double {
    compute / (1 + batch / tokens(atLoss: loss))
  }

  /// What one target loss costs at several batches.
  public struct Tradeoff: Sendable, Codable, Equatable {
    public let loss: Double
    /// Smin and Dmin.
    public let minimumSteps: Double
    public let minimumTokens: Double
    public var criticalBatch: Double { minimumTokens / minimumSteps }

    /// Fits S = Smin + Dmin/B, relative residuals, to the steps that each batch (tokens) took to the loss.
    /// - Throws: `FitError` with fewer than two batches, or where the steps do not fall with the batch.
    public init(loss: Double, batches: [Double], steps: [Double]) throws {
      guard batches.count == steps.count, Set(batches).count >= 2 else {
        throw FitError("a critical batch needs the steps of at least two batch sizes")
      }
      let scale = exp(mean(batches.map { log($0) }))
      let columns = [steps.map { 1 / $0 }, zip(batches, steps).map { scale / ($0 * $1) }]
      let solution = VariableProjection.nonNegativeLeastSquares(columns, steps.map { _ in 1 })
      guard solution[0] > 0, solution[1] > 0 else {
        throw FitError("the batches do not bracket the critical one: steps or tokens do not vary with them")
      }
      (self.loss, minimumSteps, minimumTokens) = (loss, solution[0], solution[1] * scale)
    }
  }

  /// The power law through the critical batches of several losses.
  /// - Throws: `FitError` with fewer than two losses.
  public init(through tradeoffs: [Tradeoff]) throws {
    let logs = tradeoffs.map { log($0.loss) }
    guard let fit = line(logs, tradeoffs.map { log($0.criticalBatch) }) else {
      throw FitError("a law of the critical batch needs at least two different losses")
    }
    self.init(coefficient: exp(fit.intercept), exponent: -fit.slope)
  }
}
