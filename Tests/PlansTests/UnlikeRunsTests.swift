import Analysis
import Files
import Foundation
import Plans
import TestSupport
import Testing

/// Fits of runs that differ in more than N, D, C and the seed.
@Suite struct UnlikeRunsTests {
  /// Returns the fits of synthetic results whose loss is higher by `factor`.
  private static func fits(
    _ rest: String, factor: (PlannedRun) -> Double = { _ in 1 }
  ) throws -> Fits {
    let plan = try plan(rest)
    let table = try ResultsTable(plan) { run in
      let loss =
        0.3 + 20 / Double(run.counts.total).squareRoot() + 40 * pow(Double(run.tokens), -0.4)
      return try plantedResult(of: run, loss: factor(run) * loss)
    }
    return Fits(of: table, requests: plan.experiment.fits, bootstraps: 0)
  }

  private static let swept = """
    grid: {width: [16, 24, 32, 48], tokens: [500k, 1M, 2M, 4M], learning_rate: [0.004, 0.008], seeds: 2}
    """

  @Test func runsThatTheLawMixesAreRefusedUnlessToldOtherwise() throws {
    let fits = try Self.fits(
      """
      \(Self.swept)
      fits:
        - {law: chinchilla, floor: entropy}
        - {law: power_c, floor: entropy}
        - {name: best, law: chinchilla, floor: entropy, across: [learning_rate]}
        - {name: best line, law: power_c, floor: entropy, across: learning_rate}
        - {name: one, law: chinchilla, floor: entropy, where: {learning_rate: 0.008}}
        - {name: all, law: chinchilla, floor: entropy, mix: true}

      """
    ) { run in
      // The best rate changes with the length.
      (run.configuration.training.learningRate == 0.004) == (run.tokens > 1_500_000) ? 1 : 1.1
    }
    for fit in fits.fits.prefix(2) {
      #expect(
        fit.refusal?.hasPrefix("the runs differ in learning_rate, which") == true,
        "\(fit.refusal ?? "fitted")")
    }
    let best = try #require(fits["best"])
    #expect(
      best.observations.count == 32 && best.selection == "all runs, the best of learning_rate")
    // The surface is met to the last digits, so the right rate was taken at each length.
    #expect((best.number("rms")?.value ?? 1) < 1e-6, "\(best.refusal ?? "")")
    #expect(
      fits["best line"]?.observations.allSatisfy { $0.loss < 10 } == true
        && fits["best line"]?.fit != nil)
    #expect(fits["one"]?.observations.count == 32 && fits["one"]?.fit != nil)
    #expect(
      fits["all"]?.observations.count == 64 && (fits["all"]?.number("rms")?.value ?? 0) > 0.01)
  }

  /// Rates that follow from the width, and a batch that follows from the length, are no mixture.
  @Test func settingsThatFollowFromSizeOrLengthAreNot() throws {
    let fits = try Self.fits(
      """
      model: {parametrisation: standard}
      grid:
        - {width: [16, 24, 32, 48], tokens: [500k, 1M], seeds: 2}
        - {width: [16, 24, 32, 48], tokens: [2M, 4M], batch: 1024, seeds: 2}
      fits: [{law: chinchilla, floor: entropy}]

      """)
    #expect(fits.fits[0].refusal == nil)
  }

  /// In a grid of budgets each run has a length of its own, and other settings do not follow from it.
  @Test func otherSettingsOfOneBudgetAreAMixture() throws {
    let fits = try Self.fits(
      """
      grid:
        - {flops: [2e10, 4e10, 8e10], width: [12, 16, 20, 24]}
        - {flops: [2e10, 4e10, 8e10], width: [12, 16, 20, 24], batch: 1024, warmup_steps: 50}
      fits: [isoflop, {name: best, law: chinchilla, floor: entropy, across: [batch, warmup]}]

      """)
    #expect(fits.fits[0].refusal?.hasPrefix("the runs differ in batch, which isoflop") == true)
    #expect(fits["best"]?.observations.count == 12, "\(fits["best"]?.refusal ?? "")")
  }

  @Test func impossibleChoicesAreNamedWithTheirLine() {
    let head = "title: t\ncorpus: village\ngrid: {width: [16, 32], tokens: [1M]}\nfits:\n"
    #expect(
      complaint("\(head)  - {law: chinchilla, across: [batch], mix: true}\n")
        == "e.yaml:5: `across` and `mix` exclude each other. Remove one of them.")
    #expect(
      complaint("\(head)  - {law: chinchilla, across: [rate]}\n")?.hasPrefix("e.yaml:5: `rate` ")
        == true)
  }

  /// The experiments of the package say what they mix.
  @Test func noExperimentOfThePackageMixesRunsUnknowingly() throws {
    let folder = "\(packageFolder)/experiments"
    for file in try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    where file.hasSuffix(".yaml") {
      for tier in Tier.allCases {
        let plan: Plan
        do {
          plan = try Plan(
            ExperimentFile(contentsOf: "\(folder)/\(file)", tier: tier),
            corpora: CorpusCache(allowing: [packageFolder, "/usr/share/perl"]))
        } catch let error as InputError
          where error.description.contains("there is no corpus `/usr/")
        {
          print("skipped \(file), whose text this machine does not have: \(error)")
          continue
        }
        let table = try ResultsTable(plan) { try plantedResult(of: $0) }
        for fit in Fits(of: table, requests: plan.experiment.fits, bootstraps: 0).fits {
          #expect(
            fit.refusal?.contains("differ in") != true, "\(file), \(tier): \(fit.refusal ?? "")")
        }
      }
    }
  }
}
