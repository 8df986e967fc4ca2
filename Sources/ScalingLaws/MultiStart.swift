/// A search from many starts that counts how many of them converge to the best minimum.
public enum MultiStart {
  struct Result: Sendable {
    let best: Minimizer.Minimum
    let starts: Int
    /// The number of starts whose minimum is the best one, to a relative 1e-6 of the objective.
    let agreeing: Int
    /// At most four other local minima whose objective is within 1 % of the best, best first.
    let alternatives: [Minimizer.Minimum]
    /// The number of starts whose search stopped at its limit of evaluations.
    let unfinished: Int
  }

  /// Returns a law's starts in search coordinates, solved for their linear parameters.
  ///
  /// - Parameter held: The value of each parameter that is held; nil for one that is fitted.
  static func starts(of law: any Law, on table: Table, holding held: [Double?]? = nil) -> [[Double]] {
    let held = held ?? law.parameters.map { _ in nil }
    var starts: [[Double]] = []
    for start in law.starts(for: table) {
      let start = zip(held, start).map { $0 ?? $1 }
      if !starts.contains(start) { starts.append(start) }
    }
    return starts.map { start in
      zip(law.parameters, VariableProjection.solve(law, start, on: table, holding: held.map { $0 != nil }))
        .map { $0.domain.search($1) }
    }
  }

  /// Searches from each start, then refines each distinct minimum within 5 % of the best to full precision. If there
  /// are a thousand starts or more, the first search uses a thinned table.
  static func minimize(_ problem: Problem, from starts: [[Double]]) throws -> Result {
    var coarse = problem
    if starts.count >= 1000 { coarse.thin(to: max(50, 5 * problem.size)) }
    let minimizer = Minimizer(tolerance: 1e-7, iterations: 60)
    let minima = parallelChunks(starts.count) { [coarse] range in
      var problem = coarse
      return range.map { minimizer.minimize(&problem, from: starts[$0]) }
    }.sorted { $0.value < $1.value }
    guard let first = minima.first, first.value.isFinite else {
      throw FitError("no start of the search leads to a finite objective")
    }
    var distinct: [(minimum: Minimizer.Minimum, starts: Int)] = []
    for minimum in minima.prefix(while: { $0.value <= first.value * 1.05 }) {
      if let last = distinct.last, minimum.value <= last.minimum.value * (1 + 1e-6) {
        distinct[distinct.count - 1].starts += 1
      } else {
        distinct.append((minimum, 1))
      }
    }
    var finished: [(minimum: Minimizer.Minimum, starts: Int)] = []
    var problem = problem
    for (minimum, starts) in distinct.prefix(50) {
      let polished = Minimizer().minimize(&problem, from: problem.law.ordered(minimum.search))
      if let known = finished.firstIndex(where: {
        abs($0.minimum.value - polished.value) <= 1e-6 * polished.value
      }) {
        finished[known].starts += starts
      } else {
        finished.append((polished, starts))
      }
    }
    finished.sort { $0.minimum.value < $1.minimum.value }
    let best = finished[0]
    return Result(
      best: best.minimum, starts: starts.count, agreeing: best.starts,
      alternatives: finished.dropFirst().prefix(4).map(\.minimum).filter {
        $0.value <= best.minimum.value * 1.01
      }, unfinished: minima.count(where: \.isUnfinished))
  }
}
