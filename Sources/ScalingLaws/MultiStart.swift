/// A search from many starts that tells how many of them agree.
public enum MultiStart {
  struct Result: Sendable {
    let best: Minimizer.Minimum
    let starts: Int
    /// Starts whose minimum is the best one, to a relative 1e-6 of the objective.
    let agreeing: Int
    /// Other local minima whose objective is within 1 % of the best, best first, at most four.
    let alternatives: [Minimizer.Minimum]
  }

  /// A law's own starts in search coordinates, their linear parameters solved for.
  static func starts(of law: any Law, on table: Table) -> [[Double]] {
    law.starts(for: table).map { start in
      zip(law.parameters, VariableProjection.solve(law, start, on: table)).map { $0.domain.search($1) }
    }
  }

  static func minimize(_ problem: Problem, from starts: [[Double]]) throws -> Result {
    let rough = Minimizer(tolerance: 1e-9)
    let minima = parallelChunks(starts.count) { range in
      var problem = problem
      return range.map { rough.minimize(&problem, from: starts[$0]) }
    }
    guard let best = minima.min(by: { $0.value < $1.value }), best.value.isFinite else {
      throw FitError("no start of the search leads to a finite objective")
    }
    let agreeing = minima.count { $0.value <= best.value * (1 + 1e-6) }
    var problem = problem
    let final = Minimizer().minimize(&problem, from: best.search)
    var alternatives: [Minimizer.Minimum] = []
    for minimum in minima.sorted(by: { $0.value < $1.value }) where alternatives.count < 4 {
      guard minimum.value <= final.value * 1.01 else { break }
      let last = alternatives.last ?? final
      guard minimum.value > last.value * (1 + 1e-6) else { continue }
      let polished = Minimizer().minimize(&problem, from: minimum.search)
      if polished.value > last.value * (1 + 1e-6) { alternatives.append(polished) }
    }
    return Result(
      best: final.value <= best.value ? final : best, starts: starts.count, agreeing: agreeing,
      alternatives: alternatives)
  }
}
