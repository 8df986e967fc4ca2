import Foundation
import ScalingLaws
import Testing

@Suite(.serialized) struct BendsTests {
  static func curve(_ law: NamedLaw, _ θ: [Double], noise: Double, seed: Int, count: Int = 40)
    -> [Observation]
  {
    var generator = SeededGenerator(seed: 7, stream: seed)
    return (0..<count).map { index in
      var place = Observation(tokens: 1e5 * pow(1.35, 40 * Double(index) / Double(count)), loss: 1)
      place.loss = (law.law.loss(θ, at: place) ?? .nan) * exp(noise * generator.normal())
      return place
    }
  }

  @Test func unbentCurvesShowNoBend() throws {
    var (found, worthwhile) = (0, 0)
    for seed in 0..<200 {
      let floor = seed % 2 == 0
      let observations = Self.curve(
        .power(PowerLaw(in: .tokens, floor: floor ? .free : .zero)), [20, 0.2] + (floor ? [1.2] : []),
        noise: 0.01, seed: seed)
      let bends = try Bends(in: .tokens, of: observations, bootstraps: 0)
      if !bends.bends.isEmpty { found += 1 }
      if (bends.evidence.first?.aiccGain ?? 0) > 10 { worthwhile += 1 }
    }
    #expect(found <= 10)
    #expect(worthwhile <= 10)
  }

  @Test func plantedBendIsFound() throws {
    let bends = try Bends(
      in: .tokens,
      of: Self.curve(.broken(BrokenLaw(in: .tokens)), [20, 0.1, 0.3, 1e7, 0.3, 0.5], noise: 0.01, seed: 1))
    #expect(bends.bends.count == 1)
    #expect(bends.verdict.contains("bend at D"))
    let place = try #require(bends.bends.first?.place.interval)
    #expect(place.contains(1e7))
    // The break is supported by AICc, and the law without it predicts badly beyond the break.
    let evidence = try #require(bends.evidence.first)
    #expect(evidence.accepted && evidence.aiccGain > 10)
    let forecast = try #require(evidence.forecast)
    #expect(forecast.places == 10)
    #expect(forecast.errorWith < forecast.errorWithout)
    #expect(bends.verdict.contains("from slope 0.") && bends.verdict.contains("ΔAICc +"))
  }

  @Test("A simulation that stops at its limit of evaluations reports it, and still finds an obvious bend")
  func largeTablesStopAtTheLimit() throws {
    let bends = try Bends(
      in: .tokens,
      of: Self.curve(
        .broken(BrokenLaw(in: .tokens)), [20, 0.1, 0.3, 1e7, 0.3, 0.5], noise: 0.01, seed: 1, count: 300),
      maximumBreaks: 1, bootstraps: 0)
    let evidence = try #require(bends.evidence.first)
    #expect(evidence.gaveUp == true && evidence.simulations < 200 && evidence.accepted)
    #expect(bends.verdict.contains("stopped at the limit of evaluations"))
  }

  @Test("Observations within the noise of a known floor are left out, and the rest shows no bend")
  func nearTheFloor() throws {
    let law = NamedLaw.power(PowerLaw(in: .tokens, floor: .known(1.2)))
    // The last losses are .015 above the floor, less than the noise of 2 %.
    let observations = Self.curve(law, [60, 0.4], noise: 0.02, seed: 3, count: 60)
    let isPossible = { (runs: [Observation]) in runs.filter { $0.loss > 1.2 } }
    let near = try Bends(in: .tokens, of: isPossible(observations), floor: .known(1.2), bootstraps: 0)
    #expect(near.bends.isEmpty)
    // The law itself is three deviations above the floor up to this place.
    let end = pow(60 / (3 * 0.02 * 1.2 / (1 - 3 * 0.02)), 1 / 0.4)
    let beyond = isPossible(observations).count { ($0.tokens ?? 0) > end }
    let leftOut = try #require(near.leftOut)
    #expect(abs(leftOut - beyond) <= 4)
    #expect(near.fit.observations == isPossible(observations).count - leftOut)
    #expect(near.verdict.contains("\(leftOut) observations left out, within the noise of the floor"))

    let far = try Bends(
      in: .tokens, of: Self.curve(law, [60, 0.4], noise: 0.0001, seed: 3), floor: .known(1.2), bootstraps: 0)
    #expect(far.leftOut == nil && !far.verdict.contains("left out"))

    // Nearly all are within the noise.
    let few = observations.suffix(28).map { run in
      var run = run
      run.loss = max(run.loss, 1.2 + 1e-6)
      return run
    }
    let fault = #expect(throws: FitError.self) {
      try Bends(in: .tokens, of: few, floor: .known(1.2), bootstraps: 0)
    }
    #expect(fault?.description.contains("within it") == true, "\(fault.map(\.description) ?? "")")
  }
}
