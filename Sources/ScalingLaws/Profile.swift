import Foundation

/// The profile likelihood of one parameter: the deviance of the best fit if the parameter is held at a value and all
/// others are fitted again.
///
///     deviance(v) = 2·(F(v) − F_min)·mean(ψ')/mean(ψ²)·(n − p)/n,   t² with n − p degrees of freedom
///
/// The factor converts an objective to a likelihood ratio. For least squares it gives (n − p)·ΔF/F_min; for Huber and
/// absolute penalties it is that of M-estimators (Ronchetti 1982). Observations are assumed to be independent; for
/// clusters, use the bootstrap. A side is open if the deviance does not reach the threshold within a factor of 1000 of
/// the value at which the fit starts to get worse: the data do not bound the parameter on that side.
public struct Profile: Sendable, Codable {
  /// The values of the parameter in natural units, increasing.
  public let values: [Double]
  /// The deviance at each value.
  public let deviances: [Double]
  /// The deviance at the ends of the interval: the square of Student's t.
  public let threshold: Double
  /// The lower end of the 95 % interval; nil if that side is open.
  public let low: Double?
  /// The upper end of the 95 % interval; nil if that side is open.
  public let high: Double?
  /// True if a side stopped at its limit of evaluations; nil otherwise.
  private let unfinished: Bool?
  var isUnfinished: Bool { unfinished ?? false }

  /// The limit on the work of one side: evaluations times observations times parameters.
  private static let mostWork = 3_000_000
  /// The limit on evaluations of one side, for small tables.
  private static let mostEvaluations = 40_000

  /// True if the data bound the parameter on both sides.
  public var identified: Bool { low != nil && high != nil }

  /// Computes the profile of the parameter with index `parameter`.
  ///
  /// - Parameter alternatives: Other local minima, from which each point is searched too.
  init(
    of parameter: Int, in problem: Problem, around minimum: Minimizer.Minimum, alternatives: [[Double]] = []
  ) {
    let domain = problem.law.parameters[parameter].domain
    let scale = Self.devianceScale(problem, at: minimum)
    let freedom = Freedom(observations: problem.workspace.rows.count, parameters: problem.size)
    let threshold = freedom.studentQuantile * freedom.studentQuantile
    self.threshold = threshold
    let sides = [-1.0, 1.0].map { direction in
      Self.walk(parameter, problem, minimum, alternatives, scale, threshold, domain, direction)
    }
    let points = (sides[0].points.reversed() + [(minimum.search[parameter], 0.0)] + sides[1].points)
      .filter { $0.1.isFinite }
    values = points.map { domain.natural($0.0) }
    deviances = points.map(\.1)
    low = sides[0].crossing.map { domain.natural($0) }
    high = sides[1].crossing.map { domain.natural($0) }
    unfinished = sides.contains(where: \.isUnfinished) ? true : nil
  }

  private static func devianceScale(_ problem: Problem, at minimum: Minimizer.Minimum) -> Double {
    var problem = problem
    problem.evaluate(at: minimum.search)
    let residuals = problem.residuals
    let n = Double(residuals.count)
    let freedom = max(n - Double(problem.size), 1) / n
    /// Returns mean(ψ') for a ψ that changes by `height` from 0 to δ (or jumps at 0): the density of residuals near
    /// zero, counted over a width with enough residuals.
    let rise = { (δ: Double, height: Double) in
      let sizes = residuals.map(abs).sorted()
      let width = max(δ, quantile(sizes, 0.3))
      return Double(sizes.count { $0 <= width }) / n * height / width
    }
    switch problem.penalty {
    case .leastSquares: return freedom * n / minimum.value
    case .leastAbsolute: return freedom * 2 * rise(0, 1)
    case .huber(let δ):
      let square = mean(residuals.map { min($0 * $0, δ * δ) })
      return freedom * 2 * rise(δ, δ) / square
    }
  }

