/// The words of a table with their probabilities. A word is known by its rank, 0 for the most frequent.
package protocol TableWords: Sendable {
  /// The number of words; nil if it is unbounded.
  var size: Int? { get }
  /// The probability of each rank; nil if there are too many to list.
  var probabilities: [Double]? { get }
  /// The bytes that words begin with.
  var firstBytes: Set<UInt8> { get }
  /// The characters of all words.
  var characters: Set<Unicode.Scalar> { get }
  /// Returns the rank for 64 random bits.
  func draw(_ bits: UInt64) -> Int
  /// Returns the bytes of a word.
  subscript(rank: Int) -> ArraySlice<UInt8> { get }
  /// Returns the cost in nats of each byte of a word, and of the byte after it, which distinguishes the word from longer
  /// ones that begin with it.
  func costs(_ rank: Int) -> ArraySlice<Double>
  /// Checks that each word and its end can be recognized in a text in which `terminator` follows it (nil: an unknown
  /// byte).
  ///
  /// - Throws: `InputError` at the line of the user's files that violates this.
  func checkEnds(before terminator: UInt8?) throws
}
