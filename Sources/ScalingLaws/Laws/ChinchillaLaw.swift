import Foundation

/// The parametric law of Chinchilla (its approach 3):
///
///     L(N, D) = E + A/N^α + B/D^β
///
/// With C = 6ND the optimum is N* = G·(C/6)^a, D* = (C/6)^b/G, a = β/(α+β), b = α/(α+β),
/// G = (αA/(βB))^(1/(α+β)). Hoffmann et al. 2022, arXiv:2203.15556, section 3.3.
public struct ChinchillaLaw: Law, Codable {
  /// The floor, E.
  public let floor: Floor

  /// Creates a law with a floor.
  public init(floor: Floor = .free) { self.floor = floor }

  public var name: String { "Chinchilla" }
  public var equation: String { "L = \(floor.text)A/N^α + B/D^β" }
  public var source: String { "Hoffmann et al. 2022, arXiv:2203.15556" }
  public var variables: [Variable] { [.parameters, .tokens] }
  public var knownFloor: Double { floor.value }
  public var parameters: [Parameter] {
    [
      .linear("size coefficient", "A", unit: "nats·parameters^α"),
      .linear("data coefficient", "B", unit: "nats·tokens^β"),
      Parameter("size exponent", "α", starts: [0.1, 0.3, 0.6, 1.2]),
      Parameter("data exponent", "β", starts: [0.1, 0.3, 0.6, 1.2]),
    ] + floor.parameter
  }

  public func loss<T: Number>(_ θ: [T], at x: Point) -> T {
    let reducible = θ[0] * power(x[0], -θ[2]) + θ[1] * power(x[1], -θ[3])
    return floor == .free ? θ[4] + reducible : reducible
  }

  public func derived(_ θ: [Double]) -> [Derived] {
    let (α, β) = (θ[2], θ[3])
    return [
      Derived("exponent of N* in C", "a", β / (α + β)),
      Derived("exponent of D* in C", "b", α / (α + β)),
      Derived("coefficient of N* in C/6", "G", pow(α * θ[0] / (β * θ[1]), 1 / (α + β))),
    ]
  }
}
