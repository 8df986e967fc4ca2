import Foundation
import ScalingLaws
import Testing

struct BestMixtureTests {
  /// L = c + k·exp(Σ t·r) of three tasks; the last t is 0.
  private static let laws: [[Double]] = [[0.3, 2, -3, 0.5], [0.5, 1, 0.4, -4], [0.2, 0.8, 1.5, 1]]
  private static let target = [0.5, 0.3, 0.2]

  private static func losses(_ mixture: [Double]) -> [Double] {
    laws.map { $0[0] + $0[1] * exp($0[2] * mixture[0] + $0[3] * mixture[1]) }
  }

  /// Two runs of each mixture on a triangular grid, with noise.
  private static func runs(noise: Double, seed: UInt64) -> [BestMixture.Run] {
    var generator = SeededGenerator(seed: seed)
    var runs: [BestMixture.Run] = []
    for a in 1...5 {
      for b in 1..<(7 - a) {
        let mixture = [Double(a) / 7, Double(b) / 7, Double(7 - a - b) / 7]
        for run in 0..<2 {
          runs.append(
            BestMixture.Run(
              mixture: mixture, losses: losses(mixture).map { $0 * exp(noise * generator.normal()) },
              cluster: "\(a) \(b) \(run)"))
        }
      }
    }
    return runs
  }

  private func best(noise: Double, seed: UInt64 = 1, bootstraps: Int = 200) throws -> BestMixture {
    try BestMixture(
      ["a", "b", "c"], runs: Self.runs(noise: noise, seed: seed), target: Self.target,
      objective: .chinchilla, convention: "", bootstraps: bootstraps, seed: seed)
  }

  /// The lowest target on a fine grid of the simplex.
  private static let lowest: (mixture: [Double], target: Double) = {
    var lowest = (mixture: [0.0], target: Double.infinity)
    for a in 0...400 {
      for b in 0...(400 - a) {
        let mixture = [Double(a) / 400, Double(b) / 400, Double(400 - a - b) / 400]
        let value = zip(target, losses(mixture)).reduce(0) { $0 + $1.0 * $1.1 }
        if value < lowest.target { lowest = (mixture, value) }
      }
    }
    return lowest
  }()

  @Test("The best weights of exact losses are those of a search over the simplex")
  func exactLosses() throws {
    let best = try best(noise: 1e-6, bootstraps: 0)
    for (weight, planted) in zip(best.weights, Self.lowest.mixture) {
      #expect(abs(weight.value - planted) < 0.004)
    }
    #expect(abs(best.target.value - Self.lowest.target) < 1e-4)
    #expect(abs(best.weights.reduce(0) { $0 + $1.value } - 1) < 1e-9)
    for (part, law) in zip(best.parts, Self.laws) {
      for (fitted, planted) in zip(part.fit.values, law) { #expect(abs(fitted - planted) < 0.01) }
    }
  }

  @Test("Intervals of the best weights and of a held-out run cover")
  func intervalsCover() throws {
    var (weights, runs) = (0, 0)
    for seed in 0..<40 as Range<UInt64> {
      let best = try best(noise: 0.01, seed: seed)
      let interval = try #require(best.weights[0].interval)
      weights += interval.contains(Self.lowest.mixture[0]) ? 1 : 0
      let mixture = [0.4, 0.4, 0.2]
      var generator = SeededGenerator(seed: 1000 + seed)
      let losses = Self.losses(mixture).map { $0 * exp(0.01 * generator.normal()) }
      let forecast = best.forecast(
        of: [("x", BestMixture.Run(mixture: mixture, losses: losses, cluster: nil))], seed: seed)
      runs += forecast.fractionInside == 1 ? 1 : 0
    }
    // Of 40, 38 are expected; 33 or fewer have a probability below .2 %.
    #expect(weights >= 34 && runs >= 34, "\(weights) and \(runs) of 40")
  }

  @Test("Too few mixtures are refused")
  func tooFew() {
    let runs = Array(Self.runs(noise: 0.01, seed: 1).prefix(6))
    #expect(throws: FitError.self) {
      try BestMixture(
        ["a", "b", "c"], runs: runs, target: Self.target, objective: .chinchilla, convention: "",
        bootstraps: 0,
        seed: 1)
    }
  }
}
