import Foundation

/// A smoothly broken power law with n breaks:
///
///     L(X) = a + b·X^(−c₀) · Πᵢ (1 + (X/dᵢ)^(1/fᵢ))^(−cᵢ·fᵢ)
///
/// Break i is at X = dᵢ, where the exponent of the loss above the floor changes by cᵢ within about fᵢ e-foldings
/// (f → 0 is sharp). Caballero et al. 2022, arXiv:2210.14891, equation 1.
public struct BrokenLaw: Law, Codable {
  /// X.
  public let variable: Variable
  /// The number of breaks, 1 to 3.
  public let breaks: Int
  /// The floor, a.
  public let floor: Floor
  /// The interval of the breaks; nil for no limit.
  public let range: Interval?

  /// Creates a law with 1 to 3 breaks.
  public init(in variable: Variable, breaks: Int = 1, floor: Floor = .free, within range: Interval? = nil) {
    precondition((1...3).contains(breaks), "a broken law has 1 to 3 breaks, not \(breaks)")
    self.variable = variable
    self.breaks = breaks
    self.floor = floor
    self.range = range
  }

  public var name: String {
    "broken power law in \(variable.symbol), \(breaks) break\(breaks == 1 ? "" : "s")"
  }
  public var equation: String {
    let x = variable.symbol
    let start = "L = \(floor == .free ? "a + " : floor.text)b·\(x)^−c0 · "
    return start
      + (breaks == 1
        ? "(1 + (\(x)/d1)^(1/f1))^(−c1·f1)"
        : "Π (1 + (\(x)/d_i)^(1/f_i))^(−c_i·f_i), i = 1…\(breaks)")
  }
  public var source: String { "Caballero et al. 2022, arXiv:2210.14891" }
  public var variables: [Variable] { [variable] }
  public var knownFloor: Double { floor.value }
  public var parameters: [Parameter] {
    let own: [Parameter] = [
      .linear("coefficient", "b", unit: "nats·\(variable.unit)^c0"),
      Parameter("first exponent", "c0", domain: .real, starts: [0.05, 0.3]),
    ]
    let perBreak = (1...breaks).flatMap { i in
      [
        Parameter("change of exponent", "c\(i)", domain: .real, starts: [-0.3, 0.3, 3]),
        Parameter(
          "place of break", "d\(i)", unit: variable.unit, domain: range.map { .within($0) } ?? .positive,
          starts: [1]),
        Parameter("width of break", "f\(i)", starts: [0.1, 0.5]),
      ]
    }
    let bottom: [Parameter] = floor == .free ? [.linear("irreducible loss", "a", unit: "nats")] : []
    return own + perBreak + bottom
  }

  public func loss<T: Number>(_ θ: [T], at x: Point) -> T {
    var logLoss = -θ[1] * x[0].log
    for i in 0..<breaks {
      let (c, d, f) = (θ[2 + 3 * i], θ[3 + 3 * i], θ[4 + 3 * i])
      logLoss = logLoss - c * f * .softplus((x[0].log - T.log(d)) / f)
    }
    let reducible = θ[0] * .exp(logLoss)
    return floor == .free ? θ[2 + 3 * breaks] + reducible : reducible
  }

  /// Returns starts with breaks at all increasing combinations of quantiles of the data.
  public func starts(for table: Table) -> [[Double]] {
    let sorted = table.column(0).filter { range?.contains($0) ?? true }.map { log($0) }.sorted()
    let places = (1...(breaks == 1 ? 8 : 5)).map { exp(quantile(sorted, Double($0) / (breaks == 1 ? 9 : 6))) }
    var starts: [[Double]] = [[]]
    for _ in 0..<breaks {
      starts = starts.flatMap { start in
        places.filter { place in start.isEmpty || place > start[start.count - 2] }.flatMap { place in
          [-0.3, 0.3, 3].flatMap { c in
            (breaks == 1 ? [0.1, 0.5] : [0.2]).map { f in start + [c, place, f] }
          }
        }
      }
    }
    return [0.05, 0.3].flatMap { c0 in
      starts.map { [1, c0] + $0 + (floor == .free ? [1] : []) }
    }
  }

  /// Returns the positions of the breaks, of parameters or of search coordinates.
  func places(in θ: [Double]) -> [Double] { (0..<breaks).map { θ[3 + 3 * $0] } }

  /// Returns the search coordinates with breaks by increasing position.
  public func ordered(_ search: [Double]) -> [Double] {
    let places = places(in: search)
    let order = (0..<breaks).sorted { places[$0] < places[$1] }
    var ordered = search
    for (rank, index) in order.enumerated() {
      for offset in 2..<5 { ordered[offset + 3 * rank] = search[offset + 3 * index] }
    }
    return ordered
  }
}
