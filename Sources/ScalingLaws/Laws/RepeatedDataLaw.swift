/// Chinchilla's law for repeated tokens: each repetition adds less, and so do parameters in excess of the
/// compute-optimal number for the unique tokens.
///
///     L = E + A/N'^α + B/D'^β
///     D' = U + U·R_D*·(1 − e^(−R_D/R_D*)),         R_D = D/U − 1
///     N' = U_N + U_N·R_N*·(1 − e^(−R_N/R_N*)),     R_N = N/U_N − 1
///     U_N = min(N, N*(U)),   N*(U) the size for which U tokens are compute-optimal: G·(G·U)^(β/α)
///
/// Muennighoff et al. 2023, arXiv:2305.16264, section 3. They hold A, B, α, β and E at a fit to unique data.
public struct RepeatedDataLaw: Law, Codable {
  /// Creates the law.
  public init() {}

  public var name: String { "repeated data" }
  public var equation: String {
    "L = E + A/N'^α + B/D'^β; D' = U·[1 + R_D*·(1 − e^(−R_D/R_D*))], N' likewise; R_D = D/U − 1"
  }
  public var source: String { "Muennighoff et al. 2023, arXiv:2305.16264" }
  public var variables: [Variable] { [.parameters, .tokens, .uniqueTokens] }
  public var parameters: [Parameter] {
    [
      Parameter("worth of repeated tokens", "R_D*", unit: "epochs", starts: [1, 5, 20, 80]),
      Parameter("worth of excess parameters", "R_N*", starts: [0.5, 2, 8, 30]),
    ] + ChinchillaLaw().parameters.map(Self.fewerStarts)
  }

  /// Returns a parameter of Chinchilla's law with fewer initial values, because those of R_D* and R_N* multiply them.
  private static func fewerStarts(_ parameter: Parameter) -> Parameter {
    parameter.isLinear
      ? parameter
      : Parameter(parameter.name, parameter.symbol, unit: parameter.unit, starts: [0.2, 0.5])
  }

  public func loss<T: Number>(_ θ: [T], at x: Point) -> T {
    let (tokenWorth, sizeWorth, a, b, α, β, e) = (θ[0], θ[1], θ[2], θ[3], θ[4], θ[5], θ[6])
    let (n, d, unique) = (x[0], x[1], min(x[1].value, x[2].value))
    let tokens = unique * effective(repeats: T(d.value / unique - 1), worth: tokenWorth)
    // log G = log(αA/(βB))/(α+β); log N*(U) = log G + (β/α)·(log G + log U).
    let logG = T.log(α * a / (β * b)) / (α + β)
    let optimal = T.exp(logG + β / α * (logG + min(x[1].log, x[2].log)))
    let base = T.minimum(T(n.value), optimal)
    let size = base * effective(repeats: n.value / base - 1, worth: sizeWorth)
    return e + a * power(size, -α) + b * power(tokens, -β)
  }

  /// Returns 1 + R*·(1 − e^(−R/R*)).
  private func effective<T: Number>(repeats: T, worth: T) -> T {
    1 - worth * .expm1(-repeats / worth)
  }
}
