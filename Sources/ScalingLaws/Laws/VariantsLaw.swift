import Foundation

/// The loss of several groups of runs, each a sum of powers of the same variables above a floor:
///
///     L_g(x) = E_g + Σᵢ A_gᵢ·(xᵢ/cᵢ)^(−α_gᵢ),   g = 0, 1, …, the variable `weight(0)`
///
/// The scales cᵢ are geometric means of the data, so that coefficients and exponents are nearly independent. With common
/// exponents and a common floor, the groups differ by one factor in x at equal loss (`Multiplier`).
struct VariantsLaw: Law {
  /// How the floors of the groups are known.
  enum Floors: Sendable, Equatable {
    /// All have one floor, which is fitted.
    case shared
    /// Each has its own floor, which is fitted.
    case separate
    /// All have this floor; 0 for none.
    case known(Double)
  }

  /// The number of groups.
  let groups: Int
  /// The variables except the group.
  let axes: [Variable]
  /// log c.
  let centres: [Double]
  /// True if all groups have the same exponents.
  let sharesExponents: Bool
  let floors: Floors

  /// Parameters of one law, for one group.
  struct Group {
    let floor: Double
    let coefficients: [Double]
    let exponents: [Double]
  }

  var name: String { "power law of several groups" }
  var equation: String { "L = E + Σ A·x^−α, for each group" }
  var source: String { "Hoffmann et al. 2022, arXiv:2203.15556, for each group" }
  var variables: [Variable] { axes + [.weight(0)] }
  var knownFloor: Double { if case .known(let floor) = floors { floor } else { 0 } }
  var parameters: [Parameter] {
    let coefficients = (0..<groups).flatMap { group in
      axes.map { Parameter.linear("coefficient", "A\($0.symbol)\(group)", unit: "nats") }
    }
    let exponents = (0..<(sharesExponents ? 1 : groups)).flatMap { group in
      axes.map { Parameter("exponent", "α\($0.symbol)\(group)", starts: [0.05, 0.2, 0.5, 1]) }
    }
    let floorCount = floors == .shared ? 1 : floors == .separate ? groups : 0
    return coefficients + exponents
      + (0..<floorCount).map { Parameter.linear("irreducible loss", "E\($0)", unit: "nats") }
  }

  private func place(ofExponent axis: Int, group: Int) -> Int {
    groups * axes.count + (sharesExponents ? 0 : group * axes.count) + axis
  }

  private func place(ofFloor group: Int) -> Int? {
    let first = (groups + (sharesExponents ? 1 : groups)) * axes.count
    return floors == .shared ? first : floors == .separate ? first + group : nil
  }

  func loss<T: Number>(_ θ: [T], at x: Point) -> T {
    let group = Int(exactly: x[axes.count].value) ?? 0
    var loss = place(ofFloor: group).map { θ[$0] } ?? T(0)
    for axis in axes.indices {
      let distance = centres[axis] - x[axis].log
      loss = loss + θ[group * axes.count + axis] * .exp(θ[place(ofExponent: axis, group: group)] * distance)
    }
    return loss
  }

  /// Returns starts with equal exponents in all groups.
  func starts(for table: Table) -> [[Double]] {
    let values = parameters[groups * axes.count].starts
    let exponents = axes.reduce([[]]) { starts, _ in starts.flatMap { start in values.map { start + [$0] } } }
    return exponents.map { exponents in
      let all = sharesExponents ? exponents : (0..<groups).flatMap { _ in exponents }
      return Array(repeating: 1, count: groups * axes.count) + all
        + Array(repeating: 1, count: parameters.count - groups * axes.count - all.count)
    }
  }

  /// Returns the parameters of one group, without the scales: L = floor + Σ coefficient·x^(−exponent), as the log of
  /// each coefficient.
  func group(_ group: Int, of θ: [Double]) -> Group {
    let exponents = axes.indices.map { θ[place(ofExponent: $0, group: group)] }
    return Group(
      floor: place(ofFloor: group).map { θ[$0] } ?? knownFloor,
      coefficients: axes.indices.map { log(θ[group * axes.count + $0]) + exponents[$0] * centres[$0] },
      exponents: exponents)
  }
}
