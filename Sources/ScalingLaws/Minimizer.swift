/// Finds a local minimum in two stages. Damped, reweighted Gauss–Newton steps (Levenberg–Marquardt) approach it from
/// any start. BFGS, initialized with the inverse of the last Gauss–Newton matrix, converges to full precision for any
/// penalty. All criteria are relative, so the result does not depend on the objective's scale. A search stops early
/// when the evaluations of the problem are used up (`Problem.evaluationsLeft`).
struct Minimizer {
  /// BFGS stops when the expected decrease, gᵀHg, is below this fraction of the objective.
  var tolerance = 1e-14
  var iterations = 300
  /// The first stage stops when a step improves the objective by less than this fraction.
  var roughTolerance = 1e-3
  /// The longest step of the first stage in any search coordinate.
  var reach = 2.0
  /// The limit on evaluations of one search. Well-posed problems need at most a thousand, even for absolute deviations.
  static let evaluations = 5000

  struct Minimum: Sendable {
    var search: [Double]
    var value: Double
    /// The inverse Hessian of BFGS, in units of search²/objective, for a warm start of a similar problem.
    var metric: SymmetricMatrix?
    /// True if the search stopped at its limit of evaluations.
    var isUnfinished = false
  }

  /// Minimizes from a start with about `evaluations` evaluations at most, and leaves the problem evaluated at the
  /// minimum.
  func minimize(_ problem: inout Problem, from start: [Double]) -> Minimum {
    problem.evaluationsLeft = Self.evaluations
    var minimum =
      problem.penalty == .leastAbsolute
      ? leastAbsolute(&problem, from: start) : polish(&problem, from: approach(&problem, from: start))
    minimum.isUnfinished = problem.isExhausted
    return minimum
  }

  /// The first stage: Levenberg–Marquardt on reweighted squares.
  func approach(_ problem: inout Problem, from start: [Double]) -> Minimum {
    problem.evaluate(at: start, curvature: true)
    var best = Minimum(search: start, value: problem.value)
    var (gradient, curvature) = (problem.gradient, problem.curvature)
    var damping = 1e-3
    for _ in 0..<60 where best.value > 0 && damping < 1e12 && !problem.isExhausted {
      guard var step = curvature.cholesky(damping: damping)?.solve(gradient) else {
        damping *= 8
        continue
      }
      // Far from the minimum the linearisation is inaccurate, so no coordinate moves by more than `reach`.
      let longest = step.reduce(0) { max($0, abs($1)) }
      if longest > reach { step = step.map { $0 * reach / longest } }
      problem.evaluate(at: zip(best.search, step).map { $0 - $1 }, curvature: true)
      guard problem.value < best.value else {
        damping *= 8
        continue
      }
      let improvement = best.value - problem.value
      best = Minimum(search: problem.workspace.search, value: problem.value)
      (gradient, curvature) = (problem.gradient, problem.curvature)
      damping = max(damping / 8, 1e-9)
      if improvement < roughTolerance * best.value { break }
    }
    best.metric = curvature.cholesky(damping: 1e-9)?.inverse
    return best
  }

  /// The second stage: BFGS with a weak Wolfe line search by bisection (Lewis and Overton 2013), which tolerates kinks
  /// of ψ.
  func polish(_ problem: inout Problem, from start: Minimum) -> Minimum {
    problem.evaluate(at: start.search)
    var place = start
    place.value = problem.value
    var gradient = problem.gradient
    var inverse = start.metric ?? .scaledIdentity(gradient)
    for _ in 0..<iterations where place.value > 0 && !problem.isExhausted {
      var direction = inverse.times(gradient).map { -$0 }
      var slope = dot(gradient, direction)
      if !(slope < 0) {
        inverse = .scaledIdentity(gradient)
        direction = inverse.times(gradient).map { -$0 }
        slope = dot(gradient, direction)
      }
      guard -slope > tolerance * place.value else { break }
      var (low, high, t) = (0.0, Double.infinity, 1.0)
      var found = false
      for _ in 0..<40 where !problem.isExhausted {
        problem.evaluate(at: zip(place.search, direction).map { $0 + t * $1 })
        if !(problem.value <= place.value + 1e-4 * t * slope) {
          high = t
        } else if dot(problem.gradient, direction) < 0.9 * slope {
          low = t
        } else {
          found = true
          break
        }
        t = high.isFinite ? (low + high) / 2 : 2 * low
      }
      guard problem.value < place.value else { break }
      let step = zip(problem.workspace.search, place.search).map { $0 - $1 }
      let change = zip(problem.gradient, gradient).map { $0 - $1 }
      place.search = problem.workspace.search
      place.value = problem.value
      gradient = problem.gradient
      guard found else { break }
      inverse.update(step: step, change: change)
    }
    problem.evaluate(at: place.search)
    place.metric = inverse
    return place
  }

  /// Minimizes Σ|r| as the limit of Huber penalties: δ decreases from the size of the residuals until only exactly
  /// fitted points lie within it.
  private func leastAbsolute(_ problem: inout Problem, from start: [Double]) -> Minimum {
    problem.penalty = .leastSquares
    var place = polish(&problem, from: approach(&problem, from: start))
    let total = problem.workspace.rows.count
    var δ = (place.value / Double(total)).squareRoot()
    let smallest = 1e-7 * δ
    while δ > smallest, !problem.isExhausted {
      problem.penalty = .huber(delta: δ)
      place = polish(&problem, from: approach(&problem, from: place.search))
      δ /= 4
    }
    problem.penalty = .leastAbsolute
    problem.evaluate(at: place.search)
    place.value = problem.value
    place.metric = nil
    return place
  }
}

extension SymmetricMatrix {
  /// Returns the initial inverse Hessian without prior information: a step of 0.1 along the gradient.
  static func scaledIdentity(_ gradient: [Double]) -> SymmetricMatrix {
    var matrix = SymmetricMatrix(gradient.count)
    let norm = dot(gradient, gradient).squareRoot()
    for i in 0..<matrix.size { matrix[i, i] = norm > 0 ? 0.1 / norm : 1 }
    return matrix
  }

  /// Performs the BFGS update H ← (1 − s·yᵀ/yᵀs)·H·(1 − y·sᵀ/yᵀs) + s·sᵀ/yᵀs.
  mutating func update(step s: [Double], change y: [Double]) {
    let curvature = dot(y, s)
    guard curvature > 0 else { return }
    let hy = times(y)
    let factor = (1 + dot(y, hy) / curvature) / curvature
    for i in 0..<size {
      for j in i..<size {
        self[i, j] += factor * s[i] * s[j] - (hy[i] * s[j] + s[i] * hy[j]) / curvature
      }
    }
  }
}
