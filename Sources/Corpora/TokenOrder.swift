import RandomNumbers

/// Which training window comes when: in their order at first (they are random already), and in a new
/// random order at each repetition.
public struct TokenOrder: Sendable {
  /// The number of windows.
  public let count: Int
  private let seed: UInt64

  /// The order of `count` (at least 1) windows that `seed` chooses.
  public init(count: Int, seed: UInt64) {
    precondition(count > 0, "TokenOrder: no windows")
    self.count = count
    self.seed = seed
  }

  /// The window that is seen `index`-th, counted from 0 over all epochs.
  public func window(at index: Int) -> Int {
    let (epoch, position) = index.quotientAndRemainder(dividingBy: count)
    return epoch == 0 ? position : Shuffle(count: count, key: mix(seed, UInt64(epoch)))[position]
  }
}
