import RandomNumbers

/// The order of training windows: unchanged in the first epoch, because the windows are random already, and a new
/// random order in each further epoch. Lanes (`TokenizedCorpus.lanes`) keep their order in each.
public struct TokenOrder: Sendable {
  /// The number of windows.
  public let count: Int
  /// The seed of random orders; nil for the same order in each epoch.
  private let seed: UInt64?

  /// Creates the order of `count` (at least 1) windows for a seed.
  ///
  /// - Parameter seed: nil for the same order in each epoch.
  public init(count: Int, seed: UInt64?) {
    precondition(count > 0, "TokenOrder: no windows")
    self.count = count
    self.seed = seed
  }

  /// Returns the window at position `index`, counted from 0 over all epochs.
  public func window(at index: Int) -> Int {
    let (epoch, position) = index.quotientAndRemainder(dividingBy: count)
    guard epoch > 0, let seed else { return position }
    return Shuffle(count: count, key: mix(seed, UInt64(epoch)))[position]
  }
}
