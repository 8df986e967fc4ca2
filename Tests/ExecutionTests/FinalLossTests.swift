import Execution
import Foundation
import Plans
import RandomNumbers
import ScalingLaws
import TestSupport
import Testing

/// What final losses are predicted from learning curves, and which runs are far off.
@Suite struct FinalLossTests {
  private let entropy = 0.3

  /// A loss whose curves collapse: .3 + 20·N^−.3·D^−.2·g(x) with a cooldown at the end, times a run's own factors.
  private func loss(_ run: PlannedRun, _ tokens: Int, _ factors: (all: Double, end: Double)) -> Double {
    let (n, d, x) = (Double(run.counts.total), Double(run.tokens), Double(tokens) / Double(run.tokens))
    let curve = pow(x, -0.5) * (x > 0.8 ? 1 - (x - 0.8) : 1)
    return entropy + 20 * pow(n, -0.3) * pow(d, -0.2) * curve * factors.all * (x == 1 ? factors.end : 1)
  }

  @Test("95 % intervals of final losses hold in most of many grids, and are as narrow as the runs are alike")
  func intervals() throws {
    let plan = try plan("grid: {width: [8, 16, 32], tokens: [256k, 512k, 1M]}\n")
    var random = SplitMix64(seed: 3)
    var (inside, all, width) = (0, 0, 0.0)
    for _ in 0..<30 {
      let own = plan.runs.map { _ in exp(0.05 * random.normal()) }
      let open = Int(random.next() % UInt64(plan.runs.count))
      let ends = Dictionary(uniqueKeysWithValues: zip(plan.runs.map(\.configuration.identifier), own))
      let run = plan.runs[open]
      let planted = try PlantedStore(
        plan, entropy: entropy, share: { $0.configuration == run.configuration ? 0.5 : 1 },
        loss: { loss($0, $1, (1, ends[$0.configuration.identifier] ?? 1)) })
      let found = try #require(
        try LossForecaster(planted.runs, in: planted.store).finalLoss(of: planted.runs[open]))
      let truth = loss(run, run.tokens, (1, own[open]))
      #expect(found.basis == 8 && found.low < found.estimate && found.estimate < found.high)
      #expect(found.tokens == run.tokens / 2 && found.now == loss(run, run.tokens / 2, (1, 1)))
      all += 1
      inside += found.low...found.high ~= truth ? 1 : 0
      width += log((found.high - entropy) / (found.low - entropy))
    }
    // The replay of finished runs predicts the same.
    let finished = try PlantedStore(plan, entropy: entropy, share: { _ in 1 }, loss: { loss($0, $1, (1, 1)) })
    let replays = try LossForecaster(finished.runs, in: finished.store).replays(at: 0.5)
    #expect(replays.count == plan.runs.count && replays.allSatisfy { abs($0.error) < 0.02 }, "\(replays)")
    // 2 · t(7) · .05 · √(1 + 1/8) = .25.
    #expect(inside >= all - 5, "\(inside) of \(all)")
    #expect((0.2...0.3).contains(width / Double(all)), "\(width / Double(all))")
  }

  @Test("Without three finished runs of its text there is no estimate")
  func tooFew() throws {
    let plan = try plan("grid: {width: [8, 16, 32], tokens: [256k]}\n")
    let planted = try PlantedStore(
      plan, entropy: entropy, share: { $0.configuration.model.width == 32 ? 0.5 : 1 },
      loss: { loss($0, $1, (1, 1)) })
    #expect(try LossForecaster(planted.runs, in: planted.store).finalLoss(of: planted.runs[2]) == nil)
  }

  @Test(
    "A run that is far from its neighbours' law is named, finished or not, and no other", arguments: [1, 0.6])
  func farOff(_ share: Double) throws {
    let plan = try plan("grid: {width: [8, 12, 16, 24, 32], tokens: [256k, 512k, 1M], seeds: 2}\n")
    var random = SplitMix64(seed: 5)
    let own = Dictionary(
      uniqueKeysWithValues: plan.runs.map { ($0.configuration.identifier, exp(0.01 * random.normal())) })
    let bad = plan.runs[11].configuration
    let planted = try PlantedStore(
      plan, entropy: entropy, share: { $0.configuration == bad ? share : 1 },
      loss: { run, tokens in
        let factor = (own[run.configuration.identifier] ?? 1) * (run.configuration == bad ? 1.4 : 1)
        return loss(run, tokens, (factor, 1))
      })
    let forecaster = LossForecaster(planted.runs, in: planted.store)
    let found = try planted.runs.compactMap(forecaster.farOff)
    #expect(found.map(\.label) == [planted.runs[11].label], "\(found)")
    let one = try #require(found.first)
    #expect(one.loss > one.expected && one.neighbours == 12)
    #expect(one.text.contains("is far above"))
  }

  @Test("The law of the neighbours is exact on a plane, and refuses what they do not determine")
  func plane() throws {
    let law = { (n: Double, d: Double) in 3 * pow(n, -0.4) * pow(d, -0.3) }
    var observations: [(variables: [Double], loss: Double)] = []
    for n in [1.0, 2, 4, 8] {
      for d in [1.0, 3, 9] { observations.append((variables: [n, d], loss: law(n, d))) }
    }
    let fit = try #require(LocalPowerLaw(observations, at: [3, 20]))
    #expect(abs(fit.logLoss - log(law(3, 20))) < 1e-10 && fit.deviation < 1e-10)
    let oneSize = observations.filter { $0.variables[0] == 2 } + observations.filter { $0.variables[0] == 2 }
    #expect(LocalPowerLaw(oneSize, at: [3, 20]) == nil && LocalPowerLaw(oneSize, at: [2, 20]) != nil)
    #expect(LocalPowerLaw(Array(observations.prefix(6)), at: [3, 20]) == nil)
  }
}
