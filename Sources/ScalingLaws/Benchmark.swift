import Foundation

/// The speed of the fitter on 240 synthetic points of a Chinchilla surface like those of Besiroglu et al. 2024.
public struct Benchmark: Sendable, Codable {
  /// The number of observations.
  public let observations: Int
  /// The number of bootstrap samples.
  public let bootstraps: Int
  /// The wall-clock time of the bootstrap, with a complete fit for each sample.
  public let bootstrapSeconds: Double
  /// The number of starts of the search.
  public let starts: Int
  /// The wall-clock time of the search from all starts of Hoffmann's and Besiroglu's grid.
  public let multiStartSeconds: Double
  /// The number of starts that converged to the best minimum.
  public let startsAgreeing: Int
  /// The number of processor cores in use.
  public let cores: Int

  /// Measures both on synthetic observations; takes a second or two.
  public static func run() throws -> Benchmark {
    try run(on: planted())
  }

  /// Measures both on given observations.
  public static func run(on observations: [Observation]) throws -> Benchmark {
    let law = ChinchillaLaw()
    let table = try Table(observations, for: law)
    var problem = try Problem(law, on: table, minimizing: .chinchilla)
    let best = try MultiStart.minimize(problem, from: MultiStart.starts(of: law, on: table)).best
    problem.evaluate(at: best.search)
    let samples = 4000
    let clock = ContinuousClock()
    let bootstrapTime = clock.measure {
      _ = Bootstrap(samples: samples, resampler: problem.resampler(seed: 1)).draws(of: problem, around: best)
    }
    var agreeing = 0
    let searchTime = try clock.measure {
      agreeing = try MultiStart.minimize(problem, from: grid(law, table), mostWork: .max).agreeing
    }
    return Benchmark(
      observations: table.count, bootstraps: samples, bootstrapSeconds: bootstrapTime / .seconds(1),
      starts: 4500, multiStartSeconds: searchTime / .seconds(1), startsAgreeing: agreeing,
      cores: ProcessInfo.processInfo.activeProcessorCount)
  }

  /// Returns starts at 75 by 60 exponents α and β between 0.02 and 3. `VariableProjection` gives A, B and E at each.
  private static func grid(_ law: ChinchillaLaw, _ table: Table) -> [[Double]] {
    let spread = { (count: Int, index: Int) in 0.02 * pow(150, Double(index) / Double(count - 1)) }
    let exponents = (0..<4500).map { (spread(75, $0 / 60), spread(60, $0 % 60)) }
    return parallelMap(exponents.count) { index in
      let start = [1, 1, exponents[index].0, exponents[index].1, 1]
      return zip(law.parameters, VariableProjection.solve(law, start, on: table)).map { $0.domain.search($1) }
    }
  }

  private static func planted() -> [Observation] {
    let law = ChinchillaLaw()
    var generator = SeededGenerator(seed: 240)
    return (0..<240).map { index in
      let n = 5e7 * pow(300, Double(index % 16) / 15)
      let c = 6e18 * pow(500, Double(index / 16) / 14)
      var observation = Observation(parameters: n, tokens: c / (6 * n), compute: c, loss: 1)
      // Mostly small errors, some larger ones: a Laplace distribution.
      let error = 0.004 * log(generator.uniform() / generator.uniform())
      observation.loss = (law.loss([478, 2143, 0.3473, 0.3672, 1.817], at: observation) ?? .nan) * exp(error)
      return observation
    }
  }
}
