import Foundation

/// The profile likelihood of one parameter: how much worse the best fit gets as the parameter is held away
/// from its estimate and all others are fitted again.
///
///     deviance(v) = 2·(F(v) − F_min)·mean(ψ')/mean(ψ²)·(n − p)/n,   t² with n − p degrees of freedom
///
/// The factor turns an objective into a likelihood ratio: for least squares it gives n·ΔF/F_min; for Huber
/// and absolute penalties it is that of M-estimators (Ronchetti 1982). Observations count as independent;
/// for clusters trust the bootstrap. A side that does not reach its threshold within a factor of 1000 of where the fit
/// begins to get worse at all is open: the data do not bound the parameter there.
public struct Profile: Sendable, Codable {
  /// Values of the parameter (natural units, rising) and the deviance at each.
  public let values: [Double]
  public let deviances: [Double]
  /// The deviance at the ends of the interval: Student's t, squared.
  public let threshold: Double
  /// Ends of the 95 % interval; nil where that side is open.
  public let low: Double?
  public let high: Double?
  /// Whether a side used up its evaluations before it reached its threshold or its end; nil for no.
  private let unfinished: Bool?
  var isUnfinished: Bool { unfinished ?? false }

  /// The most evaluations of one side.
  private static let evaluations = 40_000

  /// Whether the data bound the parameter on both sides.
  public var identified: Bool { low != nil && high != nil }

  /// - Parameter alternatives: other local minima, from which each point is searched too.
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
    let points = sides[0].points.reversed() + [(minimum.search[parameter], 0.0)] + sides[1].points
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
    /// mean(ψ'), for a ψ that jumps or rises by `rise` in total over |r| ≤ δ: the density at zero, counted
    /// over a width that holds enough residuals.
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

  /// Steps away from the minimum until the deviance passes the threshold, then bisects.
  private static func walk(
    _ parameter: Int, _ problem: Problem, _ minimum: Minimizer.Minimum, _ alternatives: [[Double]],
    _ scale: Double, _ threshold: Double, _ domain: Domain, _ direction: Double
  ) -> (points: [(Double, Double)], crossing: Double?, isUnfinished: Bool) {
    let centre = minimum.search[parameter]
    let unit = domain != .real ? 1 : max(abs(centre), 1e-2)
    let reach = domain != .real ? log(1000.0) : 1000 * unit
    // No positive Double has a logarithm beyond 700.
    let end = domain != .real ? 700 : 1e6 * unit
    // Where the fit gets worse, steps are short enough to draw the curve.
    let longest = unit / 6
    var problem = problem
    problem.held[parameter] = true
    let minimizer = Minimizer(tolerance: 1e-9)
    var nearest = minimum.search
    var evaluations = 0
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
      guard evaluations < Self.evaluations else { return (points, nil, true) }
      let position = direction * min(direction * inside + step, end)
      let found = fit(position)
      let isFlat = found.deviance < 1e-3 * threshold
      // A long step from where the curve is flat must not miss where it begins to rise.
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
        guard evaluations < Self.evaluations else { return (points, nil, true) }
        let middle = (low + high) / 2
        // Two neighbouring numbers have none between them.
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
