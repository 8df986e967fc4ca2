import Foundation

/// The models of one compute budget, and the parabola through their losses.
public struct IsoFLOPProfile: Sendable, Codable {
  /// The budget: the geometric mean of the compute of its models, in FLOPs.
  public let budget: Double
  /// The models, by increasing compute.
  public let observations: [Observation]
  /// The range of N of the models through which the parabola is fitted; nil for all models.
  public let window: Interval?
  /// The coefficients of L = c₀ + c₁·log N + c₂·(log N)²; empty if it cannot be fitted.
  public let parabola: [Double]
  /// The minimum of the parabola; nil if it is not valid.
  public let minimum: IsoFLOPMinimum?
  /// The reason why there is no minimum; nil if there is one.
  public let refusal: String?

  /// Returns the loss of the parabola at a number of parameters; nil without a parabola.
  public func loss(parameters: Double) -> Double? {
    guard parabola.count == 3 else { return nil }
    let x = log(parameters)
    return parabola[0] + parabola[1] * x + parabola[2] * x * x
  }
}

/// The minimum of an IsoFLOP profile, with 95 % intervals.
public struct IsoFLOPMinimum: Sendable, Codable {
  /// N*.
  public let parameters: Double
  /// The 95 % interval of N*; nil without one, or if the data do not bound it on both sides.
  public let parametersInterval: Interval?
  /// D*.
  public let tokens: Double
  /// The 95 % interval of D*; nil without one, or if the data do not bound it on both sides.
  public let tokensInterval: Interval?
  /// The loss at the minimum.
  public let loss: Double
}

/// A power law y = k·C^exponent through the minima.
public struct IsoFLOPTrend: Sendable, Codable {
  /// The exponent.
  public let exponent: Estimate
  /// log k.
  public let logCoefficient: Estimate

  /// Returns y at a compute in FLOPs.
  public func callAsFunction(compute: Double) -> Double {
    exp(logCoefficient.value + exponent.value * log(compute))
  }
}

/// Chinchilla's approach 2 (Hoffmann et al. 2022, section 3.2): a parabola in log N through the losses of
/// each budget, and power laws N* ∝ C^a, D* ∝ C^b through their minima.
///
/// A loss is a parabola in log N only near its minimum. The parabola is fitted to the models within a factor of 8 of
/// the minimum, or to the five nearest sizes.
///
/// Intervals are from errors that are simulated around the parabolas, with the variance of all residuals and the
/// correlation within clusters (`Resampler`).
public struct IsoFLOPAnalysis: Sendable, Codable {
  /// The relative difference of compute below which neighbouring models belong to one budget.
  public let tolerance: Double
  /// The profiles, by increasing budget.
  public let profiles: [IsoFLOPProfile]
  /// The power law of N* in C; nil with fewer than two minima.
  public let parameters: IsoFLOPTrend?
  /// The power law of D* in C; nil with fewer than two minima.
  public let tokens: IsoFLOPTrend?
  /// The offset of the grid from the minima: mean log N of a profile's models minus log N*, averaged over the profiles.
  public let centreOffset: Double?
  /// The slope of that offset in log C. An offset biases the coefficient of N*, its slope the exponent.
  public let centreDrift: Double?
  /// The geometric mean ratio of neighbouring N within a profile.
  public let spacing: Double?

  /// The largest ratio of a model's N to N*, or of N* to N, in the window of the parabola.
  public static let reach = 8.0
  /// The smallest number of sizes in the window.
  public static let leastSizes = 5
  /// The method of fitting the parabolas; nil in files of earlier versions.
  public let method: Method?

  /// The method of fitting the parabolas.
  public enum Method: String, Sendable, Codable {
    /// Ordinary least squares.
    case leastSquares
    /// Iteratively reweighted least squares that converges to least absolute deviations, robust against outliers.
    case robust
    /// Local quadratic regression with tricube weights, over twice the window on a logarithmic axis (Cleveland 1979).
    case local
  }

