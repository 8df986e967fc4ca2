import Foundation
import ScalingLaws
import Testing

@Suite(.serialized) struct BendsTests {
  static func curve(_ law: NamedLaw, _ θ: [Double], noise: Double, seed: Int) -> [Observation] {
    var generator = SeededGenerator(seed: 7, stream: seed)
    return (0..<40).map { index in
      var place = Observation(tokens: 1e5 * pow(1.35, Double(index)), loss: 1)
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
    // The break is worth its parameters; beyond it, the unbent law misses.
    let evidence = try #require(bends.evidence.first)
    #expect(evidence.accepted && evidence.aiccGain > 10)
    let forecast = try #require(evidence.forecast)
    #expect(forecast.places == 10)
    #expect(forecast.errorWith < forecast.errorWithout)
    #expect(bends.verdict.contains("from slope 0.") && bends.verdict.contains("ΔAICc +"))
  }
}
