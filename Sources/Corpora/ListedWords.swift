import Foundation

/// Words of a list in memory, with Zipf's law over their ranks.
struct ListedWords: TableWords {
  let words: Words
  private let distribution: Distribution
  /// The indices of the words in the order of their bytes.
  private let sorted: [Int]
  /// The costs of all words. Those of word `i` start at index `words.starts[i] + i`; there is one more than the word has
  /// bytes.
  private let costs: [Double]

  init(_ words: Words, exponent: Double, offset: Double) {
    self.init(words, Distribution(zipf: exponent, offset: offset, count: words.count))
  }

  init(_ words: Words, weights: [Double]) { self.init(words, Distribution(weights: weights)) }

  private init(_ words: Words, _ distribution: Distribution) {
    self.words = words
    self.distribution = distribution
    sorted = words.sorted()
    costs = prefixCosts(words: words, sorted: sorted, probabilities: distribution.probabilities)
  }

  var size: Int? { words.count }

  var probabilities: [Double]? { distribution.probabilities }

  var firstBytes: Set<UInt8> { Set((0..<words.count).compactMap { words[$0].first }) }

  var characters: Set<Unicode.Scalar> { Set(String(decoding: words.bytes, as: UTF8.self).unicodeScalars) }

  func draw(_ bits: UInt64) -> Int { distribution.draw(bits) }

  subscript(rank: Int) -> ArraySlice<UInt8> { words[rank] }

  func costs(_ rank: Int) -> ArraySlice<Double> {
    let start = words.starts[rank] + rank
    return costs[start...(start + words[rank].count)]
  }

  func checkEnds(before terminator: UInt8?) throws {
    try words.checkPrefixFree(terminator: terminator, sorted: sorted)
  }
}

/// Returns the costs, in nats, of each byte of each option of a prefix-free list: −log of the byte's probability given
/// the bytes of the option before it. Each option has one more cost than bytes: that of the byte after it, which
/// distinguishes it from longer options that begin with it.
///
/// - Parameter sorted: The options' indices in the order of their bytes, so that options with a common prefix are
///   adjacent.
func prefixCosts(words: Words, sorted: [Int], probabilities: [Double]) -> [Double] {
  var costs = [Double](repeating: 0, count: words.bytes.count + words.count)
  /// Sets the costs of the options in `range`, which have their first `depth` bytes in common and probability `mass`.
  func charge(_ range: Range<Int>, depth: Int, mass: Double) {
    var (depth, mass, agree) = (depth, mass, false)
    // Bytes that all options have in common are skipped in a loop: recursion would exhaust the stack for long texts.
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
      // If all options agree, the byte is certain: its cost is exactly 0, without the rounding of the sums.
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
