import Plans

/// A shard of an experiment's trunks: number `number` of `count`, counted from 1.
///
/// The shard of a trunk depends only on the plan, not on the runs that are finished. Therefore shards have no trunk in
/// common, whenever their processes start.
public struct Shard: Sendable {
  /// The number of the shard, 1 to `count`.
  public let number: Int
  /// The number of shards.
  public let count: Int

  /// Parses a text such as `2/8`; nil if it is invalid.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let number = parts[0], let count = parts[1], count >= 1,
      (1...count).contains(number)
    else { return nil }
    (self.number, self.count) = (number, count)
  }

  /// Returns the trunks of this shard among those of `runs`. Trunks are assigned by decreasing cost in alternating
  /// order, so that all shards have about the same work.
  package func trunks(of runs: [PlannedRun]) -> Set<String> {
    let costs = Dictionary(grouping: runs, by: \.configuration.trunkIdentifier).mapValues(\.trainingFlops)
    let order = costs.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
    let own = order.enumerated().filter { rank, _ in
      let (round, place) = rank.quotientAndRemainder(dividingBy: count)
      return (round.isMultiple(of: 2) ? place : count - 1 - place) == number - 1
    }
    return Set(own.map(\.element))
  }
}
