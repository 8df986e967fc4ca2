/// The fraction of windows whose T tokens occur elsewhere: of training windows before, at any position of the training
/// text, and of validation windows in the training text.
package struct RepeatedWindows: Sendable, Encodable {
  /// The number of tokens of a window, T.
  package let context: Int
  /// The fraction of the training windows that repeat earlier training text.
  package let training: Double
  /// The fraction of the validation windows that occur in the training text.
  package let validation: Double

  /// Compares windows by hashes of 64 bits.
  ///
  /// - Parameters:
  ///   - training: Texts that are cut into windows of `context` tokens from their first token on.
  ///   - validation: The same for validation.
  package init(training: [[UInt16]], validation: [[UInt16]], context: Int) {
    self.context = context
    var table = Table(count: Self.windowCount(training, context) + Self.windowCount(validation, context))
    for text in training + validation {
      Self.forEachSpan(of: text, context) { start, hash in if start % context == 0 { table.insert(hash) } }
    }
    var (repeated, windows) = (0, 0)
    for text in training {
      Self.forEachSpan(of: text, context) { start, hash in
        let isRepeated = table.find(hash)
        guard start % context == 0 else { return }
        windows += 1
        if isRepeated { repeated += 1 }
      }
    }
    self.training = Double(repeated) / Double(max(windows, 1))
    (repeated, windows) = (0, 0)
    for text in validation {
      Self.forEachSpan(of: text, context) { start, hash in
        guard start % context == 0 else { return }
        windows += 1
        if table.isFound(hash) { repeated += 1 }
      }
    }
    self.validation = Double(repeated) / Double(max(windows, 1))
  }

  private static func windowCount(_ texts: [[UInt16]], _ context: Int) -> Int {
    texts.reduce(0) { $0 + $1.count / context }
  }

  private static func forEachSpan(of text: [UInt16], _ context: Int, _ body: (Int, UInt64) -> Void) {
    text.withUnsafeBufferPointer { RollingHash.forEachSpan(of: context, in: $0, body) }
  }

  /// The hashes of windows, with open addressing, and whether the training text has them.
  private struct Table {
    private var hashes: [UInt64]
    private var isSeen: [Bool]
    /// One bit for hashes with the same low bits, to tell most others apart without the table.
    private var filter: [UInt64]

    init(count: Int) {
      let slots = 1 << max(6, Int.bitWidth - (2 * count).leadingZeroBitCount)
      hashes = Array(repeating: 0, count: slots)
      isSeen = Array(repeating: false, count: slots)
      filter = Array(repeating: 0, count: slots / 8)
    }

    private func slot(_ hash: UInt64) -> Int {
      var slot = Int(truncatingIfNeeded: hash) & (hashes.count - 1)
      while hashes[slot] != 0, hashes[slot] != hash | 1 { slot = (slot + 1) & (hashes.count - 1) }
      return slot
    }

    private func bit(_ hash: UInt64) -> (word: Int, mask: UInt64) {
      (Int(truncatingIfNeeded: hash >> 40) & (filter.count - 1), 1 << (hash >> 34 & 63))
    }

    mutating func insert(_ hash: UInt64) {
      hashes[slot(hash)] = hash | 1
      let (word, mask) = bit(hash)
      filter[word] |= mask
    }

    /// Returns whether the training text had the span before, and records it.
    mutating func find(_ hash: UInt64) -> Bool {
      let (word, mask) = bit(hash)
      guard filter[word] & mask != 0 else { return false }
      let slot = slot(hash)
      guard hashes[slot] != 0 else { return false }
      defer { isSeen[slot] = true }
      return isSeen[slot]
    }

    func isFound(_ hash: UInt64) -> Bool { isSeen[slot(hash)] }
  }
}
