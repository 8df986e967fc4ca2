import Foundation

/// How fast the fitter is, on 240 points of a planted Chinchilla surface like those of Besiroglu et al. 2024.
public struct Benchmark: Sendable, Codable {
  public let observations: Int
  public let bootstraps: Int
  /// Wall-clock time of the bootstraps, each a fit of its own to full resampled data.
  public let bootstrapSeconds: Double
  public let starts: Int
  /// Wall-clock time of the search from all starts of Hoffmann's and Besiroglu's grid.
  public let multiStartSeconds: Double
  /// Starts that came to the best minimum.
  public let startsAgreeing: Int
  public let cores: Int

  /// Runs both; takes a second or two.
  public static func run() throws -> Benchmark {
    try run(on: planted(), starts: grid)
  }

  /// The same on given observations.
  public static func run(on observations: [Observation]) throws -> Benchmark {
    try run(on: observations, starts: grid)
  }

  private static func run(on observations: [Observation], starts: [[Double]]) throws -> Benchmark {
    let law = ChinchillaLaw()
    let table = try Table(observations, for: law)
    let problem = try Problem(law, on: table, minimizing: .chinchilla)
    let best = try MultiStart.minimize(problem, from: MultiStart.starts(of: law, on: table)).best
    let samples = 4000
    let clock = ContinuousClock()
    let bootstrapTime = clock.measure {
      _ = Bootstrap(samples: samples, seed: 1).draws(of: problem, around: best)
    }
    var agreeing = 0
    let searchTime = try clock.measure {
      agreeing = try MultiStart.minimize(problem, from: starts).agreeing
    }
    return Benchmark(
      observations: table.count, bootstraps: samples, bootstrapSeconds: bootstrapTime / .seconds(1),
      starts: starts.count, multiStartSeconds: searchTime / .seconds(1), startsAgreeing: agreeing,
      cores: ProcessInfo.processInfo.activeProcessorCount)
  }

  /// Besiroglu's grid of starts in search coordinates (log A, log B, α, β, log E); exponents of 0, where the
  /// terms are constants, begin at 0.01.
  private static var grid: [[Double]] {
    var starts: [[Double]] = []
    for e in [-1, -0.5, 0, 0.5, 1] {
      for a in [0.0, 5, 10, 15, 20, 25] {
        for b in [0.0, 5, 10, 15, 20, 25] {
          for α in [0.01, 0.5, 1, 1.5, 2] {
            for β in [0.01, 0.5, 1, 1.5, 2] { starts.append([a, b, log(α), log(β), e]) }
          }
        }
      }
    }
    return starts
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
