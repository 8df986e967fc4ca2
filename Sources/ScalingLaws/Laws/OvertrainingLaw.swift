import Foundation

/// A law of over-training at a ratio M = D/N of tokens to parameters: size and data have one exponent, so that for any
/// fixed M the reducible loss falls with the same power of compute.
///
///     L = E + A/N^κ + B/D^κ = E + (a·M^η + b·M^(−η))·C^(−η),   η = κ/2, a = A·6^η, b = B·6^η, C = 6ND
///
/// Gadre et al. 2024, arXiv:2403.08540, equation 4.
public struct OvertrainingLaw: Law, Codable {
  /// The floor, E.
  public let floor: Floor

  /// Creates a law with a floor.
  public init(floor: Floor = .free) { self.floor = floor }

  public var name: String { "over-training" }
  public var equation: String { "L = \(floor.text)A/N^κ + B/D^κ" }
  public var source: String { "Gadre et al. 2024, arXiv:2403.08540" }
  public var variables: [Variable] { [.parameters, .tokens] }
  public var knownFloor: Double { floor.value }
  public var parameters: [Parameter] {
    [
      .linear("size coefficient", "A", unit: "nats·parameters^κ"),
      .linear("data coefficient", "B", unit: "nats·tokens^κ"),
      Parameter("common exponent", "κ", starts: [0.1, 0.2, 0.4, 0.8]),
    ] + floor.parameter
  }

  public func loss<T: Number>(_ θ: [T], at x: Point) -> T {
    let reducible = θ[0] * power(x[0], -θ[2]) + θ[1] * power(x[1], -θ[2])
    return floor == .free ? θ[3] + reducible : reducible
  }

  public func derived(_ θ: [Double]) -> [Derived] {
    let η = θ[2] / 2
    return [
      Derived("exponent in compute", "η", η),
      Derived("coefficient of M^η", "a", unit: "nats·FLOPs^η", θ[0] * pow(6, η)),
      Derived("coefficient of M^−η", "b", unit: "nats·FLOPs^η", θ[1] * pow(6, η)),
      Derived("optimal tokens per parameter", "M*", unit: "tokens/parameter", pow(θ[1] / θ[0], 1 / θ[2])),
    ]
  }
}
