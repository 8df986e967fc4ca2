#if canImport(Glibc)
  import Glibc
#endif

/// How often a text names each of the words that its recipe says facts about, such as villagers: the words of bounded tables
/// with associations of one word. In text without such words, each word counts as a name.
public struct NameCounts: Sendable {
  /// The number of times of each name that the text has, by its bytes.
  private var counts: [[UInt8]: Int] = [:]

  /// The least number of times of a name that the tail's exponent is measured on.
  private static let least = 5
  /// The least number of such names.
  private static let fewest = 10

  /// Counts the names in some windows. A word that a window's end cuts does not count.
  ///
  /// - Parameter known: The names; nil if each word is one.
  init(_ windows: TokenWindows, at places: [Int], tokenizer: any Tokenizer, known: Set<[UInt8]>?) {
    for place in places {
      var word: [UInt8] = []
      for token in windows[place] {
        for byte in tokenizer.bytes(of: Int(token)) {
          if Self.isOfWord(byte) {
            word.append(byte)
          } else if !word.isEmpty {
            if known?.contains(word) ?? true { counts[word, default: 0] += 1 }
            word.removeAll(keepingCapacity: true)
          }
        }
      }
    }
  }

  /// Letters, and all bytes of characters beyond ASCII.
  private static func isOfWord(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte >= 0x80
  }

  /// Whether a word can be found by its letters.
  static func isWord(_ bytes: some Sequence<UInt8>) -> Bool { bytes.allSatisfy(isOfWord) }

  /// Returns the number of different names that another text has too.
  public func count(sharedWith other: NameCounts) -> Int { counts.keys.count { other.counts[$0] != nil } }

  /// Zipf's exponent s of the names, f ∝ rank^−s, by the estimator of Hill (1975) with the correction for whole numbers of
  /// Clauset, Shalizi and Newman (2009, eq. 3.7). Frequencies above a least one m exceed n with a probability ∝ n^(−1/s), so
  ///
  ///     s = mean of ln(n/(m − ½)) over the names that come n ≥ m times.
  ///
  /// Nil if too few names come that often.
  public var tailExponent: Double? {
    let logarithms = counts.values.filter { $0 >= Self.least }.sorted().map {
      log(Double($0) / (Double(Self.least) - 0.5))
    }
    guard logarithms.count >= Self.fewest else { return nil }
    return logarithms.reduce(0, +) / Double(logarithms.count)
  }
}

extension Grammar {
  /// The words of bounded tables that have associations of one word; nil if there are none that can be found by their
  /// letters.
  var names: Set<[UInt8]>? {
    var names: Set<[UInt8]> = []
    for association in associations where association.ranks.count == 1 {
      let table = tables[association.of]
      for word in 0..<(table.known ?? table.words.size ?? 0) where NameCounts.isWord(table.words[word]) {
        names.insert(Array(table.words[word]))
      }
    }
    return names.isEmpty ? nil : names
  }
}
