import Foundation

/// The models of one compute budget, and the parabola through their losses.
public struct IsoFLOPProfile: Sendable, Codable {
  /// The budget: the geometric mean of the compute of its models, in FLOPs.
  public let budget: Double
  /// The models, by increasing compute.
  public let observations: [Observation]
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

/// The minimum of an IsoFLOP profile, with 95 % intervals if the profile has more than three models.
public struct IsoFLOPMinimum: Sendable, Codable {
  /// N*.
  public let parameters: Double
  /// The 95 % interval of N*.
  public let parametersInterval: Interval?
  /// D*.
  public let tokens: Double
  /// The 95 % interval of D*.
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
/// Intervals are from a wild bootstrap: the residuals of a profile, scaled for its three parameters, are multiplied by
/// a normal random number for each cluster (Liu 1988), so that the grid of sizes does not change.
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

  /// The method of fitting the parabolas.
  public enum Method: String, Sendable, Codable {
    /// Ordinary least squares.
    case leastSquares
    /// Iteratively reweighted least squares that converges to least absolute deviations, robust against outliers.
    case robust
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
    let groups = try Self.groups(observations, tolerance: tolerance)
    guard groups.contains(where: { $0.count >= 3 }) else {
      throw FitError("IsoFLOP profiles need at least three models of one budget; no budget has them")
    }
    let grids = groups.map { ProfileGrid($0, method: method) }
    let centres = grids.map { $0.minimum() }
    let clusters = groups.flatMap { $0 }.clusterIndices()
    let draws = parallelMap(bootstraps) { sample in
      var generator = SeededGenerator(seed: seed, stream: sample)
      let factors = (0...(clusters.max() ?? 0)).map { _ in generator.normal() }
      var first = 0
      return zip(grids, centres).map { grid, centre in
        defer { first += grid.losses.count }
        return centre.location == nil
          ? nil
          : grid.minimum(disturbed: clusters[first..<first + grid.losses.count].map { factors[$0] }).location
      }
    }
    profiles = zip(groups, zip(grids, centres)).enumerated().map { index, profile in
      let (group, (grid, centre)) = profile
      let drawn = draws.compactMap { $0[index] }
      return IsoFLOPProfile(group, grid, centre, draws: grid.losses.count > 3 ? drawn : [])
    }
    let budgets = profiles.map { log($0.budget) }
    parameters = Self.trend(
      "N*", "a", unit: "parameters", budgets, centres.map { $0.location?.x }, draws.map { $0.map { $0?.x } })
    tokens = Self.trend(
      "D*", "b", unit: "tokens", budgets, centres.map { $0.location?.y }, draws.map { $0.map { $0?.y } })
    let placed = zip(grids, zip(budgets, centres)).compactMap { grid, profile in
      profile.1.location.map { (c: profile.0, offset: mean(grid.x) - $0.x) }
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

  private static func trend(
    _ name: String, _ symbol: String, unit: String, _ budgets: [Double], _ minima: [Double?],
    _ draws: [[Double?]]
  ) -> IsoFLOPTrend? {
    let fit = { (minima: [Double?]) in
      let placed = zip(budgets, minima).compactMap { budget, minimum in minimum.map { (budget, $0) } }
      return placed.count < 2 ? nil : line(placed.map(\.0), placed.map(\.1))
    }
    guard let central = fit(minima) else { return nil }
    let drawn = draws.map { fit($0) ?? (.nan, .nan) }
    return IsoFLOPTrend(
      exponent: Estimate(
        name: "exponent of \(name) in C", symbol: symbol, unit: "1", value: central.slope,
        draws: drawn.isEmpty ? nil : drawn.map(\.slope)),
      logCoefficient: Estimate(
        name: "log coefficient of \(name) in C", symbol: "log k", unit: "log \(unit)",
        value: central.intercept,
        draws: drawn.isEmpty ? nil : drawn.map(\.intercept)))
  }
}

/// The numbers of one profile: x = log N, y = log D, and the losses.
private struct ProfileGrid: Sendable {
  let x: [Double]
  let y: [Double]
  let losses: [Double]
  let method: IsoFLOPAnalysis.Method
  /// The losses of the fitted parabola.
  var fitted: [Double] = []
  /// The residuals, scaled by √(n/(n − 3)).
  var residuals: [Double] = []

  struct Minimum: Sendable {
    var parabola: [Double] = []
    var location: (x: Double, y: Double, loss: Double)?
    var refusal: String?
  }

  init(_ observations: [Observation], method: IsoFLOPAnalysis.Method) {
    x = observations.map { log($0.parameters ?? .nan) }
    y = observations.map { log($0.tokens ?? .nan) }
    losses = observations.map(\.loss)
    self.method = method
    guard let parabola = parabola(x, losses) else { return }
    fitted = x.map { parabola[0] + parabola[1] * $0 + parabola[2] * $0 * $0 }
    let n = Double(x.count)
    let scale = n > 3 ? (n / (n - 3)).squareRoot() : 0
    residuals = zip(losses, fitted).map { ($0 - $1) * scale }
  }

  /// Returns the minimum of the parabola.
  ///
  /// - Parameter factors: Factors for the wild bootstrap: the parabola is fitted to the fitted losses plus the
  ///   residuals times these. nil for the measured losses.
  func minimum(disturbed factors: [Double]? = nil) -> Minimum {
    guard Set(x).count >= 3 else { return Minimum(refusal: "fewer than three model sizes") }
    let losses = factors.map { zip(fitted, zip(residuals, $0)).map { $0 + $1.0 * $1.1 } } ?? self.losses
    guard let inN = parabola(x, losses), let inD = parabola(y, losses) else {
      return Minimum(refusal: "no parabola can be fitted")
    }
    guard inN[2] > 0, inD[2] > 0 else {
      return Minimum(parabola: inN, refusal: "the losses do not curve upward: there is no minimum")
    }
    let location = (
      x: -inN[1] / (2 * inN[2]), y: -inD[1] / (2 * inD[2]), loss: inN[0] - inN[1] * inN[1] / (4 * inN[2])
    )
    guard factors != nil || inside(location.x, x) && inside(location.y, y) else {
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
    guard var c = linearRegression(columns, losses) else { return nil }
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
    draws: [(x: Double, y: Double, loss: Double)]
  ) {
    budget = exp(mean(group.map { log($0.compute ?? .nan) }))
    observations = group
    parabola = centre.parabola
    refusal = centre.refusal
    let interval = { (values: [Double]) in values.isEmpty ? nil : Interval(of: values) }
    minimum = centre.location.map {
      IsoFLOPMinimum(
        parameters: exp($0.x), parametersInterval: interval(draws.map { exp($0.x) }), tokens: exp($0.y),
        tokensInterval: interval(draws.map { exp($0.y) }), loss: $0.loss)
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
    let analysis = try? IsoFLOPAnalysis(observations, tolerance: tolerance, bootstraps: 0)
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
