/// A table of the recipe: words with the probabilities of their ranks.
struct Table: Sendable {
  let name: String
  let words: any TableWords
  let exponent: Double
  let offset: Double
  /// The numbers that the words represent; nil if it is not a table of numbers.
  var numbers: ClosedRange<Int>?
  /// The number of words that have associations; those after them are the strangers of junk. Nil for all words.
  var known: Int?

  /// Whether a word is a stranger, whose associates are drawn anew each time.
  func isStranger(_ word: Int) -> Bool { known.map { word >= $0 } ?? false }
}
