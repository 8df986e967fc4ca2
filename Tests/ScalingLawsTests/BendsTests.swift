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
}
