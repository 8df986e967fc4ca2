import Foundation

/// A law of routed (mixture-of-experts) models that saturates in the number of experts:
///
///     log₁₀ (L − E₀) = a·log₁₀ N + b·log₁₀ Ê + c·log₁₀ N·log₁₀ Ê + d
///     1/Ê = 1/(E − 1 + 1/(1/Es − 1/Em)) + 1/Em
///
/// N parameters of the dense base model, E experts; Es is Ê at E = 1, and Em the limit of Ê. The paper has no floor E₀.
/// It is needed near the entropy of the text, where only the loss above the entropy may follow a power law.
/// Clark et al. 2022, arXiv:2202.01169, equations 7 and 10.
public struct RoutedLaw: Law, Codable {
  /// The floor, E₀.
  public let floor: Floor

  /// Creates a law.
  ///
  /// - Parameter floor: `.zero`, as in the paper, or `.known`; it cannot be fitted.
  public init(floor: Floor = .zero) {
    precondition(floor != .free, "a routed law's floor is not fitted")
    self.floor = floor
  }

  public var name: String { "routed" }
  public var equation: String {
    "log10 \(floor == .zero ? "L" : "(L − \(floor.text.dropLast(3)))") = a·log10 N + b·log10 Ê + c·log10 N·log10 Ê + d; 1/Ê = 1/(E − 1 + 1/(1/Es − 1/Em)) + 1/Em"
  }
  public var source: String { "Clark et al. 2022, arXiv:2202.01169" }
  public var variables: [Variable] { [.parameters, .experts] }
  public var knownFloor: Double { floor.value }
  public var parameters: [Parameter] {
    [
      Parameter("size exponent", "a", domain: .real, starts: [-0.1]),
      Parameter("expert exponent", "b", domain: .real, starts: [-0.1]),
      Parameter("interaction", "c", domain: .real, starts: [0.01]),
      Parameter("log10 coefficient", "d", unit: "log10 nats", domain: .real, starts: [1]),
      Parameter("experts worth of a dense model", "Es", unit: "experts", starts: [1.2, 2, 5]),
      Parameter("saturation", "Em", unit: "experts", starts: [100, 400, 2000]),
    ]
  }

  public func loss<T: Number>(_ θ: [T], at x: Point) -> T {
    let (logN, logTen) = (x[0].log / M_LN10, M_LN10)
    let saturation = 1 / θ[5]
    let start = 1 / (1 / θ[4] - saturation)
    let logÊ = -T.log(1 / (start + (x[1].value - 1)) + saturation) / logTen
    return .exp((θ[0] * logN + θ[1] * logÊ + θ[2] * logÊ * logN + θ[3]) * logTen)
  }

  /// Returns the exponent of Ê, b + c·log₁₀ N, at two sizes, because b itself (N = 1) is far outside the data, and the
  /// size at which routing stops helping, N = 10^(−b/c).
  public func derived(_ θ: [Double]) -> [Derived] {
    [
      Derived("expert exponent of a model of 10⁴ parameters", "b4", θ[1] + 4 * θ[2]),
      Derived("expert exponent of a model of 10⁸ parameters", "b8", θ[1] + 8 * θ[2]),
      Derived("size at which routing stops helping", "Ncut", unit: "parameters", pow(10, -θ[1] / θ[2])),
    ]
  }
}
