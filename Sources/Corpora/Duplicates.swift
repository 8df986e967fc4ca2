import RandomNumbers

/// Windows of the training text that come several times, at random places of the training; all others come once.
public struct Duplicates: Codable, Hashable, Sendable {
  /// The fraction of the training windows that are copies of such windows, above 0 and at most 1.
  public var fraction: Double
  /// How often each of them comes, at least 2.
  public var times: Int

  /// Creates duplicates.
  public init(fraction: Double, times: Int) {
    self.fraction = fraction
    self.times = times
  }

  /// The number of different windows that come several times, of `count` windows.
  private func repeated(of count: Int) -> Int {
    let copies = (fraction * Double(count)).rounded()
    return Int(exactly: copies).map { $0 / times } ?? 0
  }

  /// The number of different windows among `count`.
  func distinct(of count: Int) -> Int { count - repeated(of: count) * (times - 1) }

  /// Returns which of the different windows stands at each of `count` places.
  func windows(_ count: Int, seed: UInt64) -> [Int] {
    let repeated = repeated(of: count)
    return Shuffle(count: count, key: mix(6, seed)).map { place in
      place < repeated * times ? place / times : place - repeated * (times - 1)
    }
  }
}
