import Analysis
import Foundation
import ScalingLaws
import Testing

/// Tests of simulated grids.
@Suite struct DesignTests {
  private static let prior = PriorLaw.named[0]

  private static func row(_ width: Int, _ tokens: Int, budget: Double? = nil) -> RunRow {
    var row = RunRow()
    let size = 24 * width * width + 79 * width
    (row.run, row.trunk) = ("\(width)-\(tokens)", "\(width)-\(tokens)")
    row.settings = ["width": .integer(width), "seed": .integer(0)]
    (row.totalParameters, row.tokens) = (size, tokens)
    row.exactCompute = 6 * Double(size) * Double(tokens)
    row.isoFLOPBudget = budget
    return row
  }

  private static func grid(_ widths: [Int], _ tokens: [Int]) -> ResultsTable {
    ResultsTable(
      settings: [], tasks: [], rows: widths.flatMap { width in tokens.map { row(width, $0) } })
  }

  private static let good = grid(
    [8, 12, 16, 24, 32, 48, 64], [250_000, 500_000, 1_000_000, 2_000_000, 4_000_000])

  private static func study(
    _ table: ResultsTable, _ requests: [FitRequest], simulations: Int = 30, whole: Int = 3
  ) -> DesignStudy {
    DesignStudy(
      of: table, requests: requests, prior: prior, noise: 0.01, simulations: simulations, whole: whole,
      bootstraps: 150)
  }

  /// Losses of the prior law with noise of another generator than the study's.
  private static func planted(_ table: ResultsTable, stream: Int) -> [Observation] {
    var generator = SeededGenerator(seed: 9000, stream: stream)
    return table.rows.map { row in
      let (n, d) = (Double(row.totalParameters ?? 0), Double(row.tokens ?? 0))
      let loss = prior.floor + prior.reducible(parameters: n, tokens: d) * exp(0.01 * generator.normal())
      return Observation(parameters: n, tokens: d, loss: loss)
    }
  }

  @Test func aGoodGridPassesAndItsIntervalsAreThoseOfPlantedRuns() throws {
    let study = Self.study(Self.good, [FitRequest(.chinchilla, floor: .entropy)])
    let fit = try #require(study.fits.first)
    #expect(study.faults.isEmpty && fit.possible == 1, "\(study.faults)")
    #expect(study.runs == 35)
    let law = NamedLaw.chinchilla(ChinchillaLaw(floor: .known(Self.prior.floor)))
    let fits = try (0..<5).map { stream in
      try Fitter(law, bootstraps: 150).fit(Self.planted(Self.good, stream: stream))
    }
    for (parameter, symbol) in [("alpha", "α"), ("beta", "β"), ("a", "a")] {
      let number = try #require(fit.numbers.first { $0.parameter == parameter })
      let truth = try #require(number.truth)
      #expect(abs(number.exact - truth) < 1e-3 && number.identified, "\(parameter): \(number.exact)")
      let predicted = try #require(number.halfWidth)
      #expect(abs(number.bias) < predicted && number.range.contains(truth))
      let widths = try fits.map { fit in
        let interval = try #require(fit[symbol]?.interval)
        return (interval.high - interval.low) / 2
      }.sorted()
      #expect((1 / 1.5...1.5).contains(predicted / widths[2]), "\(parameter): \(predicted), \(widths)")
    }
  }

