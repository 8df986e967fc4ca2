import Autograd
import Corpora
import Foundation
import Models

/// What a model knows of its text's associations, from its probabilities.
///
/// A fact is an associated word. A reader who does not know it pays −ln p, with p the frequency of the word in its table;
/// the model pays its own loss. The difference, summed over all facts, is what the model knows, in bits. This is the
/// measure of Allen-Zhu and Li (2024, arXiv:2404.05405) for facts of known distribution.
public struct Knowledge: Codable, Hashable, Sendable {
  /// The facts about a range of words.
  public struct Group: Codable, Hashable, Sendable {
    /// The first and the last rank of the words, from 1 on, or the least and the greatest number of times that they were
    /// seen.
    public let first: Int
    public let last: Int
    public let facts: Int
    /// The bits of all facts.
    public let bits: Double
    /// The bits that the model knows.
    public let known: Double
    /// The model's loss on a fact in nats, the mean.
    public let loss: Double
  }

  /// The facts about all words.
  public let all: Group
  /// The bits that the model knows with weights rounded to int8.
  public let knownInInt8: Double
  /// The facts by frequency rank of their word: ranks 1, 2–3, 4–7, ….
  public let byRank: [Group]
  /// The facts by how often their word was seen in training: 0, 1, 2–3, 4–7, … times.
  public let bySeen: [Group]
}

extension Knowledge {
  /// - Parameters:
  ///   - losses: The model's loss on each fact, in the order of the probe.
  ///   - rounded: The same with rounded weights.
  ///   - seen: How often each word was seen, by table and word.
  init(_ probe: KnowledgeProbe, losses: [Double], rounded: [Double], seen: [[Int]]) {
    let facts = probe.facts.flatMap { $0 }
    /// The facts in groups of values n, 2n … that begin at powers of two.
    func groups(_ value: (KnowledgeProbe.Fact) -> Int) -> [Group] {
      let groups = Dictionary(grouping: facts.indices) { index in
        let value = value(facts[index])
        return value == 0 ? 0 : Int.bitWidth - value.leadingZeroBitCount
      }
      return groups.sorted { $0.key < $1.key }.map { bits, members in
        Group(
          first: bits == 0 ? 0 : 1 << (bits - 1), last: bits == 0 ? 0 : (1 << bits) - 1, members, facts,
          losses)
      }
    }
    let last = (facts.map(\.subject).max() ?? 0) + 1
    all = Group(first: 1, last: last, Array(facts.indices), facts, losses)
    knownInInt8 = zip(facts, rounded).reduce(0) { $0 + ($1.0.nats - $1.1) } / log(2)
    byRank = groups { $0.subject + 1 }
    bySeen =
      seen.isEmpty
      ? [] : groups { seen[$0.table].indices.contains($0.subject) ? seen[$0.table][$0.subject] : 0 }
  }
}

extension Knowledge.Group {
  fileprivate init(
    first: Int, last: Int, _ members: [Int], _ facts: [KnowledgeProbe.Fact], _ losses: [Double]
  ) {
    self.first = first
    self.last = last
    self.facts = members.count
    bits = members.reduce(0) { $0 + facts[$1].nats } / log(2)
    let loss = members.reduce(0) { $0 + losses[$1] }
    known = bits - loss / log(2)
    self.loss = loss / Double(members.count)
  }
}

extension KnowledgeProbe {
  /// Returns a model's loss on each fact in nats.
  ///
  /// - Parameter beforeRound: Called every few windows; what it throws ends the measurement.
  func losses(
    _ passes: ForwardPasses, parameters: FloatBuffer, beforeRound: () throws -> Void
  ) rethrows -> [Double] {
    var losses: [Double] = []
    let round = 8 * passes.chunk
    for start in stride(from: 0, to: windows.count, by: round) {
      try beforeRound()
      let range = start..<min(start + round, windows.count)
      losses += passes(windows, range, parameters: parameters) { window, arena, row in
        facts[window].map { fact in
          fact.targets.reduce(0) { $0 + Double(arena.output[row + $1]) }
        }
      }.joined()
    }
    return losses
  }
}
