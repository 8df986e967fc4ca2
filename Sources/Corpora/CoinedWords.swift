import Files
import Foundation
import RandomNumbers

/// An unbounded vocabulary of invented words: one syllable of `first`, then any number of `next`, with Zipf's law over
/// their ranks. Words are computed from their ranks and not stored.
///
/// The words of n + 1 syllables are a block of |first|·|next|ⁿ ranks, and shorter words come first. Within a block, the
/// rank's digits select the syllables, the least significant digit the first one, so that frequent words do not begin
/// alike. Which digit stands for which syllable depends on the syllables before it.
///
/// A prefix of whole syllables is one residue class of the ranks of each block, whose probability is a sum in closed
/// form (`EndlessZipf`). So every character has an exact cost.
package struct CoinedWords: TableWords {
  private let first, next: [[UInt8]]
  private let firstOrders, nextOrders: Orders
  private let law: EndlessZipf
  /// The table's position in the recipe.
  private let place: Words.Place
  /// The first rank of each block, and the end of the last one.
  private let starts: [Int]

  /// - Parameter first: Syllables of which none is a prefix of another. The same holds for `next`, of which there are at
  ///   least two.
  package init(first: [[UInt8]], next: [[UInt8]], law: EndlessZipf, place: Words.Place) {
    self.place = place
    self.first = first
    self.next = next
    firstOrders = Orders(count: first.count)
    nextOrders = Orders(count: next.count)
    self.law = law
    var starts = [0]
    var size = first.count
    while let start = starts.last, start < EndlessZipf.count {
      starts.append(min(start + size, EndlessZipf.count))
      size = min(size, EndlessZipf.count) * next.count
    }
    self.starts = starts
  }

  /// A prefix of whole syllables.
  private struct Node {
    /// The number of its syllables.
    var depth = 0
    /// For each block whose words may begin with it: the residue of their ranks within the block, and the key of the next
    /// digit's order.
    var blocks: [(residue: Int, key: UInt64)]
    /// The modulus of the residues: the number of prefixes of this depth.
    var step = 1
    /// The probability of the words that begin with it.
    var probability = 1.0
  }

  private func syllables(after depth: Int) -> [[UInt8]] { depth == 0 ? first : next }

  private func orders(after depth: Int) -> Orders { depth == 0 ? firstOrders : nextOrders }

  /// The key of the first digit's order in a block.
  private static func key(ofBlock block: Int) -> UInt64 { mix(4, UInt64(block)) }

  /// The empty prefix, with which every word begins.
  private var root: Node {
    Node(blocks: (0..<starts.count - 1).map { (0, Self.key(ofBlock: $0)) })
  }

  /// Returns the prefix with one more syllable.
  private func child(of node: Node, _ syllable: Int) -> Node {
    let count = syllables(after: node.depth).count
    var child = Node(depth: node.depth + 1, blocks: node.blocks, step: node.step * count, probability: 0)
    for block in node.depth..<child.blocks.count {
      let digit = orders(after: node.depth).digit(syllable, node.blocks[block].key)
      child.blocks[block].residue += digit * node.step
      child.blocks[block].key = mix(node.blocks[block].key, UInt64(syllable))
      child.probability += law.probability(
        from: starts[block] + child.blocks[block].residue, to: starts[block + 1], step: child.step)
    }
    return child
  }

  // MARK: Words

  package var size: Int? { nil }

  package var probabilities: [Double]? { nil }

  package func draw(_ bits: UInt64) -> Int { law.draw(bits) }

  /// Returns the syllables of the word of a rank, as indices.
  private func spelling(_ rank: Int) -> [Int] {
    let block = (starts.firstIndex { $0 > rank } ?? starts.count) - 1
    var (rest, key) = (rank - starts[block], Self.key(ofBlock: block))
    return (0...block).map { depth in
      let count = syllables(after: depth).count
      let syllable = orders(after: depth).syllable(rest % count, key)
      rest /= count
      key = mix(key, UInt64(syllable))
      return syllable
    }
  }

  package subscript(rank: Int) -> ArraySlice<UInt8> {
    spelling(rank).enumerated().flatMap { syllables(after: $0)[$1] }[...]
  }

  package func costs(_ rank: Int) -> ArraySlice<Double> {
    var costs: [Double] = []
    var node = root
    for syllable in spelling(rank) {
      let all = syllables(after: node.depth)
      let text = all[syllable]
      var alike = Array(all.indices)
      var before = node.probability
      var chosen = node
      // A word may end before the first byte of any syllable but the first.
      var mayEnd = node.depth > 0
      for position in text.indices {
        let remaining = alike.filter { all[$0].dropFirst(position).first == text[position] }
        guard remaining.count < alike.count || mayEnd else {
          costs.append(0)
          continue
        }
        var after = 0.0
        for other in remaining {
          let child = child(of: node, other)
          if other == syllable { chosen = child }
          after += child.probability
        }
        costs.append(log(before / after))
        (alike, before, mayEnd) = (remaining, after, false)
      }
      node = chosen.depth > node.depth ? chosen : child(of: node, syllable)
    }
    costs.append(log(node.probability / law.probability(rank)))
    return costs[...]
  }

  package var firstBytes: Set<UInt8> { Set(first.compactMap(\.first)) }

  package var characters: Set<Unicode.Scalar> {
    Set((first + next).flatMap { String(decoding: $0, as: UTF8.self).unicodeScalars })
  }

  /// A word ends where the byte after it begins no syllable.
  package func checkEnds(before terminator: UInt8?) throws {
    if let terminator, !next.contains(where: { $0.first == terminator }) { return }
    let follower = terminator.map { "`\(Character(Unicode.Scalar($0)))` follows it and begins a syllable" }
    throw InputError(
      "the end of a coined word cannot be recognized: \(follower ?? "an unknown character follows it")",
      file: place.file, line: place.line,
      remedy: "Let the template continue with another character, such as a space")
  }
}

/// Orders of the syllables at one place of a word: digit d stands for syllable (a·d + b) mod n, with a near n/φ and
/// without a common divisor with n, and b from a key.
private struct Orders {
  private let count, factor, inverse: Int

  init(count: Int) {
    self.count = count
    var factor = max(1, count * 618 / 1000)
    while gcd(factor, count) > 1 { factor += 1 }
    self.factor = factor
    inverse = (0..<count).first { factor * $0 % count == 1 % count } ?? 0
  }

  func syllable(_ digit: Int, _ key: UInt64) -> Int { (factor * digit + shift(key)) % count }

  func digit(_ syllable: Int, _ key: UInt64) -> Int { inverse * (syllable - shift(key) + count) % count }

  private func shift(_ key: UInt64) -> Int { Int(mix(key) % UInt64(count)) }
}

private func gcd(_ a: Int, _ b: Int) -> Int { b == 0 ? a : gcd(b, a % b) }
