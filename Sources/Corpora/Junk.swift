/// Junk in the training text: facts that never come again.
///
/// Where a passage names a word that has associations, such as a villager who has a trade, a fraction of the passages
/// names a stranger in its place: a word of the same syllables beyond those of the table. The associates of strangers
/// are drawn anew each time, so that nothing about them can be learned. A model that cannot tell strangers apart spends
/// capacity on them (Allen-Zhu and Li 2024, arXiv:2404.05405, section 10).
public struct Junk: Codable, Hashable, Sendable {
  /// The fraction of the passages with such a word that are junk, above 0 and below 1.
  public var fraction: Double
  /// Whether a tag in front of the stranger tells that the passage is junk.
  public var isTagged: Bool

  /// The tag.
  static let tag = UInt8(ascii: "#")
  /// The number of strangers of a table, if its syllables make that many.
  static let strangers = 100_000

  /// Creates junk.
  public init(fraction: Double, isTagged: Bool) {
    self.fraction = fraction
    self.isTagged = isTagged
  }

  /// Returns the words of a table and its strangers, with their probabilities.
  ///
  /// - Parameters:
  ///   - words: The words of the table, and after them its strangers.
  ///   - known: The number of words of the table.
  func words(_ words: Words, known: Int, exponent: Double, offset: Double) -> ListedWords {
    var all = Words()
    for word in 0..<words.count {
      let isTagged = isTagged && word >= known
      all.append(isTagged ? [Self.tag] + words[word] : Array(words[word]), from: words.places[word])
    }
    let own = Distribution(zipf: exponent, offset: offset, count: known).probabilities
    let strangers = words.count - known
    return ListedWords(
      all,
      weights: own.map { (1 - fraction) * $0 }
        + Array(repeating: fraction / Double(strangers), count: strangers))
  }
}