  /// Fits the profiles and the power laws through their minima.
  ///
  /// - Parameter tolerance: The relative difference of compute below which neighbouring models belong to one budget.
  /// - Throws: `FitError` if an observation lacks N, D or C, or no budget has three models.
  public init(
    _ observations: [Observation], tolerance: Double = 0.1, method: Method = .leastSquares,
    bootstraps: Int = 1000, seed: UInt64 = 1
  ) throws {
    self.tolerance = tolerance
    self.method = method
    let groups = try Self.groups(observations, tolerance: tolerance)
    guard groups.contains(where: { $0.count >= 3 }) else {
      throw FitError("IsoFLOP profiles need at least three models of one budget; no budget has them")
    }
    let grids = groups.map { ProfileGrid($0, method: method) }
    let centres = grids.map { $0.minimum() }
    let draws = Self.draws(of: grids, clusters: groups.flatMap { $0 }.clusterIndices(), bootstraps, seed)
    profiles = zip(groups, zip(grids, centres)).enumerated().map { index, profile in
      let (group, (grid, centre)) = profile
      return IsoFLOPProfile(group, grid, centre, draws: centre.location == nil ? [] : draws.map { $0[index] })
    }
    let budgets = profiles.map { log($0.budget) }
    parameters = Self.trend(
      "N*", "a", unit: "parameters", budgets, centres.map { $0.location?.x }, draws.map { $0.map(\.x) })
    tokens = Self.trend(
      "D*", "b", unit: "tokens", budgets, centres.map { $0.location?.y }, draws.map { $0.map(\.y) })
    let placed = zip(grids, zip(budgets, centres)).compactMap { grid, profile in
      profile.1.location.map { (c: profile.0, offset: mean(grid.window.map { grid.x[$0] }) - $0.x) }
    }
    centreOffset = placed.isEmpty ? nil : mean(placed.map(\.offset))
    centreDrift = line(placed.map(\.c), placed.map(\.offset))?.slope
    let steps = grids.flatMap { grid in zip(grid.x.sorted().dropFirst(), grid.x.sorted()).map { $0 - $1 } }
    spacing = steps.isEmpty ? nil : exp(mean(steps.filter { $0 > 1e-6 }))
  }

  /// Returns the observations by budget: sorted by compute, and split where it rises by more than the tolerance.
  private static func groups(_ observations: [Observation], tolerance: Double) throws -> [[Observation]] {
    for (index, observation) in observations.enumerated() {
      for variable in [Variable.parameters, .tokens, .compute] {
        guard let value = observation[variable], value > 0, value.isFinite else {
          throw FitError("IsoFLOP profiles need a positive \(variable.symbol)", observation: index)
        }
      }
    }
    let sorted = observations.sorted {
      ($0.compute ?? 0, $0.parameters ?? 0) < ($1.compute ?? 0, $1.parameters ?? 0)
    }
    var groups: [[Observation]] = []
    for observation in sorted {
      if let last = groups.last?.last?.compute, (observation.compute ?? 0) < last * (1 + tolerance) {
        groups[groups.count - 1].append(observation)
      } else {
        groups.append([observation])
      }
    }
    return groups
  }

  /// Returns, for each bootstrap sample, the minimum of each profile in which models have simulated errors. Their
  /// variance is estimated from the residuals of all profiles together, because one profile has too few. The grid of
  /// sizes and the windows stay.
  private static func draws(
    of grids: [ProfileGrid], clusters: [Int], _ bootstraps: Int, _ seed: UInt64
  ) -> [[(x: Double, y: Double)]] {
    var (residuals, members, ranges): ([Double], [Int], [Range<Int>]) = ([], [], [])
    var first = 0
    for grid in grids {
      let isFitted = !grid.fitted.isEmpty
      ranges.append(residuals.count..<residuals.count + (isFitted ? grid.window.count : 0))
      if isFitted {
        residuals += grid.residuals
        members += grid.window.map { clusters[first + $0] }
      }
      first += grid.x.count
    }
    let basis = zip(grids, ranges).flatMap { grid, range in
      grid.basis.map { column in
        residuals.indices.map { range.contains($0) ? column[$0 - range.lowerBound] : 0 }
      }
    }
    // Three parameters for each profile leave nothing to estimate a variance from.
    guard residuals.count > LinearBasis(basis).directions.count else { return [] }
    let resampler = Resampler(
      residuals: residuals, clusters: members.numbered(), basis: basis, seed: seed, method: .simulation)
    return parallelMap(bootstraps) { [ranges] sample in
      guard case .errors(let errors) = resampler[sample] else { return [] }
      return zip(grids, ranges).map { grid, range in
        let location = range.isEmpty ? nil : grid.minimum(disturbed: Array(errors[range])).location
        return (location?.x ?? .nan, location?.y ?? .nan)
      }
    }
  }

  private static func trend(
    _ name: String, _ symbol: String, unit: String, _ budgets: [Double], _ minima: [Double?],
    _ draws: [[Double]]
  ) -> IsoFLOPTrend? {
    let placed = minima.indices.filter { minima[$0] != nil }
    let fit = { (minima: [Double?]) -> (intercept: Double, slope: Double)? in
      // A draw without a minimum in a profile has none to take part.
      let known = placed.filter { minima[$0]?.isFinite ?? false }
      return known.count < 2 ? nil : line(known.map { budgets[$0] }, known.compactMap { minima[$0] })
    }
    guard let central = fit(minima) else { return nil }
    let drawn = draws.map { fit($0) ?? (.nan, .nan) }
    return IsoFLOPTrend(
      exponent: Estimate(
        name: "exponent of \(name) in C", symbol: symbol, unit: "1", value: central.slope,
        draws: drawn.isEmpty ? nil : drawn.map(\.slope), spread: .centred),
      logCoefficient: Estimate(
        name: "log coefficient of \(name) in C", symbol: "log k", unit: "log \(unit)",
        value: central.intercept,
        draws: drawn.isEmpty ? nil : drawn.map(\.intercept), spread: .centred))
  }
}

