import Foundation

/// The multiplier between two groups of runs: the factor of compute (or data, or size) at equal loss,
///
///     m(L) = x_other(L)/x_reference(L) = ((L_other − E)/(L_reference − E))^(1/α),
///
/// the second form for a common floor E and a common exponent α, with both losses at one x. m = 1.4 says that the other
/// group needs 1.4 times as much as the reference.
///
/// Both groups are fitted together, each by its own power law above the floor, by least squares on log loss. The losses
/// of the multiplier are those that both groups reach within their own runs: nothing is extrapolated. Intervals are from
/// the bootstrap (`Resampler`).
public struct Multiplier: Sendable, Codable {
  /// The floor of the groups.
  public enum Floors: Sendable, Equatable {
    /// Both have one floor, which is fitted: a property of the text.
    case shared
    /// Each has its own floor, which is fitted.
    case separate
    /// Both have this floor, such as the entropy of the text; 0 for none.
    case known(Double)
  }

  /// The runs that a group's curve is fitted to.
  public enum Basis: String, Sendable, Codable {
    /// All runs, of which each compute has one.
    case runs
    /// The runs that no run of at most the same compute undercuts.
    case frontier
    /// The lowest loss at each compute under a law of N and D, fitted to all runs.
    case surface
    /// The runs at one D (for size) or one N (for data).
    case slice
  }

  /// The multiplier at one loss.
  public struct Place: Sendable, Codable {
    /// The loss.
    public let loss: Double
    /// x of the reference at this loss.
    public let reference: Double
    /// x of the other group at this loss.
    public let other: Double
    /// The 95 % interval of `other`/`reference`; nil without a bootstrap.
    public let interval: Interval?
    /// `other`/`reference`.
    public var factor: Double { other / reference }
  }

  /// One group's curve.
  public struct Curve: Sendable, Codable {
    /// The name of the group.
    public let name: String
    /// x and loss of each run of the curve.
    public let runs: [[Double]]
    /// The floor.
    public let floor: Double
    /// log K of L = floor + K·x^(−exponent).
    public let logCoefficient: Double
    /// The exponent of the loss above the floor.
    public let exponent: Estimate
    /// The range of x over the runs.
    public let range: Interval
    /// The value at which D (for size) or N (for data) is held; nil if it is not.
    public let held: Double?

    /// Returns the loss at x.
    public func callAsFunction(_ x: Double) -> Double {
      floor + exp(logCoefficient - exponent.value * log(x))
    }
  }

  /// Whether the multiplier changes with scale.
  public enum Course: String, Sendable, Codable {
    /// The interval of the trend excludes 0 and AICc prefers an exponent for each group.
    case changes
    /// Neither does.
    case constant
    /// Only one of both.
    case undecided
  }

  /// x.
  public let variable: Variable
  /// The runs that the curves are fitted to.
  public let basis: Basis
  /// The curves of the reference and of the other group.
  public let curves: [Curve]
  /// The geometric mean of the multiplier over the shared range, evenly in log x.
  public let factor: Estimate
  /// The exponent of the multiplier in x of the reference: 0 for a constant one.
  public let trend: Estimate
  /// The multiplier if both groups have one exponent and one floor.
  public let constantFactor: Estimate
  /// AICc with one exponent and floor for both minus AICc with an exponent for each: positive if the multiplier changes.
  public let aiccGain: Double
  /// The multiplier at losses of the shared range, from the highest to the lowest.
  public let places: [Place]

  /// The result of comparing one exponent with two.
  public var course: Course {
    let excludesZero = trend.interval.map { !$0.contains(0) } ?? false
    let prefersTwo = aiccGain > 2
    return excludesZero && prefersTwo ? .changes : excludesZero || prefersTwo ? .undecided : .constant
  }

  /// The losses that both groups reach.
  public var losses: Interval {
    Interval(low: places.last?.loss ?? .nan, high: places.first?.loss ?? .nan)
  }

  /// The number of decades of x of the reference over the shared range.
  public var decades: Double {
    log10((places.last?.reference ?? .nan) / (places.first?.reference ?? .nan))
  }

