import ScalingLaws
import Testing

@Test func benchmark() throws {
  for _ in 0..<1 { print("BENCH", try Benchmark.run()) }
  print("BENCH", try Benchmark.run(on: ChinchillaDataTests.observations()))
}
