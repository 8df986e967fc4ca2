import Foundation

/// Kaplan's law of size and data:
///
///     L(N, D) = [(Nc/N)^(αN/αD) + Dc/D]^αD
///
/// Kaplan et al. 2020, arXiv:2001.08361, equation 1.5; N without embeddings.
public struct KaplanLaw: Law, Codable {
  /// Creates the law.
  public init() {}

  public var name: String { "Kaplan L(N, D)" }
  public var equation: String { "L = [(Nc/N)^(αN/αD) + Dc/D]^αD" }
  public var source: String { "Kaplan et al. 2020, arXiv:2001.08361, equation 1.5" }
  public var variables: [Variable] { [.parameters, .tokens] }
  public var parameters: [Parameter] {
    [
      Parameter("size scale", "Nc", unit: "parameters", starts: [1]),
      Parameter("data scale", "Dc", unit: "tokens", starts: [1]),
      Parameter("size exponent", "αN", starts: [0.05, 0.1, 0.3]),
      Parameter("data exponent", "αD", starts: [0.05, 0.1, 0.3]),
    ]
  }

  public func loss<T: Number>(_ θ: [T], at x: Point) -> T {
    let (αN, αD) = (θ[2], θ[3])
    let size = T.exp((.log(θ[0]) - x[0].log) * (αN / αD))
    return power(size + θ[1] / x[1].value, αD)
  }

  /// Returns starts with scales for which each term alone gives half of the mean loss at the geometric mean of the
  /// data.
  public func starts(for table: Table) -> [[Double]] {
    let half = mean(table.losses) / 2
    let middle = (0..<2).map { exp(mean(table.column($0).map { log($0) })) }
    let exponents = parameters[2].starts
    return exponents.flatMap { αN in
      exponents.map { αD in [middle[0] * pow(half, 1 / αN), middle[1] * pow(half, 1 / αD), αN, αD] }
    }
  }

  /// Returns the number of tokens for which the loss exceeds its value at infinite data by a relative `excess`.
  public static func tokensToAvoidOverfitting(_ θ: [Double], parameters n: Double, excess: Double) -> Double {
    // L(N,D)/L(N,∞) = [1 + (N/Nc)^(αN/αD)·Dc/D]^αD (equation 4.3).
    θ[1] * pow(n / θ[0], θ[2] / θ[3]) / (pow(1 + excess, 1 / θ[3]) - 1)
  }
}

/// Kaplan's law of size and training steps, for batches far above the critical batch (S = Smin):
///
///     L(N, S) = (Nc/N)^αN + (Sc/S)^αS
///
/// It is fitted with A = Nc^αN and B = Sc^αS, in which it is linear. Kaplan et al. 2020, equation 1.6.
public struct KaplanStepsLaw: Law, Codable {
  /// Creates the law.
  public init() {}

  public var name: String { "Kaplan L(N, S)" }
  public var equation: String { "L = A/N^αN + B/S^αS" }
  public var source: String { "Kaplan et al. 2020, arXiv:2001.08361, equation 1.6" }
  public var variables: [Variable] { [.parameters, .steps] }
  public var parameters: [Parameter] {
    [
      .linear("size coefficient", "A", unit: "nats·parameters^αN"),
      .linear("step coefficient", "B", unit: "nats·steps^αS"),
      Parameter("size exponent", "αN", starts: [0.05, 0.15, 0.4]),
      Parameter("step exponent", "αS", starts: [0.2, 0.5, 1]),
    ]
  }

  public func loss<T: Number>(_ θ: [T], at x: Point) -> T {
    θ[0] * power(x[0], -θ[2]) + θ[1] * power(x[1], -θ[3])
  }

  public func derived(_ θ: [Double]) -> [Derived] {
    [
      Derived("size scale", "Nc", unit: "parameters", pow(θ[0], 1 / θ[2])),
      Derived("step scale", "Sc", unit: "steps", pow(θ[1], 1 / θ[3])),
    ]
  }
}