  /// Returns the factor by which the multiplier changes in a decade of x, with its 95 % interval.
  public var perDecade: (value: Double, interval: Interval?) {
    (
      pow(10, trend.value),
      trend.interval.map { Interval(low: pow(10, $0.low), high: pow(10, $0.high)) }
    )
  }

  /// Compares two groups.
  ///
  /// - Parameters:
  ///   - reference: The group whose x is the denominator.
  ///   - other: The group whose x is the numerator.
  /// - Throws: `FitError` if a group lacks x or has too few different values, or no loss is reached by both.
  public init(
    of other: MultiplierGroup, over reference: MultiplierGroup, in variable: Variable = .compute,
    floors: Floors = .shared, bootstraps: Int = 1000, seed: UInt64 = 1
  ) throws {
    let groups = [reference, other]
    let chosen = try MultiplierRuns(groups, in: variable, atLeast: floors.leastValues)
    let fit = { (sharesExponents: Bool, floors: VariantsLaw.Floors, bootstraps: Int) in
      try VariantsFit(
        chosen, in: variable, sharesExponents: sharesExponents, floors: floors, bootstraps: bootstraps,
        seed: seed)
    }
    let costs = chosen.runs.map { chosen.basis == .surface ? Cost(of: $0) : nil }
    let free = try fit(false, floors.ofLaw, bootstraps)
    let constant = try fit(true, floors.common, bootstraps)
    let pair = { (law: VariantsLaw, θ: [Double]) in
      (0..<2).map { PowerCurve(law.group($0, of: θ), cost: costs[$0]) }
    }
    let central = pair(free.law, free.values)
    let ranges = chosen.runs.map { runs in
      let values = runs.compactMap { $0[variable] }
      return Interval(low: values.min() ?? .nan, high: values.max() ?? .nan)
    }
    let grid = try Self.grid(central, ranges, groups.map(\.name))
    let draws = free.draws.map { pair(free.law, $0) }
    let estimate = { (name: String, symbol: String, value: ([PowerCurve]) -> Double) in
      let drawn = draws.map(value)
      return Estimate(
        name: name, symbol: symbol, unit: "1", value: value(central), draws: drawn.isEmpty ? nil : drawn,
        spread: free.spread, isUndetermined: Self.isUndetermined(drawn))
    }
    self.variable = variable
    basis = chosen.basis
    curves = (0..<2).map { group in
      Curve(
        name: groups[group].name,
        runs: chosen.runs[group].compactMap { run in run[variable].map { [$0, run.loss] } },
        floor: central[group].floor, logCoefficient: central[group].logCoefficient,
        exponent: estimate("exponent of the loss", "α") { $0[group].exponent }, range: ranges[group],
        held: chosen.held.isEmpty ? nil : chosen.held[group])
    }
    let average = { (pair: [PowerCurve]) in exp(mean(grid.map { Self.logFactor(pair, $0) })) }
    // Few runs do not bound a factor: some samples of them show no curve.
    let factors = draws.map(average).map { (1e-3...1e3).contains($0 / average(central)) ? $0 : .nan }
    factor = Estimate(
      name: "multiplier", symbol: "m", unit: "1", value: average(central),
      draws: factors.isEmpty ? nil : factors,
      spread: free.spread, isUndetermined: Self.isUndetermined(factors))
    trend = estimate("exponent of the multiplier", "τ") { pair in
      line(grid.map { pair[0].log(at: $0) }, grid.map { Self.logFactor(pair, $0) })?.slope ?? .nan
    }
    let equal = { (θ: [Double]) in
      // With one exponent and one floor the multiplier does not depend on the loss.
      let pair = pair(constant.law, θ)
      return exp((pair[1].logCoefficient - pair[0].logCoefficient) / pair[0].exponent)
    }
    constantFactor = Estimate(
      name: "multiplier, one exponent", symbol: "m", unit: "1", value: equal(constant.values),
      draws: constant.draws.isEmpty ? nil : constant.draws.map(equal), spread: constant.spread)
    aiccGain = constant.aicc - free.aicc
    places = grid.map { loss in
      let drawn = draws.map { exp(Self.logFactor($0, loss)) }.filter(\.isFinite)
      let factor = exp(Self.logFactor(central, loss))
      return Place(
        loss: loss, reference: exp(central[0].log(at: loss)), other: exp(central[1].log(at: loss)),
        interval: drawn.isEmpty ? nil : Interval(of: drawn, around: factor, spread: free.spread))
    }
  }

