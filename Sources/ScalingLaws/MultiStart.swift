/// A search from many starts that counts how many of them converge to the best minimum.
public enum MultiStart {
  struct Result: Sendable {
    let best: Minimizer.Minimum
    let starts: Int
    /// The number of starts whose minimum is the best one, to a relative 1e-6 of the objective.
    let agreeing: Int
    /// At most four other local minima whose objective is within 1 % of the best, best first.
    let alternatives: [Minimizer.Minimum]
    /// The number of starts whose search stopped at its limit of evaluations or did not begin.
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
  ///
  /// - Parameter mostWork: The limit on evaluations times observations times parameters of the first search, about two
  ///   seconds of CPU time by default. The starts with the lowest objective are searched first; the rest counts as
  ///   unfinished.
  static func minimize(_ problem: Problem, from starts: [[Double]], mostWork: Int = 50_000_000) throws
    -> Result
  {
    var coarse = problem
    if starts.count >= 1000 { coarse.thin(to: max(50, 5 * problem.size)) }
    let starts = byObjective(starts, of: coarse)
    let minimizer = Minimizer(tolerance: 1e-7, iterations: 60)
    var minima: [Minimizer.Minimum] = []
    var work = 0
    // In rounds, so that what is searched does not depend on the number of threads.
    while minima.count < starts.count, work < mostWork {
      let round = Array(starts.dropFirst(minima.count).prefix(64))
      let searched = parallelChunks(round.count) { [coarse] range in
        var problem = coarse
        return range.map { index in
          let minimum = minimizer.minimize(&problem, from: round[index])
          return (minimum, evaluations: Minimizer.evaluations - problem.evaluationsLeft)
        }
      }
      minima += searched.map(\.0)
      work += searched.reduce(0) { $0 + $1.evaluations } * coarse.workspace.rows.count * problem.size
    }
    let unfinished = starts.count - minima.count { !$0.isUnfinished }
    minima.sort { $0.value < $1.value }
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
      }, unfinished: unfinished)
  }

  /// Returns starts by increasing objective.
  private static func byObjective(_ starts: [[Double]], of problem: Problem) -> [[Double]] {
    let values = parallelChunks(starts.count) { range in
      var problem = problem
      return range.map { index -> Double in
        problem.evaluate(at: starts[index])
        return problem.value
      }
    }
    return starts.indices.sorted { (values[$0], $0) < (values[$1], $1) }.map { starts[$0] }
  }
}
