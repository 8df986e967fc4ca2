import Foundation
import ScalingLaws
import Testing

/// A synthetic model with a known critical batch: batch B needs Dmin + Smin·B tokens for a loss, with Dmin/Smin =
/// Bcrit. The learning rate B is the best for batch B.
struct CriticalBatchTests {
  private static let (coefficient, exponent) = (400.0, 1.6)
  /// Loss above the floor = (Dc/Dmin)^0.4.
  private static let (scale, slope) = (2e4, 0.4)

  /// The tokens that a batch needs for a loss: Dmin + Smin·B with Dmin/Smin = Bcrit.
  private static func tokens(loss: Double, batch: Double) -> Double {
    let least = scale * pow(loss, -1 / slope)
    return least * (1 + batch / (coefficient * pow(loss, -exponent)))
  }

  /// The loss that a batch reaches after some tokens.
  private static func loss(tokens: Double, batch: Double) -> Double {
    var (low, high) = (1e-4, 1e2)
    for _ in 0..<80 {
      let middle = (low * high).squareRoot()
      if Self.tokens(loss: middle, batch: batch) > tokens { low = middle } else { high = middle }
    }
    return low
  }

  private static func runs(noise: Double, seeds: Int, floor: Double, seed: UInt64 = 5) -> [Observation] {
    var generator = SeededGenerator(seed: seed)
    var runs: [Observation] = []
    for batch in [128.0, 256, 512, 1024, 2048, 4096, 8192] {
      for (rate, penalty) in [(0.5, 0.06), (1, 0), (2, 0.08)] {
        for seed in 0..<seeds {
          // The effect of the seed is the same along a training.
          let common = 1 + penalty + noise * generator.normal()
          for tokens in [125e3, 250e3, 500e3, 1e6, 2e6, 4e6, 8e6] {
            let value = loss(tokens: tokens, batch: batch) * common * (1 + 0.3 * noise * generator.normal())
            var run = Observation(
              parameters: 3e4, tokens: tokens, steps: tokens / batch, loss: floor + value,
              cluster: "\(batch) \(rate) \(seed)")
            (run.batch, run.learningRate) = (batch, rate * batch)
            runs.append(run)
          }
        }
      }
    }
    return runs
  }

  /// Bcrit ∝ L^−exponent and Dmin ∝ L^(−1/slope).
  private static let growth = exponent * slope

  @Test func theNumbersOfAPlantedModelComeBack() throws {
    let analysis = try CriticalBatchAnalysis(
      Self.runs(noise: 0, seeds: 1, floor: 1), above: 1, bootstraps: 0)
    #expect(analysis.targets.count == 6 && analysis.targets.allSatisfy { $0.batches.count >= 4 })
    // The only error is that of interpolating a curve by straight pieces.
    #expect(abs(analysis.exponent.value - Self.exponent) < 0.05, "\(analysis.exponent.value)")
    #expect(abs(analysis.growth.value - Self.growth) < 0.02, "\(analysis.growth.value)")
    for target in analysis.targets {
      let planted = Self.coefficient * pow(target.tradeoff.loss, -Self.exponent)
      #expect(abs(target.tradeoff.criticalBatch / planted - 1) < 0.05)
      #expect(
        abs(target.tradeoff.minimumTokens / Self.tokens(loss: target.tradeoff.loss, batch: 0) - 1) < 0.03)
    }
  }

  @Test func withNoiseTheIntervalsHoldThem() throws {
    var held = 0
    for seed in 1...10 {
      let analysis = try CriticalBatchAnalysis(
        Self.runs(noise: 0.01, seeds: 3, floor: 1, seed: UInt64(seed)), above: 1, bootstraps: 200)
      let exponent = try #require(analysis.exponent.interval)
      let growth = try #require(analysis.growth.interval)
      held += exponent.contains(Self.exponent) ? 1 : 0
      held += growth.contains(Self.growth) ? 1 : 0
      #expect(exponent.low > 0.5 && exponent.high < 3, "\(exponent)")
      #expect(analysis.targets.allSatisfy { $0.interval?.contains($0.tradeoff.criticalBatch) == true })
    }
    #expect(held >= 16, "\(held) of 20 intervals")
  }

  @Test func aWorseRateDoesNotCountAndAFloorDoes() throws {
    let runs = Self.runs(noise: 0.003, seeds: 2, floor: 1)
    let best = runs.filter { $0.learningRate == $0.batch }
    let (all, alone) = (
      try CriticalBatchAnalysis(runs, above: 1, bootstraps: 0),
      try CriticalBatchAnalysis(best, above: 1, bootstraps: 0)
    )
    #expect(all.exponent.value == alone.exponent.value)
    #expect(
      try CriticalBatchAnalysis(runs, above: 0, bootstraps: 0).exponent.value > 1.5 * all.exponent.value)
  }

  @Test func whatCannotBeMeasuredIsRefused() {
    let runs = Self.runs(noise: 0, seeds: 1, floor: 1)
    func refusal(_ runs: [Observation]) -> String? {
      do {
        _ = try CriticalBatchAnalysis(runs, above: 1, bootstraps: 0)
        return nil
      } catch { return "\(error)" }
    }
    #expect(refusal(runs.filter { ($0.batch ?? 0) < 600 })?.contains("there are 3") == true)
    #expect(refusal(runs.filter { $0.tokens == 1e6 })?.contains("there are 0") == true)
    var sizes = runs
    sizes[0].parameters = 1
    #expect(refusal(sizes)?.contains("one model") == true)
    // Losses that do not depend on the batch at all in tokens: every batch is below the critical one.
    let flat = runs.map { run in
      var run = run
      run.loss = 1 + Self.loss(tokens: run.tokens ?? 0, batch: 1e-6)
      return run
    }
    #expect(refusal(flat)?.contains("bracket") == true)
  }
}
