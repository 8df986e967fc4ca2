import Foundation

/// A joint law of size, data and experts, with exponents that depend on the number of experts:
///
///     L(N, D, E) = E₀ + A·E^δ·N^−(α + γ·ln E) + B·E^ω·D^−(β + ζ·ln E)
///
/// N active parameters, D tokens, E experts; for dense models (E = 1) it is Chinchilla's law. The paper uses Clark et
/// al.'s Ê, which saturates, in place of E. Ludziejewski et al. 2025, arXiv:2502.05172, equation 4.
public struct JointRoutedLaw: Law, Codable {
  /// The floor, E₀.
  public let floor: Floor

  /// Creates a law.
  ///
  /// - Parameter floor: `.zero` or `.known`; it cannot be fitted.
  public init(floor: Floor = .zero) {
    precondition(floor != .free, "a joint law's floor is not fitted")
    self.floor = floor
  }

  public var name: String { "joint law of size, data and experts" }
  public var equation: String {
    "L = \(floor.text)A·E^δ·N^−(α + γ·ln E) + B·E^ω·D^−(β + ζ·ln E)"
  }
  public var source: String { "Ludziejewski et al. 2025, arXiv:2502.05172" }
  public var variables: [Variable] { [.parameters, .tokens, .experts] }
  public var knownFloor: Double { floor.value }
  public var parameters: [Parameter] {
    [
      .linear("size coefficient", "A", unit: "nats·parameters^α"),
      .linear("data coefficient", "B", unit: "nats·tokens^β"),
      Parameter("size exponent", "α", starts: [0.25, 0.5]),
      Parameter("data exponent", "β", starts: [0.25, 0.5]),
      Parameter("expert exponent of the size term", "δ", domain: .real, starts: [-0.2, 0]),
      Parameter("change of the size exponent with experts", "γ", domain: .real, starts: [0]),
      Parameter("expert exponent of the data term", "ω", domain: .real, starts: [0, 0.2]),
      Parameter("change of the data exponent with experts", "ζ", domain: .real, starts: [0]),
    ]
  }

  public func loss<T: Number>(_ θ: [T], at x: Point) -> T {
    let (logN, logD, logE) = (x[0].log, x[1].log, x[2].log)
    let size = T.exp(θ[4] * logE - (θ[2] + θ[5] * logE) * logN)
    let data = T.exp(θ[6] * logE - (θ[3] + θ[7] * logE) * logD)
    return θ[0] * size + θ[1] * data
  }
}
