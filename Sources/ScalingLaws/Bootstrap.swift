/// Resampling with replacement, of whole clusters if observations have them (Efron 1979). Each sample has its own
/// generator, so that the draws depend only on the seed and not on the number of threads.
struct Bootstrap: Sendable {
  var samples: Int
  var seed: UInt64

  /// Returns the minima of the resampled objectives, with searches warm-started from the full fit.
  func draws(of problem: Problem, around minimum: Minimizer.Minimum) -> [Minimizer.Minimum] {
    guard samples > 0 else { return [] }
    let table = problem.workspace.table
    let clusters = table.clusters
    let warm = Minimizer(tolerance: 1e-8)
    return parallelChunks(samples) { range in
      var sampled = problem
      var draws = Array(repeating: 0.0, count: table.clusterCount)
      return range.map { sample in
        var generator = SeededGenerator(seed: seed, stream: sample)
        for index in draws.indices { draws[index] = 0 }
        for _ in draws.indices { draws[generator.index(below: draws.count)] += 1 }
        sampled.resample(clusters.map { draws[$0] }, of: problem.weights)
        guard problem.penalty != .leastAbsolute, minimum.metric != nil else {
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