/// The numbers of one profile: x = log N, y = log D, and the losses.
private struct ProfileGrid: Sendable {
  let x: [Double]
  let y: [Double]
  let losses: [Double]
  let method: IsoFLOPAnalysis.Method
  /// The indices of the models through which the parabola is fitted.
  private(set) var window: [Int]
  /// The weights of these models.
  private var weights: [Double]?
  /// The losses of the fitted parabola at these models; empty if there is none.
  private(set) var fitted: [Double] = []
  /// The residuals relative to the fitted losses.
  private(set) var residuals: [Double] = []
  /// 1, t and t² at these models relative to the fitted losses, with t = log N.
  private(set) var basis: [[Double]] = []

  struct Minimum: Sendable {
    var parabola: [Double] = []
    /// log N* and log D*, infinite if the parabola falls or rises throughout, and the loss.
    var location: (x: Double, y: Double, loss: Double)?
    var refusal: String?
  }

  init(_ observations: [Observation], method: IsoFLOPAnalysis.Method) {
    x = observations.map { log($0.parameters ?? .nan) }
    y = observations.map { log($0.tokens ?? .nan) }
    losses = observations.map(\.loss)
    self.method = method
    window = Array(losses.indices)
    placeWindow()
    let t = window.map { x[$0] }
    guard let parabola = parabola(t, window.map { losses[$0] }) else { return }
    fitted = t.map { parabola[0] + parabola[1] * $0 + parabola[2] * $0 * $0 }
    residuals = zip(window, fitted).map { losses[$0] / $1 - 1 }
    let centre = mean(t)
    basis = (0..<3).map { power in zip(t, fitted).map { pow($0 - centre, Double(power)) / $1 } }
  }

  /// Moves the window from the model of the lowest loss until the parabola's minimum is in its middle.
  private mutating func placeWindow() {
    let sizes = Set(x).sorted()
    let reach = log(IsoFLOPAnalysis.reach) * (method == .local ? 2 : 1)
    guard sizes.count > IsoFLOPAnalysis.leastSizes,
      let lowest = losses.indices.min(by: { losses[$0] < losses[$1] })
    else { return }
    var centre = x[lowest]
    for _ in 0..<20 {
      let distances = sizes.map { abs($0 - centre) }.sorted()
      let width = max(reach, distances[IsoFLOPAnalysis.leastSizes - 1]) * (1 + 1e-9)
      let members = x.indices.filter { abs(x[$0] - centre) <= width }
      let isSame = members == window && weights == nil
      window = members
      if method == .local {
        // The model at the edge of the window keeps a small weight.
        weights = members.map { pow(1 - pow(abs(x[$0] - centre) / (1.1 * width), 3), 3) }
      }
      guard let found = minimum().location, found.x.isFinite, abs(found.x - centre) > 1e-6, !isSame else {
        return
      }
      centre = found.x
    }
  }

  /// Returns the minimum of the parabola.
  ///
  /// - Parameter errors: Errors for the bootstrap, relative to the fitted losses: the parabola is fitted to the fitted
  ///   losses with these errors, and its minimum may lie anywhere. nil for the measured losses.
  func minimum(disturbed errors: [Double]? = nil) -> Minimum {
    let x = window.map { self.x[$0] }
    let y = window.map { self.y[$0] }
    guard Set(x).count >= 3 else { return Minimum(refusal: "fewer than three model sizes") }
    let losses = errors.map { zip(fitted, $0).map { $0 * (1 + $1) } } ?? window.map { self.losses[$0] }
    guard let inN = parabola(x, losses), let inD = parabola(y, losses) else {
      return Minimum(refusal: "no parabola can be fitted")
    }
    guard inN[2] > 0, inD[2] > 0 else {
      var minimum = Minimum(
        parabola: inN, refusal: "the losses do not curve upward: there is no minimum")
      if errors != nil {
        let isFalling = inN[1] + 2 * inN[2] * mean(x) < 0
        minimum.location = isFalling ? (.infinity, -.infinity, .nan) : (-.infinity, .infinity, .nan)
      }
      return minimum
    }
    let location = (
      x: -inN[1] / (2 * inN[2]), y: -inD[1] / (2 * inD[2]), loss: inN[0] - inN[1] * inN[1] / (4 * inN[2])
    )
    guard errors != nil || inside(location.x, x) && inside(location.y, y) else {
      let side = location.x <= (x.min() ?? 0) ? "smaller" : "larger"
      return Minimum(
        parabola: inN,
        refusal: "the minimum is not inside the profile: the parabola puts it at "
          + "\(String(format: "%.3g", exp(location.x))) parameters; train \(side) models at this budget")
    }
    return Minimum(parabola: inN, location: location)
  }

