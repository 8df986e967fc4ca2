import Testing

import Experiments

@Suite struct ShareTests {
  @Test func sharesAreDisjointCompleteAndAlike() throws {
    let runs = try plan("grid: {width: [8, 16, 24, 32, 40, 48, 64], tokens: [500k, 1M], seeds: 3}\n").runs
    for count in [1, 2, 3, 5, 40] {
      let shares = try (1...count).map { try #require(Share("\($0)/\(count)")).trunks(of: runs) }
      let all = Set(runs.map(\.configuration.trunkIdentifier))
      #expect(shares.reduce(0) { $0 + $1.count } == all.count && shares.reduce(Set()) { $0.union($1) } == all)
      let costs = shares.map { share in
        runs.filter { share.contains($0.configuration.trunkIdentifier) }.trainingFlops
      }
      if count <= 3 { #expect((costs.max() ?? 0) < 1.5 * (costs.min() ?? 0)) }
    }
  }

  @Test(arguments: ["", "1", "0/2", "3/2", "1/0", "-1/2", "1/2/3", "a/b", "1/ 2"])
  func whatIsNoShare(_ text: String) {
    #expect(Share(text) == nil)
  }
}
