import Analysis
import Files
import Foundation
import Plans
import TestSupport
import Testing
import Training

@Suite struct ResultsTests {
  static let grid = """
    grid:
      - {width: [16, 24, 32, 48, 64], tokens: [250k, 500k, 1M, 2M, 4M], seeds: 2}
      - {flops: [5e10, 1e11, 2e11], width: [16, 24, 32, 48, 64], seeds: 2}
    """

  static func table(_ rest: String = grid) throws -> ResultsTable {
    try ResultsTable(plan(rest)) { try plantedResult(of: $0) }
  }

  @Test func aTableIsReadBackAsItWasWritten() throws {
    let folder = try TemporaryFolder()
    let table = try ResultsTable(plan(Self.grid)) { run in
      run.configuration.seed == 1 ? nil : try plantedResult(of: run)
    }
    let path = "\(folder.path)/results.csv"
    try table.write(to: path)
    let again = try ResultsTable(contentsOf: path)
    #expect(again.csv == table.csv)
    #expect(again.tasks == table.tasks)
    #expect(again.rows.count == 80 && again.completed.count == 40)
    #expect(again.rows[1].text("status") == "missing" && again.rows[1].number("loss") == nil)
    #expect(
      again.rows[0].number("c_6nd") == 6 * (again.rows[0].number("n_total") ?? 0)
        * (again.rows[0].number("d_tokens") ?? 0))
    let reducible = try #require(again.rows[0].number("reducible"))
    #expect(abs(reducible + 0.3 - (again.rows[0].number("loss") ?? 0)) < 1e-12)
    #expect(again.rows[0].number("loss_facts") != nil)
  }

  @Test func aBadRowIsNamedByItsLine() throws {
    let folder = try TemporaryFolder()
    let table = try Self.table("grid: {width: 16, tokens: [100k, 200k]}\n")
    let lines = table.csv.split(separator: "\n")
    let steps = "\(Int(table.rows[1].number("steps") ?? 0))"
    let bad = lines[2].replacing(",\(steps),", with: ",many,")
    let path = try folder.write("\(lines[0])\n\(lines[1])\n\(bad)\n", to: "results.csv")
    let error = #expect(throws: InputError.self) { try ResultsTable(contentsOf: path) }
    #expect(error?.message == "`steps` is `many`, not a number")
    #expect(error?.line == 3)
    let short = try folder.write("\(lines[0])\n\(lines[1])\nx,y\n", to: "short.csv")
    let fault = #expect(throws: InputError.self) { try ResultsTable(contentsOf: short) }
    #expect(fault?.message == "2 cells, where the header has \(table.columns.count)" && fault?.line == 3)
  }

  @Test func plantedParametersAreRecovered() throws {
    let fits = Fits(of: try Self.table(), bootstraps: 100)
    #expect(
      fits.fits.map(\.name) == [
        "power_n", "power_d", "power_c", "chinchilla", "power_n_entropy", "power_d_entropy",
        "power_c_entropy",
        "chinchilla_entropy", "isoflop",
      ])
    for fit in fits.fits { #expect(fit.refusal == nil, "\(fit.name): \(fit.refusal ?? "")") }
    let chinchilla = try #require(fits["chinchilla"])
    #expect(abs((chinchilla.number("alpha")?.value ?? 0) - 0.5) < 0.02)
    #expect(abs((chinchilla.number("beta")?.value ?? 0) - 0.4) < 0.02)
    #expect(chinchilla.number("E")?.interval?.contains(0.3) == true)
    #expect(chinchilla.convention == "N = n_total, C = c_exact, loss = loss")
    #expect(chinchilla.fit?.clusters == 10)
    #expect(fits["power_n"]?.selection == "all runs with D = 4001792, 10 of 80")
    #expect(fits["power_n"]?.observations.count == 10)
    #expect(fits["isoflop"]?.isoFLOP?.profiles.count == 3)
    #expect(fits["isoflop"]?.observations.count == 30)
    #expect((fits["power_c"]?.observations.count ?? 0) > 5)
  }

  @Test func aFitTakesTheRunsAndTheConventionsThatItNames() throws {
    let plan = try plan(
      Self.grid
        + """

        fits:
          - {name: kaplan_n, law: power_n, n: non_embedding, floor: entropy, where: {tokens: 1M}}
          - {name: narrow, law: power_d, floor: 0.3, where: {width: 16, seed: 1}}
          - {name: facts, law: power_d, loss: loss_facts, floor: entropy, where: {width: [48, 64]}}
        """.replacing("tokens: 1M}", with: "d_tokens: 2000896}"))
    let table = try ResultsTable(plan) { try plantedResult(of: $0) }
    let fits = Fits(of: table, requests: plan.experiment.fits, bootstraps: 20)
    #expect(fits["kaplan_n"]?.convention == "N = n_non_embedding, C = c_exact, loss = loss")
    #expect(fits["narrow"]?.selection.hasPrefix("width 16, seed 1 with N = ") == true)
    #expect(fits["narrow"]?.fit?.knownFloor == 0.3)
    #expect(fits["narrow"]?.observations.count == 8)
    #expect(fits["facts"]?.convention == "N = n_total, C = c_exact, loss = loss_facts")
    #expect(fits["facts"]?.fit != nil)
  }

  @Test func theProductsOfTheUpdateRuleAreCountedOnRequest() throws {
    let plan = try plan(
      """
      grid: {update_rule: [adamw, muon], width: [16, 24, 32, 48, 64], tokens: [500k, 1M]}
      fits:
        - {name: own, law: power_c, c: with_optimizer, mix: true}
        - {name: adamw, law: power_c, where: {update_rule: adamw}, also: [sensitivity]}
        - {name: muon, law: power_c, where: {update_rule: muon}, also: [sensitivity]}
      """)
    let table = try ResultsTable(plan) { try plantedResult(of: $0) }
    for (row, run) in zip(table.rows, plan.runs) {
      let own = (row.number("c_with_optimizer") ?? 0) - (row.number("c_exact") ?? 0)
      let isMuon = row.text("update_rule") == "muon"
      #expect(isMuon ? own > 0 : own == 0)
      // Products of a step for one square are those of 20 cubes; a run has at least 8 squares a block.
      let cube = pow(Double(run.configuration.model.width), 3)
      if isMuon {
        #expect(own > 8 * 20 * cube * Double(run.steps) && own < 30 * 20 * cube * Double(run.steps))
      }
    }
    let fits = Fits(of: table, requests: plan.experiment.fits, bootstraps: 20)
    #expect(fits["own"]?.convention == "N = n_total, C = c_with_optimizer, loss = loss")
    let choices = ["adamw", "muon"].map { fits[$0]?.sensitivity?.rows.map(\.choice) ?? [] }
    #expect(choices.allSatisfy { $0.contains("C as c_6nd") })
    #expect(choices.map { $0.contains("C as c_with_optimizer") } == [false, true])
  }

  @Test func computeIsCountedTimesBits() throws {
    let plan = try plan(
      """
      grid:
        - {width: 16, tokens: 100k}
        - {weight_format: int8, activation_format: int8, gradient_format: int8, width: 16, tokens: 100k}
        - {weight_format: int2, activation_format: int4, width: 16, tokens: 100k}
      """)
    let table = try ResultsTable(plan) { try plantedResult(of: $0) }
    for (row, part) in zip(table.rows, [1, 0.25, 38.0 / 96]) {
      #expect(row.number("c_bits") == (row.number("c_exact") ?? 0) * part)
    }
  }

  @Test func accuracyAndTheErrorOfTheReducibleLossHaveColumns() throws {
    let plan = try plan("grid: {width: 16, tokens: 1M}\n")
    let table = try ResultsTable(plan) { try plantedResult(of: $0) }
    #expect(table.rows[0].number("exact_match_facts") == 0.25)
    #expect(table.rows[0].number("exact_match_stories") == nil)
    #expect(table.rows[0].number("reducible_se") == 0.0005)
    let folder = try TemporaryFolder()
    try table.write(to: "\(folder.path)/results.csv")
    #expect(try ResultsTable(contentsOf: "\(folder.path)/results.csv").csv == table.csv)
  }

  /// Answers have columns by the number of items of their lists.
  @Test func answersOfListsHaveColumns() throws {
    let source = "\(packageFolder)/corpora/recall.yaml"
    let text =
      "title: t\ncorpus: {source: \(source), validation_tokens: 4096}\ngrid: {width: 16, tokens: 100k}\n"
    let plan = try Plan(experiment(text), corpora: CorpusCache(allowing: [packageFolder]))
    let header = ResultsTable(plan) { _ in nil }.csv.prefix { $0 != "\n" }
    #expect(header.contains(",exact_match_recall,") && header.contains(",exact_match_recall_4,"))
    #expect(header.contains(",loss_recall_4,entropy_recall_4,"))
  }

  @Test func theCriticalBatchIsThatOfTheBestRates() throws {
    let plan = try plan(
      """
      training: {warmup_steps: 10}
      grid:
        batch: [512, 1024, 2048, 4096, 8192, [{from: 0, tokens: 512}, {from: 1M, tokens: 1024}]]
        learning_rate: [0.004, 0.008]
        width: 16
        tokens: [0.5M, 1M, 2M, 4M, 8M]
        seeds: 2
      fits: [critical_batch]
      expect:
        - {fit: critical_batch, parameter: growth, between: [-0.1, 0.1]}
        - {fit: critical_batch, parameter: Bstar, between: [1800, 2200]}
        - {fit: critical_batch, parameter: exponent, interval_contains: 0}
      """)
    // One critical batch of 2000 tokens at all losses.
    let table = try ResultsTable(plan) { run in
      let training = run.configuration.training
      let useful = Double(run.tokens) / (1 + Double(training.batch.tokens(after: 0)) / 2000)
      let wobble = 1 + 0.001 * sin(Double(run.steps) * (1 + Double(run.configuration.seed)))
      let penalty = training.learningRate == 0.008 ? 1 : 1.1
      return try plantedResult(of: run, loss: 0.3 + 500 * pow(useful, -0.5) * wobble * penalty)
    }
    let fits = Fits(of: table, requests: plan.experiment.fits, bootstraps: 100)
    let verdicts = plan.experiment.check(fits: fits, results: table)
    #expect(verdicts.count == 3 && verdicts.allSatisfy(\.passed), "\(verdicts)")
    let analysis = try #require(fits["critical_batch"]?.criticalBatch)
    #expect(analysis.floor == 0.3)
    #expect(
      analysis.targets.allSatisfy { $0.batches.allSatisfy { 512...8192 ~= $0 } && $0.batches.count <= 5 })
    let folder = try TemporaryFolder()
    try fits.write(to: "\(folder.path)/fits.json")
    #expect(try Fits(contentsOf: "\(folder.path)/fits.json").json() == fits.json())
  }

  @Test func analysesBesideAFitAreMadeOnRequest() throws {
    let plan = try plan(
      Self.grid
        + """

        fits:
          - {law: chinchilla, objective: {penalty: least_squares, on: raw}, also: [selection, sensitivity]}
          - {name: held, law: chinchilla, hold: {alpha: 0.5, E: 0.3}}
          - {law: power_c, also: [bends, sensitivity]}
          - {law: broken_c, breaks: 2, objective: least_absolute}
          - isoflop
          - isoflop_robust
          - envelope
        """)
    let table = try ResultsTable(plan) { try plantedResult(of: $0) }
    let fits = Fits(of: table, requests: plan.experiment.fits, bootstraps: 20)
    let chinchilla = try #require(fits["chinchilla"])
    #expect(chinchilla.fit?.objectiveText == "sum of (L̂ − L)²")
    #expect(chinchilla.rivals?.candidates.count == 4)
    let variants = chinchilla.sensitivity?.rows.map(\.choice).filter { $0.hasPrefix("N as") }
    #expect(variants == ["N as n_non_embedding", "N as n_active"])
    #expect(fits["held"]?.number("alpha")?.value == 0.5)
    #expect(abs((fits["held"]?.number("beta")?.value ?? 0) - 0.4) < 0.02)
    let power = try #require(fits["power_c"])
    #expect(power.bends?.bends.isEmpty == true, "\(power.bends?.verdict ?? "\(power.remarks)")")
    #expect(power.sensitivity?.rows.contains { $0.choice == "C as c_6nd" } == true)
    #expect(power.rivals == nil)
    // a = β/(α + β) of the planted surface; C is counted exactly, where that is for 6ND.
    #expect(fits.approaches.map(\.number) == [1, 2, 2, 3, 3])
    for approach in fits.approaches {
      #expect(abs(approach.a.value - 0.4 / 0.9) < 0.12, "\(approach.title): \(approach.a.value)")
      #expect((approach.gridBias != nil) == (approach.number == 2))
    }
  }

  @Test(arguments: [
    ("{law: power_n, breaks: 2}", "the law `power_n` has no breaks"),
    ("{law: isoflop, objective: huber}", "`isoflop` has no objective"),
    (
      "{law: chinchilla, objective: {penalty: least_squares, delta: 0.1}}",
      "only the penalty `huber` has a `delta`"
    ),
    ("{law: chinchilla, hold: {gamma: 1}}", "unknown key `gamma`"),
    ("{law: chinchilla, also: [bend]}", "`bend` is not one of"),
    ("mixture", "`mixture` is not one of"),
    ("{law: power_n, where: {d_tokens: \">= many\"}}", "has no number to compare with"),
    ("{law: power_n, where: {d_tokens: [\">= 1M\", 2M]}}", "values and comparisons cannot be combined"),
    ("{law: power_n, where: {corpus: \"< a\"}}", "`corpus` holds text"),
    ("{law: power_n, where: {loss_facts: \"< 1\"}}", "unknown key `loss_facts`"),
    ("{law: power_n, forecast: {loss: \"< 1\"}}", "unknown key `loss`"),
    ("{law: isoflop, forecast: {width: 64}}", "`isoflop` predicts no loss"),
  ])
  func badRequestsAreNamed(entry: String, message: String) throws {
    let error = #expect(throws: InputError.self) { try plan("\(Self.grid)\nfits:\n  - \(entry)\n") }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    #expect(error?.line != nil)
  }

  @Test func tooFewPointsAreARefusalAndNotACrash() throws {
    let fits = Fits(of: try Self.table("grid: {width: [16, 32], tokens: 200k}\n"), bootstraps: 20)
    #expect(fits["power_n"]?.refusal == "needs at least 4 different N at one D; there are 2")
    #expect(fits["chinchilla"]?.refusal?.contains("needs at least 6 observations") == true)
    #expect(fits["isoflop"] == nil)
    let empty = Fits(of: try ResultsTable(plan(Self.grid)) { _ in nil })
    #expect(empty.missing == 80 && empty.completed == 0)
    #expect(empty.fits.allSatisfy { $0.refusal != nil })
  }

  @Test func fitsAreWrittenTheSameAndReadBack() throws {
    let folder = try TemporaryFolder()
    let table = try Self.table()
    for name in ["a.json", "b.json"] {
      try Fits(of: table, bootstraps: 20).write(to: "\(folder.path)/\(name)")
    }
    let a = try FileAccess.read("\(folder.path)/a.json")
    #expect(try a == FileAccess.read("\(folder.path)/b.json"))
    let again = try Fits(contentsOf: "\(folder.path)/a.json")
    #expect(
      again["chinchilla"]?.number("alpha")?.value
        == Fits(of: table, bootstraps: 20)["chinchilla"]?.number("alpha")?.value)
    let bad = try folder.write("{}", to: "c.json")
    #expect(throws: InputError.self) { try Fits(contentsOf: bad) }
  }

  @Test func expectationsPassAndFail() throws {
    let plan = try plan(
      Self.grid + """

        expect:
          - {results: completed, between: [80, 80]}
          - {results: diverged, between: [1, 9]}
          - {fit: chinchilla, parameter: alpha, between: [0.45, 0.55]}
          - {fit: chinchilla, parameter: alpha, between: [0.6, 0.7]}
          - {fit: chinchilla, parameter: E, interval_contains: entropy}
          - {fit: chinchilla, parameter: E, interval_contains: 0.9}
          - {fit: isoflop, parameter: a, between: [0.3, 0.6]}
        """)
    let table = try ResultsTable(plan) { try plantedResult(of: $0) }
    let verdicts = plan.experiment.check(fits: Fits(of: table, bootstraps: 100), results: table)
    #expect(verdicts.map(\.passed) == [true, false, true, false, true, false, true], "\(verdicts)")
    #expect(
      verdicts[0].expected == "80" && verdicts[0].found == "80" && verdicts[0].subject == "results completed")
    #expect(verdicts[4].expected == "interval contains the entropy")
    // A failed fit is a failed expectation with the reason.
    let nothing = ResultsTable(plan) { _ in nil }
    let failed = plan.experiment.check(fits: Fits(of: nothing), results: nothing)
    #expect(failed.filter(\.passed).isEmpty)
    #expect(failed[2].found.contains("needs at least"))
  }
}
