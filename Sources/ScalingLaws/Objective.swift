import Foundation

/// The objective of a fit: Σ w·ρ(r) over the residuals of the log loss, or of the loss itself.
public struct Objective: Sendable, Codable, Equatable {
  /// ρ.
  public enum Penalty: Sendable, Codable, Equatable {
    /// The Huber penalty: r²/2 if |r| ≤ δ, otherwise δ·(|r| − δ/2). Chinchilla's, with δ = 1e-3 on log loss.
    case huber(delta: Double)
    /// r².
    case leastSquares
    /// |r|, minimized through Huber penalties with decreasing δ.
    case leastAbsolute
  }

  /// The scale on which losses are compared.
  public enum Scale: String, Sendable, Codable {
    /// r = log L̂ − log L, of the loss above a known floor.
    case log
    /// r = L̂ − L.
    case raw
    /// r = log(1 + L̂) − log(1 + L), as in Caballero et al. 2022.
    case log1p

    /// Returns the loss with a value on this scale.
    func loss(_ value: Double) -> Double {
      switch self {
      case .log: exp(value)
      case .raw: value
      case .log1p: expm1(value)
      }
    }

    /// Returns a loss on this scale, and the derivative.
    @inline(__always)
    func callAsFunction(_ loss: Double) -> (value: Double, slope: Double) {
      switch self {
      case .log: (Foundation.log(loss), 1 / loss)
      case .raw: (loss, 1)
      case .log1p: (Foundation.log1p(loss), 1 / (1 + loss))
      }
    }
  }

  /// The penalty, ρ.
  public var penalty: Penalty
  /// The scale of the residuals.
  public var scale: Scale
  /// True to weight each observation by 1/σ², scaled to a mean weight of 1. All observations then need a standard
  /// error.
  public var weighted: Bool

  /// Creates an objective.
  public init(_ penalty: Penalty, on scale: Scale = .log, weighted: Bool = false) {
    self.penalty = penalty
    self.scale = scale
    self.weighted = weighted
  }

  /// The sum of Huber penalties on log loss, δ = 1e-3 (Hoffmann et al. 2022, section 3.3).
  public static let chinchilla = Objective(.huber(delta: 1e-3))

  /// The objective as text, such as "sum of Huber(log L̂ − log L), δ = 0.001".
  public var text: String {
    let residual =
      switch scale {
      case .log: "log L̂ − log L"
      case .raw: "L̂ − L"
      case .log1p: "log(1 + L̂) − log(1 + L)"
      }
    let weights = weighted ? ", weights 1/σ²" : ""
    return switch penalty {
    case .huber(let delta): "sum of Huber(\(residual)), δ = \(delta)\(weights)"
    case .leastSquares: "sum of (\(residual))²\(weights)"
    case .leastAbsolute: "sum of |\(residual)|\(weights)"
    }
  }

  func weights(for table: Table) throws -> [Double] {
    guard weighted else { return table.losses.map { _ in 1 } }
    guard let errors = table.standardErrors else {
      throw FitError("weights need a standard error for every observation; some have none")
    }
    let precision = table.losses.indices.map { row in
      let σ = errors[row] * scale(table.losses[row]).slope
      return 1 / (σ * σ)
    }
    let average = mean(precision)
    return precision.map { $0 / average }
  }
}
