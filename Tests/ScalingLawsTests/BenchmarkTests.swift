import ScalingLaws
import Testing

/// The times depend on the machine, so only the amount of work is tested.
@Test func benchmarkFindsThePlantedMinimum() throws {
  let result = try Benchmark.run()
  #expect(result.observations == 240)
  #expect(result.bootstraps == 4000)
  #expect(result.starts == 4500)
  #expect(result.startsAgreeing > result.starts / 2)
}
