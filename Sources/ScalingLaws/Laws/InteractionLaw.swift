/// A generalisation of Chinchilla's law in which its two terms interact:
///
///     L(N, D) = E + [(A/N^α)^(1/g) + (B/D^β)^(1/g)]^g
///
/// g = 1 is Chinchilla's sum; as g → 0, the sum approaches the larger of the two terms. Kaplan's L(N, D) is the
/// case E = 0, β = g (Kaplan et al. 2020, arXiv:2001.08361, equation 1.5). The optimum has the same
/// exponents as Chinchilla's: a = β/(α+β), b = α/(α+β).
public struct InteractionLaw: Law, Codable {
  /// The floor, E.
  public let floor: Floor

  /// Creates a law with a floor.
  public init(floor: Floor = .free) { self.floor = floor }

  public var name: String { "Chinchilla with interaction" }
  public var equation: String { "L = \(floor.text)[(A/N^α)^(1/g) + (B/D^β)^(1/g)]^g" }
  public var source: String { "generalises Hoffmann et al. 2022 and Kaplan et al. 2020, equation 1.5" }
  public var variables: [Variable] { [.parameters, .tokens] }
  public var knownFloor: Double { floor.value }
  public var parameters: [Parameter] {
    [
      Parameter("size coefficient", "A", unit: "nats·parameters^α", starts: [1]),
      Parameter("data coefficient", "B", unit: "nats·tokens^β", starts: [1]),
      Parameter("size exponent", "α", starts: [0.2, 0.5]),
      Parameter("data exponent", "β", starts: [0.2, 0.5]),
      Parameter("interaction", "g", starts: [0.5, 1]),
    ] + floor.parameter
  }

  public func loss<T: Number>(_ θ: [T], at x: Point) -> T {
    let (logA, logB, g) = (T.log(θ[0]), T.log(θ[1]), θ[4])
    let size = T.exp((logA - θ[2] * x[0].log) / g)
    let data = T.exp((logB - θ[3] * x[1].log) / g)
    let reducible = power(size + data, g)
    return floor == .free ? θ[5] + reducible : reducible
  }

  /// Returns starts at solutions of Chinchilla's law for its linear parameters.
  public func starts(for table: Table) -> [[Double]] {
    let sum = ChinchillaLaw(floor: floor)
    var starts: [[Double]] = []
    for α in [0.2, 0.5] {
      for β in [0.2, 0.5] {
        let solved = VariableProjection.solve(sum, [1, 1, α, β] + floor.parameter.map { _ in 1 }, on: table)
        for g in [0.5, 1] { starts.append(solved[0..<4] + [g] + solved[4...]) }
      }
    }
    return starts
  }

  public func derived(_ θ: [Double]) -> [Derived] {
    let (α, β) = (θ[2], θ[3])
    return [
      Derived("exponent of N* in C", "a", β / (α + β)),
      Derived("exponent of D* in C", "b", α / (α + β)),
    ]
  }
}