  private static func logFactor(_ pair: [PowerCurve], _ loss: Double) -> Double {
    pair[1].log(at: loss) - pair[0].log(at: loss)
  }

  /// True if so many draws have no value that an interval of the others would be too narrow.
  private static func isUndetermined(_ draws: [Double]) -> Bool {
    Double(draws.count { !$0.isFinite }) > 0.025 * Double(draws.count)
  }

  /// Returns losses that both groups reach, evenly in log x of the reference, from the highest to the lowest.
  private static func grid(_ pair: [PowerCurve], _ ranges: [Interval], _ names: [String]) throws -> [Double] {
    let reached = zip(pair, ranges).map { curve, range in (low: curve(range.high), high: curve(range.low)) }
    let low = reached.map(\.low).max() ?? .nan
    let high = reached.map(\.high).min() ?? .nan
    guard low < high else {
      let text = zip(names, reached).map { name, loss in
        String(format: "%@ reaches losses of %.4g to %.4g", name, loss.low, loss.high)
      }
      throw FitError(
        "no loss is reached by both groups: \(text.joined(separator: ", ")); a factor would be an extrapolation"
      )
    }
    let count = 25
    let (first, last) = (pair[0].log(at: high), pair[0].log(at: low))
    return (0..<count).map { step in
      pair[0](exp(first + (last - first) * Double(step) / Double(count - 1)))
    }
  }
}

extension Multiplier.Floors {
  var ofLaw: VariantsLaw.Floors {
    switch self {
    case .shared: .shared
    case .separate: .separate
    case .known(let floor): .known(floor)
    }
  }

  /// The floors where all groups have one.
  var common: VariantsLaw.Floors { self == .separate ? .shared : ofLaw }

  /// The fewest values of a variable that determine a group's curve.
  var leastValues: Int { if case .known = self { 3 } else { 4 } }
}

/// The compute of one group's models: C = c·N^(1 + s)·D, fitted to its runs. c = 6 and s = 0 for C = 6ND.
private struct Cost: Sendable {
  let logCoefficient: Double
  let excess: Double

  init(of runs: [Observation]) {
    let places = runs.compactMap { run -> (n: Double, cost: Double)? in
      guard let n = run.parameters, let d = run.tokens, let c = run.compute else { return nil }
      return (log(n), log(c) - log(n) - log(d))
    }
    let line = line(places.map(\.n), places.map(\.cost))
    (logCoefficient, excess) = (line?.intercept ?? log(6), line?.slope ?? 0)
  }
}

/// L = floor + K·x^(−exponent).
private struct PowerCurve: Sendable {
  let floor: Double
  let logCoefficient: Double
  let exponent: Double

  /// The group's own law in one variable, or the lowest loss at each compute under its law of N and D.
  ///
  /// With C = c·N^(1 + s)·D and b = β·(1 + s), the loss at a compute is lowest where α·A·N^(−α) = b·B·D^(−β).
  init(_ group: VariantsLaw.Group, cost: Cost?) {
    floor = group.floor
    guard let cost, group.exponents.count == 2 else {
      (logCoefficient, exponent) = (group.coefficients[0], group.exponents[0])
      return
    }
    let (α, β) = (group.exponents[0], group.exponents[1])
    let b = β * (1 + cost.excess)
    let (logA, logB) = (group.coefficients[0], group.coefficients[1])
    // log N* = size + β·log C/(α + b).
    let size = (Foundation.log(α / b) + logA - logB - β * cost.logCoefficient) / (α + b)
    logCoefficient = logA + Foundation.log(1 + α / b) - α * size
    exponent = α * β / (α + b)
  }

  func callAsFunction(_ x: Double) -> Double { floor + exp(logCoefficient - exponent * Foundation.log(x)) }

  /// Returns log x at a loss; NaN at or below the floor.
  func log(at loss: Double) -> Double {
    loss > floor ? (logCoefficient - Foundation.log(loss - floor)) / exponent : .nan
  }
}
