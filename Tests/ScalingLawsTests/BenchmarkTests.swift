import ScalingLaws
import Testing

/// The figures themselves depend on the machine and are printed by the command; here the work must be done.
@Test func benchmarkFindsThePlantedMinimum() throws {
  let result = try Benchmark.run()
  #expect(result.observations == 240)
  #expect(result.bootstraps == 4000)
  #expect(result.starts == 4500)
  #expect(result.startsAgreeing > result.starts / 2)
}
