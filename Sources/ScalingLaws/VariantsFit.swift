import Foundation

/// A fit of `VariantsLaw` to the runs of several groups together, by least squares on log loss, with its bootstrap.
struct VariantsFit {
  let law: VariantsLaw
  let problem: Problem
  let minimum: Minimizer.Minimum
  let draws: [[Double]]
  let spread: Spread

  /// Fits the law.
  ///
  /// - Throws: `FitError` if the law cannot be fitted to the runs.
  init(
    _ chosen: MultiplierRuns, in variable: Variable, sharesExponents: Bool, floors: VariantsLaw.Floors,
    bootstraps: Int, seed: UInt64
  ) throws {
    let axes = chosen.axes(of: variable)
    let observations = chosen.runs.enumerated().flatMap { index, runs in
      runs.map { run in
        var run = run
        run.mixture = [Double(index)]
        run.cluster = run.cluster.map { "\(index) \($0)" }
        return run
      }
    }
    law = VariantsLaw(
      groups: chosen.runs.count, axes: axes,
      centres: axes.map { axis in mean(observations.compactMap { $0[axis].map { log($0) } }) },
      sharesExponents: sharesExponents, floors: floors)
    let table = try Table(observations, for: law)
    var problem = try Problem(law, on: table, minimizing: Objective(.leastSquares))
    minimum = try MultiStart.minimize(problem, from: MultiStart.starts(of: law, on: table)).best
    problem.evaluate(at: minimum.search)
    self.problem = problem
    let resampler = problem.resampler(seed: seed)
    let law = law
    draws = Bootstrap(samples: bootstraps, resampler: resampler).draws(of: problem, around: minimum).map {
      law.values(at: $0.search)
    }
    spread = Spread(of: resampler.method, clusters: table.clusterCount, parameters: problem.size)
  }

  /// The parameters at the minimum.
  var values: [Double] { law.values(at: minimum.search) }

  /// AICc.
  var aicc: Double {
    Selection.aicc(
      residualSum: minimum.value, observations: problem.workspace.table.count, parameters: problem.size)
  }
}

extension VariantsLaw {
  fileprivate func values(at search: [Double]) -> [Double] {
    zip(parameters, search).map { $0.domain.natural($1) }
  }
}
