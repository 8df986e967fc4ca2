import ScalingLaws
import Testing

@Test(.serialized) func benchmark() throws {
  for _ in 0..<3 { print("BENCH", try Benchmark.run()) }
  print("BENCH", try Benchmark.run(on: ChinchillaDataTests.observations()))
}
