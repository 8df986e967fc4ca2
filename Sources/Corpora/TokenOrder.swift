import RandomNumbers

/// The order of training windows: unchanged in the first epoch, because the windows are random already, and a new
/// random order in each further epoch.
public struct TokenOrder: Sendable {
  /// The number of windows.
  public let count: Int
  private let seed: UInt64

  /// Creates the order of `count` (at least 1) windows for a seed.
  public init(count: Int, seed: UInt64) {
    precondition(count > 0, "TokenOrder: no windows")
    self.count = count
    self.seed = seed
  }

  /// Returns the window at position `index`, counted from 0 over all epochs.
  public func window(at index: Int) -> Int {
    let (epoch, position) = index.quotientAndRemainder(dividingBy: count)
    return epoch == 0 ? position : Shuffle(count: count, key: mix(seed, UInt64(epoch)))[position]
  }
}
