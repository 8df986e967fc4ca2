/// Finds text that repeats earlier text: spans of at least 100 bytes that occur before, in the same document or in an
/// earlier one.
///
/// Of all spans of 40 bytes, the one in 16 that its hash selects is looked up among earlier ones, and what is found is
/// compared byte by byte in both directions. A repeat of 100 bytes is missed with a probability of 2 %, one of 200 bytes
/// with 3·10⁻⁵.
package struct RepeatedText: Sendable {
  /// The least length of a repeat, in bytes.
  package static let leastBytes = 100
  private static let spanBytes = 40
  /// Spans whose hash is a multiple of this are looked up.
  private static let sample: UInt64 = 16
  /// The bits of an entry that hold the position.
  private static let positionMask: UInt64 = 1 << 40 - 1

  /// All earlier text.
  private var text: [UInt8] = []
  /// A hash table with open addressing: the first position of a span plus 1, below bits of its hash.
  private var entries: [UInt64]
  private var used = 0

  /// Creates an empty text.
  ///
  /// - Parameter bytes: The number of bytes that it will have. Repeats of text beyond are not found.
  package init(bytes: Int) {
    // About half of the slots will be used.
    let spans = 2 * bytes / Int(Self.sample)
    entries = Array(repeating: 0, count: 1 << max(12, Int.bitWidth - spans.leadingZeroBitCount))
    text.reserveCapacity(bytes)
  }

  /// Returns the number of bytes of a document that repeat earlier text, and adds it to the text.
  ///
  /// - Parameter most: A document with more repeated bytes is not added.
  package mutating func add(_ document: [UInt8], unlessAbove most: Double = .infinity) -> Int {
    let (repeated, spans) = scan(document, isAdding: true)
    if Double(repeated) > most {
      // In reverse order, every removal restores the table before the entry.
      for slot in spans.reversed() { entries[slot] = 0 }
      used -= spans.count
      text.removeLast(document.count)
    }
    return repeated
  }

  /// Returns the number of bytes of a document that occur in the text, in spans of at least `leastBytes`.
  package mutating func bytes(of document: [UInt8]) -> Int {
    let repeated = scan(document, isAdding: false).repeated
    text.removeLast(document.count)
    return repeated
  }

  /// Appends a document, and returns the number of its bytes that repeat earlier text, and its new entries.
  private mutating func scan(_ document: [UInt8], isAdding: Bool) -> (repeated: Int, spans: [Int]) {
    let start = text.count
    text.append(contentsOf: document)
    var (repeated, covered, spans) = (0, start, [Int]())
    text.withUnsafeBufferPointer { text in
      RollingHash.forEachSpan(
        of: Self.spanBytes, in: UnsafeBufferPointer(rebasing: text[start...])
      ) { offset, hash in
        guard hash % Self.sample == 0 else { return }
        let position = start + offset
        let slot = slot(hash)
        let entry = entries[slot]
        if entry == 0 {
          if isAdding, 4 * used < 3 * entries.count {
            entries[slot] = hash & ~Self.positionMask | UInt64(position + 1)
            spans.append(slot)
            used += 1
          }
          return
        }
        guard position + Self.spanBytes > covered else { return }
        let earlier = Int(entry & Self.positionMask) - 1
        let end = isAdding ? position : start
        var (back, length) = (0, 0)
        while earlier + length < end, position + length < text.count,
          text[earlier + length] == text[position + length]
        { length += 1 }
        while back < earlier, position - back > start,
          position - back > covered || back + length < Self.leastBytes,
          text[earlier - back - 1] == text[position - back - 1]
        { back += 1 }
        guard back + length >= Self.leastBytes else { return }
        repeated += max(0, position + length - max(covered, position - back))
        covered = max(covered, position + length)
      }
    }
    return (repeated, spans)
  }

  /// Returns the slot of a span, or the free one where it belongs.
  private func slot(_ hash: UInt64) -> Int {
    let mask = entries.count - 1
    var slot = Int(truncatingIfNeeded: hash >> 4) & mask
    while entries[slot] != 0, (entries[slot] ^ hash) & ~Self.positionMask != 0 { slot = (slot + 1) & mask }
    return slot
  }
}
