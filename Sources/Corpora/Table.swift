import Foundation

/// A table of the recipe: words with the probabilities of their ranks.
final class Table: Sendable {
  let name: String
  let words: Words
  let distribution: Distribution
  let exponent: Double
  let offset: Double
  /// The number that each word writes, for a table of numbers.
  let numbers: ClosedRange<Int>?
  let sorted: [Int]
  /// What its words can begin with.
  let firstBytes: Set<UInt8>
  /// The cost in nats of each byte of each word, and of the byte that follows it: word `i` has those from
  /// `words.starts[i] + i` on, one more than it has bytes.
  let costs: [Double]

  init(
    name: String, words: Words, exponent: Double, offset: Double, numbers: ClosedRange<Int>? = nil
  ) {
    self.name = name
    self.words = words
    self.exponent = exponent
    self.offset = offset
    self.numbers = numbers
    distribution = Distribution(zipf: exponent, offset: offset, count: words.count)
    sorted = words.sorted()
    firstBytes = Set((0..<words.count).compactMap { words[$0].first })
    costs = prefixCosts(words: words, sorted: sorted, probabilities: distribution.probabilities)
  }
}

/// The cost of each byte of each option of a prefix-free list: −log of the probability of the options that
/// share the prefix after the byte ÷ before it. Each option has one more cost than bytes: that of the
/// byte after it, which tells it from longer options that begin with it.
///
/// `sorted` holds the options' indices in the order of their bytes, so that those with a common prefix are
/// a range.
func prefixCosts(words: Words, sorted: [Int], probabilities: [Double]) -> [Double] {
  var costs = [Double](repeating: 0, count: words.bytes.count + words.count)
  /// Charges the options in `range`, which share their first `depth` bytes and have `mass` together.
  func charge(_ range: Range<Int>, depth: Int, mass: Double) {
    var (depth, mass, agree) = (depth, mass, false)
    // Bytes in which all agree are gone through here: a call for each would exhaust the stack of a long text.
    while let first = range.first, let last = range.last,
      let byte = words[sorted[first]].dropFirst(depth).first,
      words[sorted[last]].dropFirst(depth).first == byte
    {
      depth += 1
      agree = true
    }
    if agree { mass = range.reduce(0) { $0 + probabilities[sorted[$1]] } }
    var start = range.lowerBound
    while start < range.upperBound {
      let option = sorted[start]
      let next = words[option].dropFirst(depth).first
      var end = start
      var part = 0.0
      while end < range.upperBound, words[sorted[end]].dropFirst(depth).first == next {
        part += probabilities[sorted[end]]
        end += 1
      }
      // Where all options agree the byte is certain, whatever rounding makes of the sums.
      let cost = start == range.lowerBound && end == range.upperBound ? 0 : log(mass / part)
      for position in start..<end {
        costs[words.starts[sorted[position]] + sorted[position] + depth] = cost
      }
      if next != nil { charge(start..<end, depth: depth + 1, mass: part) }
      start = end
    }
  }
  charge(0..<words.count, depth: 0, mass: probabilities.reduce(0, +))
  return costs
}
