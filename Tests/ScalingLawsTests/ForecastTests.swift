import Foundation
import ScalingLaws
import Testing

@Suite struct ForecastTests {
  static let θ = [400, 2000, 0.35, 0.37, 1.8]
  static let noise = 0.003

  /// Runs of a planted surface at some sizes and lengths, with noise on the whole loss.
  static func runs(_ sizes: [Double], _ tokens: [Double], seed: Int) -> [Observation] {
    var generator = SeededGenerator(seed: 11, stream: seed)
    return sizes.flatMap { n in
      tokens.map { d in
        var run = Observation(parameters: n, tokens: d, compute: 6 * n * d, loss: 1)
        run.loss = (ChinchillaLaw().loss(θ, at: run) ?? .nan) * exp(noise * generator.normal())
        return run
      }
    }
  }

  static let small = [1e7, 3e7, 1e8, 3e8]
  static let lengths = [1e9, 3e9, 1e10, 3e10]

  static func fit(seed: Int, bootstraps: Int = 100) throws -> LawFit {
    try Fitter(.chinchilla(ChinchillaLaw()), minimizing: Objective(.leastSquares), bootstraps: bootstraps)
      .fit(runs(small, lengths, seed: seed))
  }

  /// 95 % intervals must contain about 95 % of single new runs with ten times the compute of the fitted ones.
  @Test func intervalsHoldAsManyRunsAsTheySay() throws {
    var (inside, all) = (0, 0)
    for seed in 0..<40 {
      let held = Self.runs([1e9], [3e10, 1e11], seed: 1000 + seed)
      let forecast = try Forecast(
        by: Self.fit(seed: seed), of: held.enumerated().map { ("run \($0)", $1) },
        largestCompute: 6 * 3e8 * 3e10)
      #expect(forecast.places.allSatisfy { ($0.computeFactor ?? 0) > 3 })
      inside += forecast.found.count { $0.isInside == true }
      all += forecast.found.count
    }
    #expect(all == 80)
    #expect(inside >= 70, "\(inside) of \(all)")
  }

  @Test func anIntervalIsNotMadeWideByAnything() throws {
    let held = Self.runs([1e9], [3e10], seed: 1)[0]
    let forecast = try Forecast(
      by: Self.fit(seed: 1, bootstraps: 400), of: [("a", held)], largestCompute: nil)
    let interval = try #require(forecast.places.first?.interval)
    // A single run scatters by .3 %; the law adds to it, but not tenfold.
    let width = log(interval.high / interval.low)
    #expect(width > 3.9 * 0.002 && width < 0.06, "\(width)")
  }

  @Test func runsThatDifferInTheirSeedsArePredictedOnce() throws {
    let held = Self.runs([1e9], [3e10], seed: 1)[0]
    var (untrained, wrong) = (held, held)
    untrained.loss = .nan
    wrong.loss *= 1.5
    let fit = try Self.fit(seed: 1)
    let forecast = try Forecast(
      by: fit, of: [("a", held), ("b", untrained), ("c", wrong)], largestCompute: 6 * 3e8 * 3e10)
    #expect(forecast.places.count == 1)
    #expect(forecast.places[0].runs.map(\.isInside) == [true, nil, false])
    let error = try #require(forecast.largestError)
    #expect(abs(error - (1 - 1 / 1.5)) < 0.02)
    #expect(forecast.fractionInside == 0.5)
    let factor = try #require(forecast.smallestFactor)
    #expect(abs(factor - 1e9 / 3e8) < 1e-9)
    // When the run is trained, only its result changes.
    let before = try Forecast(by: fit, of: [("b", untrained)], largestCompute: nil)
    #expect(before.largestError == nil && before.fractionInside == nil)
    #expect(before.places[0].interval == forecast.places[0].interval)
    #expect(throws: FitError.self) { try Forecast(by: fit, of: [], largestCompute: nil) }
  }
}
