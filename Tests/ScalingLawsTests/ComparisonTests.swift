import Foundation
import ScalingLaws
import Testing

@Suite struct ComparisonTests {
  /// Returns a curve with an exponent, in which runs of one trunk have a common error.
  static func fit(_ exponent: Double, seed: Int, shared: Int? = nil) throws -> Estimate {
    var own = SeededGenerator(seed: 3, stream: seed)
    var common = SeededGenerator(seed: 4, stream: shared ?? 1000 + seed)
    let runs = (0..<12).flatMap { trunk -> [Observation] in
      let offset = 0.02 * common.normal()
      return (0..<2).map { index in
        let x = 1e5 * pow(1.6, Double(trunk)) * Double(1 + index)
        let loss = 30 * pow(x, -exponent) * exp(offset + 0.002 * own.normal())
        return Observation(tokens: x, loss: loss, cluster: "\(trunk)")
      }
    }
    let law = NamedLaw.power(PowerLaw(in: .tokens, floor: .zero))
    let fit = try Fitter(law, minimizing: Objective(.leastSquares), bootstraps: 400).fit(runs)
    return try #require(fit["α"])
  }

  @Test func aDifferenceIsFoundWhereThereIsOne() throws {
    let estimates = try [0.2, 0.3, 0.4].enumerated().map { try Self.fit($1, seed: $0) }
    let comparison = try Comparison(
      estimates, designs: ["a", "b", "c"], at: [1, 2, 3], trend: .rising)
    #expect(comparison.ordered == 1)
    let last = try #require(comparison.fromFirst.last?.interval)
    #expect(last.contains(0.2) && last.low > 0.1)
    let slope = try #require(comparison.slope?.interval)
    #expect(slope.contains(0.1) && slope.low > 0.05)
    #expect(comparison.fromPrevious.count == 2 && !comparison.isPaired)
    let falling = try Comparison(estimates, designs: ["a", "b", "c"], trend: .falling)
    #expect(falling.ordered == 0 && falling.slope == nil)
  }

  @Test func equalExponentsDoNotDiffer() throws {
    var contained = 0
    for seed in 0..<20 {
      let estimates = [try Self.fit(0.3, seed: 2 * seed), try Self.fit(0.3, seed: 2 * seed + 1)]
      let comparison = try Comparison(estimates, designs: ["a", "b"], trend: .rising)
      if try #require(comparison.fromFirst[0].interval).contains(0) { contained += 1 }
    }
    #expect(contained >= 17, "\(contained) of 20")
  }

  /// Errors that the runs of two fits have in common cancel if the draws are paired.
  @Test func pairedDrawsAreSharper() throws {
    let estimates = [try Self.fit(0.30, seed: 1, shared: 1), try Self.fit(0.31, seed: 2, shared: 1)]
    let paired = try Comparison(estimates, designs: ["a", "a"])
    let unpaired = try Comparison(estimates, designs: ["a", "b"])
    let (sharp, blunt) = (
      try #require(paired.fromFirst[0].standardError), try #require(unpaired.fromFirst[0].standardError)
    )
    #expect(paired.isPaired && !unpaired.isPaired)
    #expect(sharp < 0.4 * blunt, "\(sharp) \(blunt)")
    #expect(try #require(paired.fromFirst[0].interval).contains(0.01))
  }

  @Test func oneFitIsNoComparison() throws {
    let estimate = try Self.fit(0.3, seed: 0)
    #expect(throws: FitError.self) { try Comparison([estimate], designs: ["a"]) }
  }
}
