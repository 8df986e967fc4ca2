import Files

#if canImport(Glibc)
  import Glibc
#endif

/// A list of words in order of frequency rank, each with its position in the user's files.
package struct Words: Sendable {
  /// The position of a word.
  package struct Place: Sendable {
    let file: String
    let line: Int?

    package init(file: String, line: Int?) {
      self.file = file
      self.line = line
    }
  }

  private(set) var bytes: [UInt8] = []
  private(set) var starts: [Int] = [0]
  private(set) var places: [Place] = []

  var count: Int { starts.count - 1 }

  mutating func append(_ word: some Sequence<UInt8>, from place: Place) {
    bytes.append(contentsOf: word)
    starts.append(bytes.count)
    places.append(place)
  }

  /// Returns the bytes of a word.
  subscript(index: Int) -> ArraySlice<UInt8> { bytes[starts[index]..<starts[index + 1]] }

  func text(_ index: Int) -> String { String(decoding: self[index], as: UTF8.self) }

  func error(_ message: String, at index: Int, remedy: String) -> InputError {
    InputError(message, file: places[index].file, line: places[index].line, remedy: remedy)
  }

  /// Returns the indices of the words in the order of their bytes, so that words with a common prefix are adjacent.
  func sorted() -> [Int] {
    bytes.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return Array(0..<count) }
      return (0..<count).sorted { first, second in
        let (one, other) = (starts[first + 1] - starts[first], starts[second + 1] - starts[second])
        let order = memcmp(base + starts[first], base + starts[second], min(one, other))
        return order == 0 ? one < other : order < 0
      }
    }
  }

  /// Checks that no word followed by `terminator` (nil: by an unknown byte) is a prefix of another word, so that each
  /// word and its end can be recognized in the text.
  ///
  /// - Throws: `InputError` at the word that violates this or occurs twice.
  func checkPrefixFree(terminator: UInt8?, sorted: [Int]) throws {
    for (position, first) in sorted.enumerated() {
      let word = self[first]
      for second in sorted[(position + 1)...] {
        guard self[second].starts(with: word) else { break }
        let next = self[second].dropFirst(word.count).first
        if next == nil {
          throw error(
            "the option `\(text(second))` occurs twice in one table", at: max(first, second),
            remedy: "Remove one")
        }
        if terminator == nil || next == terminator {
          let follower = terminator.map { " (with the `\(Character(Unicode.Scalar($0)))` that follows it)" }
          throw error(
            "the option `\(text(first))`\(follower ?? "") is a prefix of the option `\(text(second))`",
            at: max(first, second),
            remedy:
              "Change or remove one, or let the template continue with a character that distinguishes them")
        }
      }
    }
  }
}