  private func inside(_ value: Double, _ values: [Double]) -> Bool {
    value > (values.min() ?? .infinity) && value < (values.max() ?? -.infinity)
  }

  /// Returns the coefficients of c₀ + c₁·t + c₂·t² through the losses, solved around the mean of t; nil if it fails.
  private func parabola(_ t: [Double], _ losses: [Double]) -> [Double]? {
    let centre = mean(t)
    let columns = [t.map { _ in 1 }, t.map { $0 - centre }, t.map { ($0 - centre) * ($0 - centre) }]
    guard var c = linearRegression(columns, losses, weights: weights) else { return nil }
    if method == .robust {
      for _ in 0..<100 {
        let residuals = losses.indices.map { row in losses[row] - dot(c, columns.map { $0[row] }) }
        let floor = 1e-3 * mean(residuals.map(abs)) + .leastNormalMagnitude
        guard
          let next = linearRegression(columns, losses, weights: residuals.map { 1 / max(abs($0), floor) })
        else { break }
        c = next
      }
    }
    return [c[0] - c[1] * centre + c[2] * centre * centre, c[1] - 2 * c[2] * centre, c[2]]
  }
}

extension IsoFLOPProfile {
  fileprivate init(
    _ group: [Observation], _ grid: ProfileGrid, _ centre: ProfileGrid.Minimum,
    draws: [(x: Double, y: Double)]
  ) {
    budget = exp(mean(group.map { log($0.compute ?? .nan) }))
    observations = group
    parabola = centre.parabola
    refusal = centre.refusal
    let sizes = grid.window.map { exp(grid.x[$0]) }
    window = sizes.count == group.count ? nil : Interval(low: sizes.min() ?? 0, high: sizes.max() ?? 0)
    let interval = { (values: [Double], centre: Double) -> Interval? in
      let known = values.filter { !$0.isNaN }
      guard !known.isEmpty else { return nil }
      let interval = Interval(of: known, around: centre, spread: .centred)
      return interval.isFinite ? Interval(low: exp(interval.low), high: exp(interval.high)) : nil
    }
    minimum = centre.location.map { location in
      IsoFLOPMinimum(
        parameters: exp(location.x), parametersInterval: interval(draws.map(\.x), location.x),
        tokens: exp(location.y), tokensInterval: interval(draws.map(\.y), location.y), loss: location.loss)
    }
  }

  /// The number of models through which the parabola is fitted.
  public var fittedModels: Int {
    guard let window else { return observations.count }
    // The bounds are rounded.
    return observations.count {
      ($0.parameters ?? 0) >= window.low * (1 - 1e-9) && ($0.parameters ?? 0) <= window.high * (1 + 1e-9)
    }
  }
}

extension IsoFLOPAnalysis {
  /// Returns the bias of the exponent a that the grid causes: the difference between the exponent of parabolas that are
  /// fitted to a law's exact losses at the same models, and the law's own a. It is not zero if the centres of the
  /// profiles drift with C or models are far from the minimum. nil if the law has no exponent a, or there are too few
  /// minima.
  public func exponentBias(under fit: LawFit) -> Double? {
    guard let exact = fit["a"]?.value else { return nil }
    let observations = profiles.flatMap(\.observations).compactMap { observation -> Observation? in
      var noiseless = observation
      guard let prediction = fit.law.law.loss(fit.values, at: observation) else { return nil }
      noiseless.loss = prediction
      return noiseless
    }
    let analysis = try? IsoFLOPAnalysis(
      observations, tolerance: tolerance, method: method ?? .leastSquares, bootstraps: 0)
    return analysis?.parameters.map { $0.exponent.value - exact }
  }
}

extension IsoFLOPAnalysis {
  /// The reasons why fewer than two budgets have a minimum, so that there is no exponent; nil if there is one.
  public var refusal: String? {
    guard parameters == nil else { return nil }
    let shown = 8
    let refused = profiles.filter { $0.minimum == nil }
    let reasons = refused.prefix(shown).map { String(format: "C = %.3g: ", $0.budget) + ($0.refusal ?? "") }
    let rest = refused.count > shown ? ["and \(refused.count - shown) more"] : []
    return "fewer than two budgets have a minimum"
      + (refused.isEmpty ? "" : ": " + (reasons + rest).joined(separator: "; "))
  }
}
