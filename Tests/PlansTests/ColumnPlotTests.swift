import Analysis
import Files
import Foundation
import Plans
import TestSupport
import Testing
import Training

/// Tests of what an experiment shows of the columns of its results: losses by position, plots, and numbers of some runs.
@Suite struct ColumnPlotTests {
  private static let file = """
    page:
      numbers:
        recalled: {most: exact_match_facts, where: {width: 16}}
      toy: "It recalls {recalled | percent}."
    grid:
      - {width: [16, 24, 32], tokens: [100k, 200k], seeds: 2}
      - {width: 32, head_width: 4, tokens: 300k}
    fits:
      - {name: positions, law: "L = E + A*position^-p", where: {width: 16, d_tokens: "< 150k"}, mix: true}
      - {name: later, law: "L = E + A*position^-p", where: {width: 16}, mix: true, forecast: {width: 16, d_tokens: "> 150k"}}
    plots:
      - {name: by-width, x: width, y: loss, series: d_tokens, logarithmic: [x, y]}
      - {name: by-position, x: position, y: loss_at_*, where: {width: 16}}
      - {name: nothing, x: width, y: loss_riddles}
      - {name: heads, x: width, y: loss, series: head_width}
      - {name: latency, x: cache_bytes, y: decoding_ms}
    expect:
      - {number: recalled, between: [0.25, 0.25]}
      - {number: recalled, between: [0.5, 1]}
      - {fit: positions, parameter: p, between: [0.69, 0.71]}

    """

  @Test func aLawOfThePositionIsFitted() throws {
    let plan = try plan(Self.file)
    let table = try ResultsTable(plan) { try plantedResult(of: $0) }
    let folder = try TemporaryFolder()
    try table.write(to: "\(folder.path)/results.csv")
    let again = try ResultsTable(contentsOf: "\(folder.path)/results.csv")
    #expect(again.csv == table.csv)
    #expect(again.rows[0].number("loss_at_32") == table.rows[0].positions[32])
    for table in [table, again] {
      let fits = Fits(of: table, requests: plan.experiment.fits, bootstraps: 20)
      let fit = try #require(fits["positions"])
      // Two seeds with six ranges of positions each.
      #expect(fit.observations.count == 12, "\(fit.refusal ?? "")")
      #expect(abs((fit.number("E")?.value ?? 0) - 0.2) < 0.01)
      // Each of the two runs that are held out is predicted at each of its ranges.
      let forecast = try #require(fits["later"]?.forecast, "\(fits["later"]?.remarks ?? [])")
      #expect(forecast.found.count == 12 && forecast.largestError ?? .infinity < 0.2)
      let verdicts = plan.experiment.check(fits: fits, results: table)
      #expect(verdicts.map(\.passed) == [true, false, true])
      #expect(verdicts[0].subject == "recalled")
    }
  }

  @Test func aPlotAveragesRunsThatItDoesNotTellApart() throws {
    let plan = try plan(Self.file)
    let table = try ResultsTable(plan) { try plantedResult(of: $0) }
    let (widths, positions, nothing) = (
      plan.experiment.plots[0], plan.experiment.plots[1], plan.experiment.plots[2]
    )
    let series = widths.series(of: table)
    #expect(series.count == 3 && series[0].points.map(\.x) == [16, 24, 32])
    let seeds = table.rows.filter { $0.text("width") == "16" && $0.tokens ?? 0 < 150_000 }.compactMap(\.loss)
    #expect(series[0].points[0].y == (seeds[0] + seeds[1]) / 2 && series[0].points[0].error > 0)
    #expect(positions.series(of: table).map { $0.points.map(\.x) } == [[1, 2, 4, 8, 16, 32]])
    #expect(nothing.series(of: table).isEmpty)
    #expect(plan.experiment.plots[3].series(of: table).map(\.label) == ["4", "8"])
  }

  @Test func aPlotShowsTimesThatTheTableDoesNotHave() throws {
    let plan = try plan(Self.file)
    let table = try ResultsTable(plan) { try plantedResult(of: $0) }
    let latency = plan.experiment.plots[4]
    #expect(latency.series(of: table).isEmpty)
    let time = try JSONDecoder().decode(
      RunTiming.self, from: Data(#"{"seconds": 1, "tokensPerSecond": 1000, "decodingSeconds": 0.002}"#.utf8))
    let narrow = table.rows.filter { $0.text("width") == "16" }
    let times = Dictionary(uniqueKeysWithValues: narrow.map { ($0.run, time) })
    let timed = try ResultsTable(plan, times: times) { try plantedResult(of: $0) }
    let points = try #require(latency.series(of: timed).first?.points)
    // At least keys and values of two blocks at each position, in float32.
    #expect(points.count == 1 && points[0].x >= 2 * 2 * 16 * 128 * 4 && points[0].y == 2, "\(points)")
    #expect(timed.csv == table.csv)
  }

  @Test(
    "Mistakes are named",
    arguments: [
      ("plots: {name: a, x: widths, y: loss}", "`widths`"), ("plots: {name: a, x: width}", "`y` is missing"),
      ("plots: {name: a, x: width, y: loss_*_at}", "`*` is not at the end"),
      ("plots: [{name: a, x: width, y: loss}, {name: a, x: width, y: loss}]", "two plots"),
      ("plots: {name: a, x: width, y: loss, series: colour}", "`colour`"),
      ("fits: [{law: 'L = E + A*position^-p', loss: loss_facts}]", "by position"),
      ("expect: [{number: recalled, between: [0, 1]}]", "`recalled` does not exist: there are none"),
      (
        "page: {numbers: {rate: {mean: decoding_ms}}}\nexpect: [{number: rate, between: [0, 1]}]",
        "`rate` is a time"
      ),
    ])
  func mistakes(_ line: String, _ words: String) throws {
    let found = complaint("title: t\ncorpus: village\ngrid: {width: 16, tokens: 1M}\n\(line)\n")
    #expect(found?.contains(words) == true, "\(found ?? "accepted")")
  }

  /// Laws of a column tell its values apart.
  @Test func aFormulaMayUseASetting() throws {
    let plan = try plan(
      """
      grid: {width: 16, context: [32, 64, 128], tokens: [100k, 200k]}
      fits: [{name: contexts, law: "L = E + A*D^-b + B*context^-c", positive: [A, B]}]
      """)
    let table = try ResultsTable(plan) { try plantedResult(of: $0) }
    let fits = Fits(of: table, requests: plan.experiment.fits, bootstraps: 0)
    #expect(
      fits["contexts"]?.refusal?.contains("differ in context") != true, "\(fits["contexts"]?.refusal ?? "")")
  }
}
