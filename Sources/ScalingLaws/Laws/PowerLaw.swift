import Foundation

/// The limit of the loss as all variables grow.
public enum Floor: Sendable, Codable, Equatable {
  /// Zero: a pure power law.
  case zero
  /// A parameter of the fit.
  case free
  /// A known value, such as the entropy of a generated corpus. The loss above it is fitted.
  case known(Double)

  var parameter: [Parameter] { self == .free ? [.linear("irreducible loss", "E", unit: "nats")] : [] }
  var value: Double { if case .known(let value) = self { value } else { 0 } }
  var text: String {
    switch self {
    case .zero: ""
    case .free: "E + "
    case .known(let value): String(format: "%.5g + ", value)
    }
  }
}

/// A power law in one variable, with or without a floor:
///
///     L(X) = E + A·X^−α,   or with Xc = A^(1/α):   L(X) = E + (Xc/X)^α
///
/// Kaplan et al. 2020, arXiv:2001.08361 (no floor); Henighan et al. 2020, arXiv:2010.14701 (with floor).
public struct PowerLaw: Law, Codable {
  /// X.
  public let variable: Variable
  /// The floor, E.
  public let floor: Floor

  /// Creates a law in a variable.
  public init(in variable: Variable, floor: Floor = .free) {
    self.variable = variable
    self.floor = floor
  }

  public var name: String { "power law in \(variable.symbol)" }
  public var equation: String { "L = \(floor.text)A·\(variable.symbol)^−α" }
  public var source: String { "Kaplan et al. 2020, arXiv:2001.08361; Henighan et al. 2020, arXiv:2010.14701" }
  public var variables: [Variable] { [variable] }
  public var knownFloor: Double { floor.value }
  public var parameters: [Parameter] {
    [
      .linear("coefficient", "A", unit: "nats·\(variable.unit)^α"),
      Parameter("exponent", "α", starts: [0.03, 0.1, 0.3, 0.6, 1.2]),
    ] + floor.parameter
  }

  public func loss<T: Number>(_ θ: [T], at x: Point) -> T {
    let reducible = θ[0] * power(x[0], -θ[1])
    return floor == .free ? θ[2] + reducible : reducible
  }

  public func derived(_ θ: [Double]) -> [Derived] {
    [Derived("scale", "\(variable.symbol)c", unit: variable.unit, pow(θ[0], 1 / θ[1]))]
  }
}
