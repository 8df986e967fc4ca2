import Analysis
import Files
import Foundation
import Plans
import TestSupport
import Testing

/// Tests of additional analyses of fits.
@Suite struct AnalysesTests {
  static let grid = """
    grid: {width: [16, 24, 32, 48, 64], tokens: [250k, 500k, 1M, 2M, 4M], seeds: 2}
    """

  /// Returns the fits of synthetic results. Runs are missing if `isTrained` returns false.
  static func fits(
    _ plan: Plan, bootstraps: Int = 100, isTrained: (PlannedRun) -> Bool = { _ in true }
  ) throws -> (Fits, ResultsTable) {
    let table = try ResultsTable(plan) { isTrained($0) ? try plantedResult(of: $0) : nil }
    let fits = Fits(
      of: table, requests: plan.experiment.fits, comparisons: plan.experiment.comparisons,
      bootstraps: bootstraps)
    return (fits, table)
  }

  @Test func conditionsMayCompare() throws {
    let plan = try plan(
      """
      \(Self.grid)
      fits:
        - {name: long, law: chinchilla, where: {d_tokens: ">= 1M", seed: "!= 1"}}
        - {name: middle, law: chinchilla, where: {d_tokens: ["> 300k", "< 3M"], width: [16, 24, 32, 48]}}
      """)
    let (fits, _) = try Self.fits(plan, bootstraps: 10)
    #expect(fits["long"]?.observations.count == 15)
    #expect(fits["long"]?.selection == "d_tokens >= 1M, seed != 1")
    #expect(fits["middle"]?.observations.count == 24)
  }

  @Test func lawsMayBeEquationsOfColumns() throws {
    let plan = try plan(
      """
      \(Self.grid)
      fits:
        - {law: chinchilla, objective: least_squares}
        - name: equation
          law: L = E + A*N^-alpha + B*d_tokens^-beta + G*seed
          objective: least_squares
          start: {alpha: [0.2, 0.5], beta: 0.1..1}
          positive: [A, B]
          hold: {G: 0}
          also: selection
          forecast: {width: 64, d_tokens: ">= 4M"}
        - {name: above, law: L = A*N^-alpha + B*D^-beta, floor: entropy}
      expect:
        - {fit: equation, parameter: alpha, between: [0, 2]}
        - {fit: equation, parameter: forecast_error, between: [0, 0.05]}
      """)
    let (fits, table) = try Self.fits(plan, bootstraps: 10)
    #expect(fits["chinchilla"]?.refusal == nil && fits["above"]?.fit?.knownFloor ?? 0 > 0)
    let equation = try #require(fits["equation"]?.fit)
    #expect(equation.held == ["G"] && equation.ranges.map(\.variable.symbol) == ["N", "d_tokens", "seed"])
    let verdicts = plan.experiment.check(fits: fits, results: table)
    #expect(verdicts.map(\.passed) == [true, true], "\(verdicts)")
    let rivals = try #require(fits["equation"]?.rivals).candidates.map(\.fit.equation)
    #expect(rivals.count == 2, "\(rivals)")
    let stored = try Fits(fits.json(), path: "fits.json")
    #expect(try stored.json() == fits.json())
  }

  @Test func heldOutRunsAreTrainedLastAndPredictedBefore() throws {
    let plan = try plan(
      """
      \(Self.grid)
      fits:
        - {law: chinchilla, objective: least_squares, forecast: {width: 64, d_tokens: ">= 2M"}}
        - {law: power_c, forecast: {width: 64, d_tokens: ">= 2M"}}
        - {name: along, law: power_n, forecast: {width: ">= 64"}}
      expect:
        - {fit: chinchilla, parameter: forecast_error, between: [0, 0.02]}
        - {fit: chinchilla, parameter: forecast_inside, between: [0.75, 1]}
        - {fit: chinchilla, parameter: forecast_factor, between: [0.5, 2]}
        - {fit: power_c, parameter: forecast_error, between: [0.5, 2]}
      """)
    let stages = plan.stages
    #expect(stages.map(\.runs.count) == [40, 10])
    #expect(stages[1].runs.allSatisfy { $0.configuration.model.width == 64 })
    let first = Set(stages[0].runs.map(\.configuration.identifier))
    let (before, untrained) = try Self.fits(plan) { first.contains($0.configuration.identifier) }
    let (after, table) = try Self.fits(plan)
    let (predicted, found) = (
      try #require(before["chinchilla"]?.forecast), try #require(after["chinchilla"]?.forecast)
    )
    #expect(predicted.places.count == 2 && found.places.count == 2)
    #expect(predicted.found.isEmpty && found.found.count == 4)
    #expect(found.places.allSatisfy { $0.runs.count == 2 })
    // Runs of width 64 that only another fit holds out are part of this fit after they are trained.
    #expect(before["chinchilla"]?.observations.count == 40)
    #expect(after["chinchilla"]?.observations.count == 46)
    // A frontier predicts runs as if they were on it, and a law in N predicts only runs with its own D.
    #expect(after["along"]?.forecast?.places.count == 1)
    #expect(before["along"]?.forecast?.places.first?.loss == after["along"]?.forecast?.places.first?.loss)
    let verdicts = plan.experiment.check(fits: after, results: table)
    #expect(verdicts.map(\.passed) == [true, true, true, false], "\(verdicts)")
    let early = plan.experiment.check(fits: before, results: untrained)
    #expect(early.map(\.passed) == [false, false, true, false])
    #expect(Set(before.forecasts.keys) == ["chinchilla", "power_c", "along"])
    // The results are preserved in the file.
    let folder = try TemporaryFolder()
    try after.write(to: "\(folder.path)/fits.json")
    let again = try Fits(contentsOf: "\(folder.path)/fits.json")
    #expect(again["chinchilla"]?.forecast?.largestError == found.largestError)
    let undivided = try TestSupport.plan("\(Self.grid)\nfits: [chinchilla]")
    #expect(undivided.stages.count == 1)
  }

