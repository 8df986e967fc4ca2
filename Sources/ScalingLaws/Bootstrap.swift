/// Fits to synthetic tables, whose scatter is that of the fitted parameters.
struct Bootstrap: Sendable {
  let samples: Int
  /// Makes the tables.
  let resampler: Resampler

  /// Returns the minima of the resampled objectives, with searches warm-started from the full fit.
  ///
  /// - Parameter problem: The problem, evaluated at `minimum`.
  func draws(of problem: Problem, around minimum: Minimizer.Minimum) -> [Minimizer.Minimum] {
    guard samples > 0 else { return [] }
    let warm = Minimizer(tolerance: 1e-8)
    return parallelChunks(samples) { range in
      var sampled = problem
      return range.map { sample in
        switch resampler[sample] {
        case .multiplicities(let counts): sampled.resample(counts, of: problem.weights)
        case .errors(let errors): sampled.targets = problem.targets(withErrors: errors)
        }
        guard resampler.method == .clusters, problem.penalty != .leastAbsolute, minimum.metric != nil else {
          return warm.minimize(&sampled, from: minimum.search)
        }
        sampled.evaluationsLeft = Minimizer.evaluations
        var draw = warm.polish(&sampled, from: minimum)
        draw.isUnfinished = sampled.isExhausted
        return draw
      }
    }
  }
}
