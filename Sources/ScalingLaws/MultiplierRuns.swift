import Foundation

/// One of the groups of runs that a multiplier compares.
public struct MultiplierGroup: Sendable {
  /// The name in messages.
  public let name: String
  /// The runs.
  public let runs: [Observation]
  /// The runs as means over seeds, for a frontier. The lowest of several noisy losses would bias it.
  public let means: [Observation]
  /// True if the runs are a frontier already.
  public let isFrontier: Bool

  /// Creates a group.
  ///
  /// - Parameter means: The means over seeds; nil if runs of one place (N, D, C) differ only in their seeds.
  public init(_ name: String, _ runs: [Observation], means: [Observation]? = nil, isFrontier: Bool = false) {
    self.name = name
    self.runs = runs
    self.isFrontier = isFrontier
    self.means =
      means
      ?? runs.grouped(by: \.place).map { equals in
        var mean = equals[0]
        mean.loss = equals.reduce(0) { $0 + $1.loss } / Double(equals.count)
        return mean
      }
  }
}

/// The runs of several groups whose losses a multiplier compares, and why these.
struct MultiplierRuns: Sendable {
  let basis: Multiplier.Basis
  /// The runs of each group.
  let runs: [[Observation]]
  /// The value of the variable that is held in each group; empty if none is.
  let held: [Double]

  /// The variables of the groups' laws.
  func axes(of variable: Variable) -> [Variable] {
    basis == .surface ? [.parameters, .tokens] : [variable]
  }

  /// Chooses the runs.
  ///
  /// - Throws: `FitError` if a run lacks the variable, or a group has too few values of it.
  init(_ groups: [MultiplierGroup], in variable: Variable, atLeast needed: Int) throws {
    for group in groups {
      guard group.runs.allSatisfy({ $0[variable].map { $0 > 0 && $0.isFinite } ?? false }) else {
        throw FitError("\(group.name): some runs have no \(variable.symbol) (\(variable.unit))")
      }
    }
    switch variable {
    case .compute where groups.contains(where: \.isFrontier):
      (basis, runs, held) = (.frontier, groups.map { $0.isFrontier ? $0.runs : Self.frontier($0.means) }, [])
    case .compute where groups.allSatisfy({ Self.isGrid($0.runs) }):
      (basis, runs, held) = (.surface, groups.map(\.runs), [])
    case .compute where groups.allSatisfy({ Self.isPath($0.runs) }):
      (basis, runs, held) = (.runs, groups.map(\.runs), [])
    case .compute:
      basis = .frontier
      runs = groups.map { Self.frontier($0.means) }
      held = []
    case .parameters, .tokens:
      let other: Variable = variable == .parameters ? .tokens : .parameters
      held = Self.held(groups, other, along: variable)
      basis = held.isEmpty ? .runs : .slice
      runs = zip(groups, held.isEmpty ? groups.map { _ in .nan } : held).map { group, value in
        value.isNaN ? group.runs : group.runs.filter { $0[other] == value }
      }
    default: throw FitError("a multiplier is one of compute, data or size, not of \(variable.symbol)")
    }
    for (group, runs) in zip(groups, runs) {
      let count = Set(runs.map { $0[variable] }).count
      guard count >= needed else {
        let place =
          basis == .frontier
          ? " on its frontier" : basis == .slice ? " at one \(variable == .tokens ? "N" : "D")" : ""
        throw FitError(
          "\(group.name) has \(count) different \(variable.symbol)\(place); a curve needs at least \(needed)")
      }
    }
  }

  /// Returns whether runs spread over N and D, so that they determine L(N, D).
  private static func isGrid(_ runs: [Observation]) -> Bool {
    let places = runs.compactMap { run in run.parameters.flatMap { n in run.tokens.map { (log(n), log($0)) } }
    }
    guard places.count == runs.count, places.count >= 8, Set(places.map(\.0)).count >= 3,
      Set(places.map(\.1)).count >= 3
    else { return false }
    // Along a path, such as D = 20·N, one follows from the other.
    let spread = { (x: [Double], y: [Double]) -> Double in
      guard let line = line(x, y) else { return 0 }
      return rootMeanSquare(zip(x, y).map { $1 - line.intercept - line.slope * $0 })
    }
    let (n, d) = (places.map(\.0), places.map(\.1))
    return min(spread(n, d), spread(d, n)) > 0.3
  }

  /// Returns whether N and D grow with C, so that each compute has one model.
  private static func isPath(_ runs: [Observation]) -> Bool {
    let sorted = runs.sorted { ($0.compute ?? 0, $0.parameters ?? 0) < ($1.compute ?? 0, $1.parameters ?? 0) }
    return [Variable.parameters, .tokens].allSatisfy { variable in
      let values = sorted.compactMap { $0[variable] }
      return values.count < runs.count
        || zip(values, values.dropFirst()).allSatisfy { $1 >= $0 * (1 - 1e-6) }
    }
  }

  private static func frontier(_ means: [Observation]) -> [Observation] {
    (try? Frontier(means, fitting: { _ in throw FitError("not fitted") }))?.observations ?? []
  }

  /// Returns the value of the other variable at which each group varies most: a common one if there is one with three
  /// values of the variable in each group. Empty if the other variable does not vary.
  private static func held(_ groups: [MultiplierGroup], _ other: Variable, along variable: Variable)
    -> [Double]
  {
    let places = groups.map { group in
      group.runs.reduce(into: [Double: Set<Double>]()) { places, run in
        if let x = run[variable], let y = run[other] { places[y, default: []].insert(x) }
      }
    }
    guard places.allSatisfy({ !$0.isEmpty }), places.contains(where: { $0.count > 1 }) else { return [] }
    let common = places[0].keys.map { value in (value, places.map { $0[value]?.count ?? 0 }.min() ?? 0) }
    if let best = common.max(by: { ($0.1, $0.0) < ($1.1, $1.0) }), best.1 >= 4 {
      return groups.map { _ in best.0 }
    }
    return places.compactMap { places in
      places.max { ($0.value.count, $0.key) < ($1.value.count, $1.key) }?.key
    }
  }
}
