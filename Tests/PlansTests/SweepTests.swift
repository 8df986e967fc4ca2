import Analysis
import Files
import Foundation
import Plans
import TestSupport
import Testing

/// Tests of the effects of settings on the loss.
@Suite struct SweepTests {
  private static let grid = """
    grid:
      - {width: [16, 32], learning_rate: [0.004, 0.008, 0.016], tokens: [500k, 1M], seeds: 2}
      - {parametrisation: standard, width: 64, learning_rate: [0.004, 0.012], tokens: 1M}
      - {batch: 512, width: 16, tokens: 1M}
    sweeps: [learning_rate, batch]

    """

  /// Planted: the loss is 1 at the best rate, and rises by 2 % for each doubling away from `best`.
  private func fits(best: Double, _ rest: String = "") throws -> (Fits, Plan, ResultsTable) {
    let plan = try plan(Self.grid + rest)
    let table = try ResultsTable(plan) { run in
      let doublings = abs(log2(run.configuration.training.learningRate / best))
      let wobble = run.configuration.seed == 0 ? 0.999 : 1.001
      return try plantedResult(of: run, loss: (1 + 0.02 * doublings) * wobble)
    }
    let fits = Fits(
      of: table, requests: plan.experiment.fits ?? [], sweeps: plan.experiment.sweeps, bootstraps: 5)
    return (fits, plan, table)
  }

  @Test func theExcessOfTheProgramsOwnChoiceIsFound() throws {
    let (right, _, _) = try fits(best: 0.008)
    let rates = try #require(right.sweeps.first)
    // Two widths at two lengths, and the standard parametrisation, whose own rate at width 64 is .004.
    #expect(rates.cells.count == 5)
    #expect(rates.cells[0].trials.map(\.seeds) == [2, 2, 2])
    #expect(rates.cells[0].trials.map(\.isUsual) == [false, true, false])
    #expect(rates.cells[0].trials.map(\.multiple) == [0.5, 1, 2])
    #expect(rates.cells.prefix(4).allSatisfy { abs($0.excess ?? .nan) < 1e-9 })
    let standard = try #require(rates.cells.last)
    #expect(standard.trials.map(\.isUsual) == [true, false] && standard.kind == "standard")
    // A default that is wrong by a factor of two costs the planted 2 %.
    let (wrong, plan, table) = try fits(
      best: 0.016, "expect:\n  - {sweep: learning_rate, parameter: excess, between: [0, 0.01]}\n")
    #expect(abs((wrong.sweeps[0].cells[0].excess ?? .nan) - 0.02) < 1e-9)
    let verdicts = plan.experiment.check(fits: wrong, results: table)
    #expect(verdicts.map(\.passed) == [false])
    #expect(verdicts[0].subject == "learning_rate excess")
  }

  /// Runs that differ in the learning rate are not noise, and a fixed batch differs from a ramp.
  @Test func cellsAreEqualInEverythingElse() throws {
    let (fits, _, _) = try fits(best: 0.008)
    #expect(fits.noise.isEmpty)
    let batches = try #require(fits.sweeps.last)
    #expect(batches.cells.count == 1)
    #expect(batches.cells[0].trials.map(\.value) == ["512; 1024 from 1000000; 2048 from 2000000", "512"])
    #expect(batches.cells[0].trials[0].multiple == nil)
  }

