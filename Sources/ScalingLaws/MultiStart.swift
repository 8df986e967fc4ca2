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
    /// False if fewer than half of the starts agree: there are several minima, and a better one may be missed.
    var isAgreed: Bool { 2 * agreeing >= starts }
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

  /// Returns the result of a search, with more starts as long as fewer than half agree: twice 64, drawn from the ranges
  /// of the first ones and around the best minimum. The best minimum changes only for a lower one.
  static func widened(
    _ result: Result, of problem: Problem, from starts: [[Double]], holding held: [Double?]
  ) throws -> Result {
    var result = result
    for round in 0..<2 where !result.isAgreed {
      let more = more(round, of: problem, from: starts, around: result.best.search, holding: held)
      // Where the first search found a minimum, this one may find none.
      guard let found = try? minimize(problem, from: more, mostWork: 10_000_000) else { break }
      result = result.joined(with: found)
    }
    return result
  }

  /// Returns 64 starts in search coordinates, the same for equal problems.
  private static func more(
    _ round: Int, of problem: Problem, from starts: [[Double]], around best: [Double], holding held: [Double?]
  ) -> [[Double]] {
    let (law, table) = (problem.law, problem.workspace.table)
    let ranges = best.indices.map { index in
      let values = starts.map { $0[index] } + [best[index]]
      return ((values.min() ?? 0) - 1, (values.max() ?? 0) + 1)
    }
    return (0..<64).map { number in
      var generator = SeededGenerator(seed: 8, stream: 64 * round + number)
      let place = best.indices.map { index in
        let (low, high) = ranges[index]
        // Drawn in any case, so that a start does not depend on what is held.
        let (even, normal) = (low + (high - low) * generator.uniform(), best[index] + generator.normal())
        return number.isMultiple(of: 2) ? even : normal
      }
      let natural = law.parameters.indices.map { held[$0] ?? law.parameters[$0].domain.natural(place[$0]) }
      let solved = VariableProjection.solve(law, natural, on: table, holding: held.map { $0 != nil })
      return zip(law.parameters, solved).map { $0.domain.search($1) }
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

extension MultiStart.Result {
  /// Returns the result of this search and another one together.
  fileprivate func joined(with other: MultiStart.Result) -> MultiStart.Result {
    func isLower(_ a: Double, _ b: Double) -> Bool { a < b * (1 - 1e-6) }
    func isSame(_ a: Double, _ b: Double) -> Bool { !isLower(a, b) && !isLower(b, a) }
    let best = isLower(other.best.value, self.best.value) ? other.best : self.best
    var rest: [Minimizer.Minimum] = []
    let others = [self.best] + alternatives + [other.best] + other.alternatives
    for minimum in others.sorted(by: { $0.value < $1.value })
    where minimum.value <= best.value * 1.01
      && !([best] + rest).contains(where: { isSame($0.value, minimum.value) })
    {
      rest.append(minimum)
    }
    return MultiStart.Result(
      best: best, starts: starts + other.starts,
      agreeing: [self, other].filter { isSame($0.best.value, best.value) }.reduce(0) { $0 + $1.agreeing },
      alternatives: Array(rest.prefix(4)), unfinished: unfinished + other.unfinished)
  }
}
