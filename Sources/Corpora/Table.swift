/// A table of the recipe: words with the probabilities of their ranks.
struct Table: Sendable {
  let name: String
  let words: any TableWords
  let exponent: Double
  let offset: Double
  /// The numbers that the words represent; nil if it is not a table of numbers.
  var numbers: ClosedRange<Int>?
}