  @Test func fitsAreComparedSideBySide() throws {
    let plan = try plan(
      """
      \(Self.grid)
      fits:
        - {name: in n, law: power_n, floor: entropy}
        - {name: in d, law: power_d, floor: entropy}
        - {name: facts, law: power_d, floor: entropy, loss: loss_facts}
      compare:
        - {name: all, parameter: alpha, fits: [in d, in n], at: [1, 2], axis: place, theory: [0.4, 0.5], trend: rising}
        - {name: tasks, parameter: alpha, fits: [in d, facts]}
      expect:
        - {compare: all, parameter: difference, between: [-1, 1]}
        - {compare: all, parameter: slope, interval_below: 2}
        - {compare: all, parameter: ordered, between: [0, 1]}
        - {compare: tasks, parameter: difference, interval_above: 1}
        - {fit: in n, parameter: alpha, interval_above: 0.1}
        - {fit: in n, parameter: alpha, interval_below: 0.1}
      """)
    let (fits, table) = try Self.fits(plan)
    let verdicts = plan.experiment.check(fits: fits, results: table)
    #expect(verdicts.map(\.passed) == [true, true, true, false, true, false], "\(verdicts)")
    #expect(verdicts[3].expected == "interval above 1" && verdicts[3].subject == "tasks difference")
    let (all, tasks) = (
      try #require(fits.comparisons.first?.comparison), try #require(fits.comparisons.last?.comparison)
    )
    // Two tasks of the same runs are compared draw by draw, two selections of runs are not.
    #expect(tasks.isPaired && !all.isPaired)
    #expect(tasks.slope == nil && tasks.ordered == nil)
    let folder = try TemporaryFolder()
    try fits.write(to: "\(folder.path)/fits.json")
    let again = try Fits(contentsOf: "\(folder.path)/fits.json")
    #expect(plan.experiment.check(fits: again, results: table) == verdicts)
    // A failed fit makes the comparison fail with a reason.
    let (nothing, empty) = try Self.fits(plan) { _ in false }
    #expect(nothing.comparisons[0].refusal == "the fit in d has no alpha")
    #expect(plan.experiment.check(fits: nothing, results: empty).allSatisfy { !$0.passed })
  }

