import Execution
import Plans
import TestSupport
import Testing

@Suite struct ShardTests {
  @Test func shardsAreDisjointCompleteAndAlike() throws {
    let runs = try plan("grid: {width: [8, 16, 24, 32, 40, 48, 64], tokens: [500k, 1M], seeds: 3}\n").runs
    for count in [1, 2, 3, 5, 40] {
      let shards = try (1...count).map { try #require(Shard("\($0)/\(count)")).trunks(of: runs) }
      let all = Set(runs.map(\.configuration.trunkIdentifier))
      #expect(shards.reduce(0) { $0 + $1.count } == all.count && shards.reduce(Set()) { $0.union($1) } == all)
      let costs = shards.map { shard in
        runs.filter { shard.contains($0.configuration.trunkIdentifier) }.trainingFlops
      }
      if count <= 3 { #expect((costs.max() ?? 0) < 1.5 * (costs.min() ?? 0)) }
    }
  }

  @Test(arguments: ["", "1", "0/2", "3/2", "1/0", "-1/2", "1/2/3", "a/b", "1/ 2"])
  func whatIsNoShare(_ text: String) {
    #expect(Shard(text) == nil)
  }

  @Test("Tasks contain each job once, and there are no more tasks than an array allows")
  func tasks() throws {
    let experiment = try plan("grid: {width: [8, 16, 24], tokens: [500k, 1M], seeds: 3}\n")
    let folder = try TemporaryFolder()
    let store = try RunStore(folder.path)
    let frozen = FrozenPlan(
      experiment, try Scheduler([experiment], store: store, corpora: CorpusCache(), workers: 1), index: 0,
      folder: "\(folder.path)/small", isShrunken: false)
    let trunks = frozen.stages[0].map(\.trunk)
    #expect(trunks.count == 9)
    for (chunk, most, count) in [
      (nil, 1000, nil), (1, 1000, 9), (2, 1000, 9), (4, 1000, 5), (1, 4, 3), (nil, 2, nil), (100, 5, 1),
    ]
      as [(Int?, Int, Int?)]
    {
      let tasks = frozen.tasks(ofStage: 0, chunk: chunk, most: most)
      #expect(
        tasks.joined().map(\.trunk) == trunks && tasks.count <= most && tasks.allSatisfy { !$0.isEmpty })
      if let count { #expect(tasks.count == count) }
    }
  }

  @Test(
    "Memory is parsed as by sbatch",
    arguments: [
      ("4G", 4 << 30), ("100", 100 << 20), ("2048K", 2 << 20), ("1t", 1 << 40), ("0", nil), ("4GB", nil),
      ("x", nil), ("", nil), ("9223372036854775807T", nil),
    ] as [(String, Int?)])
  func memory(_ text: String, _ bytes: Int?) {
    var settings = SlurmSettings()
    settings.memory = text
    #expect(settings.memoryBytes == bytes)
  }
}
