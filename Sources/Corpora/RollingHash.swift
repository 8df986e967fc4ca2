import RandomNumbers

/// Hashes of all spans of one length of a text, one after the other: polynomials of its elements modulo 2⁶⁴ (Karp and
/// Rabin 1987), mixed.
struct RollingHash {
  private static let base: UInt64 = 0x9E37_79B9_7F4A_7C15
  /// The factor of the element that leaves the span.
  private let leaving: UInt64
  private var sum: UInt64 = 0

  /// - Parameter length: The number of elements of a span, at least 1.
  init(length: Int) {
    leaving = (0..<length).reduce(1) { factor, _ in factor &* Self.base }
  }

  /// Appends an element.
  @inline(__always)
  mutating func append(_ element: some BinaryInteger) {
    sum = sum &* Self.base &+ UInt64(truncatingIfNeeded: element) &+ 1
  }

  /// Removes the element that was appended `length` elements before the last one.
  @inline(__always)
  mutating func remove(_ element: some BinaryInteger) {
    sum = sum &- leaving &* (UInt64(truncatingIfNeeded: element) &+ 1)
  }

  /// The hash of the elements.
  var value: UInt64 { mix(sum) }

  /// Calls `body` with the start and the hash of each span of `length` elements.
  static func forEachSpan<Element: BinaryInteger>(
    of length: Int, in text: UnsafeBufferPointer<Element>, _ body: (Int, UInt64) -> Void
  ) {
    var hash = RollingHash(length: length)
    for index in text.indices {
      hash.append(text[index])
      if index >= length { hash.remove(text[index - length]) }
      if index >= length - 1 { body(index - length + 1, hash.value) }
    }
  }
}
