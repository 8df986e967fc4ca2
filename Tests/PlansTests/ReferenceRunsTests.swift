import Analysis
import Files
import TestSupport
import Testing

@Suite struct ReferenceRunsTests {
  /// The far runs of `village`, as rows of an experiment: fitted alone, and predicted from planted runs of the grid.
  @Test func runsOfABundledTableStandBesideThoseOfTheGrid() throws {
    let far = "c_exact: \">= 7e12\", learning_rate: 0.008"
    let (fits, table) = try AnalysesTests.fits(
      plan(
        """
        reference: village-far
        grid: {width: [16, 24, 32, 48, 64], tokens: [250k, 500k, 1M, 2M, 4M], seeds: 2}
        fits:
          - {name: far, law: chinchilla, loss: reducible, floor: zero, where: {corpus: "!= village", learning_rate: 0.008}}
          - {name: grid, law: chinchilla, loss: reducible, floor: zero, where: {learning_rate: 0.008}, mix: true, forecast: {\(far)}}
        """), bootstraps: 20)
    #expect(table.rows.count == 50 + 38)
    let last = try #require(table.rows.last)
    #expect(
      last.run == "village-far 38" && last.text("width") == "512" && last.number("reducible") == 0.018891)
    // Seeds of one setting have trunks of their own, and the lengths of one trunk share it.
    #expect(Set(table.rows.dropFirst(50).map(\.trunk)).count == 12)
    let alone = try #require(fits["far"])
    #expect(
      abs((alone.fit?["α"]?.value ?? 0) - 0.68) < 0.02 && abs((alone.fit?["β"]?.value ?? 0) - 0.64) < 0.02)
    #expect(fits["grid"]?.observations.count == 56)
    #expect(fits["grid"]?.forecast?.places.isEmpty == false)
  }

  @Test(
    "A wrong reference, and an entropy below the reducible loss, are named by their lines",
    arguments: [
      ("reference: village-fair", "village-far"), ("reference: chinchilla", "single runs"),
      ("fits: [{law: chinchilla, loss: reducible, floor: entropy}]", "floor: zero"),
    ])
  func faults(line: String, part: String) throws {
    let message = try #require(
      complaint("title: t\ncorpus: village\n\(line)\ngrid: {width: 16, tokens: 100k}\n"))
    #expect(message.contains("e.yaml:3") && message.contains(part), "\(message)")
  }
}