  @Test func oneSizeDoesNotDetermineTheSplit() {
    let study = Self.study(
      Self.grid([32], [250_000, 500_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000, 16_000_000]),
      [FitRequest(.chinchilla, floor: .entropy), FitRequest(.powerN), FitRequest(.criticalBatch)],
      simulations: 10,
      whole: 1)
    #expect(study.faults.count == 3, "\(study.faults)")
    let split = study.faults[0]
    #expect(
      split.hasPrefix("chinchilla_entropy: ") && split.contains("a, b, G are not identified"), "\(split)")
    #expect(study.faults[1].hasPrefix("power_n: needs at least 4 different N at one D"), "\(study.faults)")
    #expect(study.faults[2] == "critical_batch: not simulated: the prior law does not depend on the batch")
  }

  @Test func budgetsWithoutAMinimumAreFound() throws {
    func budget(_ compute: Double, _ widths: [Int]) -> [RunRow] {
      widths.map { width in
        let size = Double(24 * width * width + 79 * width)
        return Self.row(width, Int(clamping: (compute / 6 / size).rounded()), budget: compute)
      }
    }
    // The best width at 2e10 is about 16; at 2e12 it is far above 24.
    let rows = budget(2e10, [8, 12, 16, 24, 32]) + budget(2e12, [8, 12, 16, 20, 24])
    let study = Self.study(
      ResultsTable(settings: [], tasks: [], rows: rows), [FitRequest(.isoFLOP)], simulations: 10, whole: 1)
    let fit = try #require(study.fits.first)
    #expect(fit.budgets.map(\.models) == [5, 5])
    #expect(fit.budgets[0].minima == 1 && fit.budgets[0].refusal == nil)
    #expect(fit.budgets[1].minima == 0 && fit.budgets[1].refusal?.contains("train larger models") == true)
    #expect(fit.refusal?.contains("fewer than two budgets have a minimum") == true, "\(fit.refusal ?? "")")
    #expect(Finding.designMinima(study)?.rows.count == 2)
  }

  @Test func theProposalReachesItsWish() throws {
    let wish = GridProposal.Wish(.a, halfWidth: 0.02)
    let proposal = try GridProposal(
      wish, models: Self.good, prior: Self.prior, noise: 0.01, floorIsKnown: true, seed: 2)
    #expect(proposal.simulated <= 0.02)
    let all = Self.good.rows.compactMap(\.exactCompute).reduce(0, +)
    #expect(proposal.compute < all, "cheaper than a grid that is better than wanted")
    let planned = Self.grid(
      proposal.sizes.compactMap { Int($0) }, proposal.tokens.map { Int(clamping: $0) })
    let rows = planned.rows.filter { row in
      proposal.shape == .full || row.text("width") == proposal.sizes.last
        || row.tokens == proposal.tokens.last.map { Int(clamping: $0) }
    }
    let runs = (0..<proposal.seeds).flatMap { _ in rows }
    #expect(runs.count == proposal.runs)
    let law = NamedLaw.chinchilla(ChinchillaLaw(floor: .known(Self.prior.floor)))
    let widths = try (0..<9).map { stream -> Double in
      let runs = Self.planted(ResultsTable(settings: [], tasks: [], rows: runs), stream: 100 + stream)
      let interval = try #require(try Fitter(law, bootstraps: 150).fit(runs)["a"]?.interval)
      return (interval.high - interval.low) / 2
    }.sorted()
    #expect(widths[4] < 1.25 * 0.02, "\(widths)")
    #expect(proposal.yaml.hasPrefix("grid: "))
    #expect(throws: FitError.self) {
      try GridProposal(
        .init(.a, halfWidth: 1e-5), models: Self.good, prior: Self.prior, noise: 0.01, floorIsKnown: true)
    }
  }

  @Test func theNextRunsNarrowTheInterval() throws {
    var rows = Self.grid([12, 16, 24, 32], [500_000, 1_000_000, 2_000_000]).rows
    for (index, run) in Self.planted(ResultsTable(settings: [], tasks: [], rows: rows), stream: 7)
      .enumerated()
    {
      rows[index].status = .completed
      (rows[index].loss, rows[index].entropy) = (run.loss, Self.prior.floor)
    }
    let next = try NextRuns(
      after: ResultsTable(settings: [], tasks: [], rows: rows), by: FitRequest(.chinchilla, floor: .entropy),
      for: .a)
    let widths = [try #require(next.halfWidth)] + next.runs.map(\.halfWidth)
    #expect(next.runs.count == 6 && zip(widths, widths.dropFirst()).allSatisfy { $0 > $1 }, "\(widths)")
    #expect(abs(next.law.values[2] - Self.prior.values[2]) < 0.1)
  }

  @Test func theSeedDeterminesAllNumbers() throws {
    let json = {
      let encoder = JSONEncoder()
      encoder.outputFormatting = .sortedKeys
      return try encoder.encode(Self.study(Self.good, [FitRequest(.powerC)], simulations: 5, whole: 1))
    }
    #expect(try json() == json())
  }
}