  /// Returns the length in search coordinates by which steps of a parameter of either sign are measured: its size, or
  /// for one of unknown size also what the curvature at the minimum gives for the width of the interval.
  private static func signedUnit(
    _ parameter: Int, _ problem: Problem, _ minimum: Minimizer.Minimum, _ scale: Double, _ threshold: Double,
    _ domain: Domain
  ) -> Double {
    let size = abs(minimum.search[parameter])
    guard domain == .signed else { return max(size, 1e-2) }
    var problem = problem
    problem.evaluate(at: minimum.search, curvature: true)
    guard let inverse = problem.curvature.cholesky(damping: 0)?.inverse else {
      return max(min(size, 1), 1e-2)
    }
    let width = (2 * threshold * inverse[parameter, parameter] / scale).squareRoot()
    return width.isFinite && width > 0 ? min(max(width, 1e-6 * size), 1) : max(min(size, 1), 1e-2)
  }

  /// Steps away from the minimum until the deviance exceeds the threshold, then bisects.
  private static func walk(
    _ parameter: Int, _ problem: Problem, _ minimum: Minimizer.Minimum, _ alternatives: [[Double]],
    _ scale: Double, _ threshold: Double, _ domain: Domain, _ direction: Double
  ) -> (points: [(Double, Double)], crossing: Double?, isUnfinished: Bool) {
    let centre = minimum.search[parameter]
    let isLogarithmic = !domain.isSigned
    let unit = isLogarithmic ? 1 : signedUnit(parameter, problem, minimum, scale, threshold, domain)
    let reach = isLogarithmic ? log(1000.0) : 1000 * unit
    // No positive Double has a logarithm beyond 700.
    let end = domain != .real ? 700 : 1e6 * unit
    // Where the deviance rises, steps are short enough to draw the curve.
    let longest = unit / 6
    var problem = problem
    problem.held[parameter] = true
    let minimizer = Minimizer(tolerance: 1e-9)
    var nearest = minimum.search
    var evaluations = 0
    let most = min(mostEvaluations, mostWork / (problem.workspace.table.count * problem.size))
    let fit = { (position: Double) -> (search: [Double], deviance: Double) in
      let starts = [nearest, minimum.search] + alternatives
      let minima = starts.map { start -> Minimizer.Minimum in
        var start = start
        start[parameter] = position
        defer { evaluations += Minimizer.evaluations - problem.evaluationsLeft }
        return minimizer.minimize(&problem, from: start)
      }
      guard let best = minima.min(by: { $0.value < $1.value }), best.value.isFinite else {
        return (nearest, .infinity)
      }
      return (best.search, max(0, (best.value - minimum.value) * scale))
    }
    var points: [(Double, Double)] = []
    var (inside, flat, step) = (centre, centre, 0.02 * unit)
    while abs(inside - flat) < reach, direction * inside < end {
      guard evaluations < most else { return (points, nil, true) }
      let position = direction * min(direction * inside + step, end)
      let found = fit(position)
      let isFlat = found.deviance < 1e-3 * threshold
      // A long step out of a flat part must not skip the start of the rise.
      guard isFlat || step <= longest else {
        step = max(step / 4, longest)
        continue
      }
      if found.deviance <= threshold {
        points.append((position, found.deviance))
        (inside, nearest) = (position, found.search)
        if isFlat { flat = position }
        step = isFlat ? step * 1.6 : min(step * 1.6, longest)
        continue
      }
      var (low, high, last) = (inside, position, (position, found.deviance))
      while abs(high - low) > 1e-3 * unit {
        guard evaluations < most else { return (points, nil, true) }
        let middle = (low + high) / 2
        // There is no number between two adjacent floating-point numbers.
        guard middle != low, middle != high else { break }
        let found = fit(middle)
        if found.deviance > threshold {
          (high, last) = (middle, (middle, found.deviance))
        } else {
          (low, nearest) = (middle, found.search)
        }
      }
      points.append(last)
      return (points, (low + high) / 2, false)
    }
    return (points, nil, false)
  }
}