  /// Fits to other runs of one text get the factor of compute at equal loss; other comparisons do not.
  @Test func comparisonsGiveTheFactorAtEqualLoss() throws {
    let plan = try plan(
      """
      grid: {architecture: [gpt2, llama], width: [16, 24, 32, 48, 64], tokens: [250k, 500k, 1M, 2M, 4M]}
      fits:
        - {name: gpt, law: chinchilla, floor: entropy, where: {architecture: gpt2}}
        - {name: llama, law: chinchilla, floor: entropy, where: {architecture: llama}}
        - {name: all, law: chinchilla, floor: entropy}
        - {name: along c, law: power_c, floor: entropy, where: {architecture: gpt2}}
        - {name: llama along c, law: power_c, floor: entropy, where: {architecture: llama}}
      compare:
        - {name: architectures, parameter: alpha, fits: [gpt, llama]}
        - {name: frontiers, parameter: alpha, fits: [along c, llama along c]}
        - {name: overlapping, parameter: alpha, fits: [all, gpt]}
        - {name: unlike, parameter: alpha, fits: [gpt, llama along c]}
      expect:
        - {compare: architectures, parameter: multiplier, interval_above: 1}
        - {compare: frontiers, parameter: multiplier, between: [1.1, 1.6]}
        - {compare: unlike, parameter: multiplier, between: [0, 9]}
      """)
    // Llama needs 1.3 times the compute of GPT-2 for each loss, but for small differences of FLOPs a token.
    let table = try ResultsTable(plan) { run in
      let gain = run.configuration.model.architecture == .llama ? 1.3.squareRoot() : 1
      let (n, d) = (Double(run.counts.total) / gain, Double(run.tokens) / gain)
      let wobble = 1 + 0.002 * Double(run.steps % 3 - 1)
      return try plantedResult(of: run, loss: 0.3 + (20 / n.squareRoot() + 30 / d.squareRoot()) * wobble)
    }
    let fits = Fits(
      of: table, requests: plan.experiment.fits, comparisons: plan.experiment.comparisons, bootstraps: 100)
    let verdicts = plan.experiment.check(fits: fits, results: table)
    #expect(verdicts.map(\.passed) == [true, true, false], "\(verdicts)")
    #expect(verdicts[2].found == "it has no `multiplier`")
    let bases = fits.comparisons.map { $0.multipliers?.rows.first?.multiplier?.basis }
    #expect(bases == [.surface, .frontier, nil, nil])
    #expect(fits.comparisons[0].multipliers?.floor == "floor 0.3")
    let finding = try #require(Finding.all(in: fits).first { $0.title.contains("compute at equal loss") })
    #expect(finding.notes[0].hasPrefix("at equal loss, llama needs 1."), "\(finding.notes)")
  }

  @Test(arguments: [
    ("{name: a, parameter: alpha, fits: [power_n]}", "two or more different fits"),
    ("{name: a, parameter: beta, fits: [power_n, power_d]}", "`beta` is not one of"),
    ("{name: a, parameter: rms, fits: [power_n, power_d]}", "`rms` is not one of"),
    ("{name: a, parameter: alpha, fits: [power_n, power_d], at: [1], axis: s}", "1 numbers for 2 fits"),
    ("{name: a, parameter: alpha, fits: [power_n, power_d], at: [1, 2]}", "the label of `at` is missing"),
  ])
  func badComparisonsAreNamed(entry: String, message: String) throws {
    let text = "\(Self.grid)\nfits: [power_n, power_d]\ncompare:\n  - \(entry)\n"
    let error = #expect(throws: InputError.self) { try plan(text) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }

  @Test(arguments: [
    ("{compare: a, parameter: slope, between: [0, 1]}", "`slope` is not one of difference"),
    ("{compare: b, parameter: difference, between: [0, 1]}", "`b` is not one of"),
    ("{fit: power_n, parameter: rms, interval_above: 0}", "only parameters of fits have intervals"),
    ("{fit: power_n, parameter: alpha, interval_above: 0, between: [0, 1]}", "needs one of between"),
    ("{fit: power_n, parameter: bends, between: [0, 0]}", "`bends` is not one of"),
    ("{fit: power_n, parameter: forecast_error, between: [0, 1]}", "`forecast_error` is not one of"),
  ])
  func badExpectationsAreNamed(entry: String, message: String) throws {
    let text = """
      \(Self.grid)
      fits: [power_n, power_d]
      compare: {name: a, parameter: alpha, fits: [power_n, power_d]}
      expect:
        - \(entry)
      """
    let error = #expect(throws: InputError.self) { try plan(text) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }

  @Test func bendsSlopesAndTheOtherCountCanBeExpected() throws {
    let plan = try plan(
      """
      \(Self.grid)
      fits:
        - {law: power_c, floor: entropy, also: [bends, slopes]}
        - {law: chinchilla, also: [counting]}
        - {name: narrow, law: chinchilla, n: non_embedding, also: [counting]}
      expect:
        - {fit: power_c_entropy, parameter: bends, between: [0, 0]}
        - {fit: power_c_entropy, parameter: bend, between: [0, 1e20]}
        - {fit: power_c_entropy, parameter: slope_spread, between: [0, 0.5]}
        - {fit: chinchilla, parameter: a_total, between: [0.4, 0.5]}
        - {fit: chinchilla, parameter: a_non_embedding, interval_above: 0.45}
      """)
    let (fits, table) = try Self.fits(plan, bootstraps: 40)
    let verdicts = plan.experiment.check(fits: fits, results: table)
    // Without a bend there is no position of one.
    #expect(
      verdicts.map(\.passed) == [true, false, true, true, true], "\(verdicts) \(fits.fits.map(\.remarks))")
    #expect(
      fits["narrow"]?.remarks == [
        "counting: the comparison of counts needs the law chinchilla with `n: total`"
      ])
  }
}
