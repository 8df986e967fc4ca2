import RandomNumbers

/// A pseudo-random permutation of 0 ..< count in constant memory: a Feistel network of four rounds on the smallest even
/// number of bits that can represent the indices. It is applied repeatedly until the result is in range (cycle
/// walking).
public struct Shuffle: Sendable, RandomAccessCollection {
  /// The number of elements.
  public let count: Int
  private let key: UInt64
  private let half: UInt64

  /// Creates the permutation of `count` (at least 0) numbers that `key` selects.
  public init(count: Int, key: UInt64) {
    self.count = count
    self.key = key
    let bits = UInt64.bitWidth - UInt64(Swift.max(count, 2) - 1).leadingZeroBitCount
    half = UInt64(bits + 1) / 2
  }

  public var startIndex: Int { 0 }
  public var endIndex: Int { count }

  /// Returns the element at `index`, which must be in 0 ..< count.
  public subscript(index: Int) -> Int {
    precondition(indices.contains(index), "Shuffle: \(index) is not in 0 ..< \(count)")
    let mask = (1 << half) - 1 as UInt64
    var x = UInt64(index)
    repeat {
      var (left, right) = (x >> half, x & mask)
      for round in 0..<4 as Range<UInt64> {
        (left, right) = (right, left ^ mix(key ^ round << 56, right) & mask)
      }
      x = left << half | right
    } while x >= UInt64(count)
    return Int(x)
  }
}