  /// A dense model has no balance or z-loss, so these do not distinguish moe models from it.
  @Test func denseAndMixedCellsAreNamedByWhatTheyHave() throws {
    let plan = try plan(
      """
      model: {width: 16}
      grid:
        - {experts: 1, learning_rate: [0.004, 0.008], tokens: 500k}
        - {experts: 4, balance: [bias, none], learning_rate: [0.004, 0.008], tokens: 500k}
      sweeps: [learning_rate]

      """)
    let table = try ResultsTable(plan) { try plantedResult(of: $0) }
    let fits = Fits(of: table, requests: [], sweeps: plan.experiment.sweeps, bootstraps: 5)
    let names = fits.sweeps[0].cells.map { [$0.kind, $0.label] }
    #expect(
      names == [
        ["", "experts 1, 500k tokens"], ["balance bias", "experts 4, 500k tokens"],
        ["balance none", "experts 4, 500k tokens"],
      ])
  }

  @Test("Means over seeds and curves do not mix runs of different settings")
  func settingsAreNotMixed() throws {
    let plan = try plan(
      """
      grid: {width: [8, 16, 24, 32, 40, 48], beta2: [0.95, 0.99], tokens: 1M, seeds: 2}
      fits:
        - {law: power_c, floor: zero, across: [beta2]}
        - {law: power_n, floor: zero}
        - {name: one, law: power_n, floor: zero, where: {beta2: 0.95}}

      """)
    let table = try ResultsTable(plan) { run in
      let size = Double(run.counts.total)
      let factor = run.configuration.training.beta2 == 0.95 ? 1.0 : 1.2
      return try plantedResult(of: run, loss: factor * pow(size, -0.1))
    }
    let fits = Fits(of: table, requests: plan.experiment.fits ?? [], bootstraps: 0)
    // The frontier is that of one value, not of means over both.
    let frontier = fits.fits[0].observations
    #expect(frontier.count == 6)
    for run in frontier {
      #expect(abs(run.loss / pow(run.parameters ?? .nan, -0.1) - 1) < 1e-9)
    }
    #expect(fits.fits[1].refusal?.hasPrefix("the runs differ in beta2, which power_n") == true)
    #expect(fits.fits[0].refusal == nil && fits.fits[2].refusal == nil)
  }

  @Test func theNoiseOfSeedsIsTheirDeviation() throws {
    let plan = try plan("grid: {width: [16, 32], tokens: 1M, seeds: 4}\nsweeps: [warmup]\nfits: []\n")
    let table = try ResultsTable(plan) {
      try plantedResult(of: $0, loss: 1 + 0.01 * Double($0.configuration.seed))
    }
    let fits = Fits(of: table, requests: [], sweeps: plan.experiment.sweeps)
    #expect(fits.noise.map(\.seeds) == [4, 4])
    #expect(fits.sweeps[0].cells.isEmpty && fits.sweeps[0].excess == nil)
    // 1, 1.01, 1.02, 1.03: variance 5·10⁻⁴/3.
    #expect(abs(fits.noise[0].deviation - (5e-4 / 3).squareRoot() / 1.015) < 1e-9)
  }
}

/// Tests of grids that use the runs of another experiment.
@Suite struct BorrowedGridTests {
  @Test func aGridMayBeAnothersRuns() throws {
    let folder = try TemporaryFolder()
    let text = "title: t\ncorpus: {source: \(packageFolder)/corpora/village.yaml, validation_tokens: 4096}\n"
    _ = try folder.write(
      text + "grid: {width: [16, 32], tokens: 1M}\nminutes: {grid: {width: 16, tokens: 500k}}\n",
      to: "one.yaml")
    let other = try folder.write(
      text + "grid: [one, {width: 24, tokens: 1M}]\nminutes: {grid: one}\n", to: "other.yaml")
    let plan = try Plan(ExperimentFile(contentsOf: other), corpora: CorpusCache(allowing: [packageFolder]))
    #expect(plan.runs.map { $0.configuration.model.width } == [16, 32, 24])
    let reduced = try Plan(
      ExperimentFile(contentsOf: other, tier: .minutes), corpora: CorpusCache(allowing: [packageFolder]))
    #expect(reduced.runs.map(\.configuration.training.tokens) == [500_000])
    let missing = try folder.write("title: t\ngrid: ones\n", to: "missing.yaml")
    let error = #expect(throws: InputError.self) { try ExperimentFile(contentsOf: missing) }
    #expect(error?.line == 2 && error?.description.contains("no experiment `ones`") == true)
    let third = try folder.write("title: t\ngrid: other\n", to: "third.yaml")
    let chain = #expect(throws: InputError.self) { try ExperimentFile(contentsOf: third) }
    #expect(chain?.description.contains("borrows its own grid") == true)
  }
}
