/// The correlations of tokens at a distance:
///
///     C(n) = √(Σ (P(xᵢ = a, xᵢ₊ₙ = b) − P(xᵢ = a) P(xᵢ₊ₙ = b))²) over all pairs of tokens a, b,
///
/// the Frobenius norm of the covariance of token indicators. Squares of counts would add the variance of the counts. So
/// the text is divided into eight parts, and the square is the mean of the products of two different parts, whose
/// errors are independent. Its standard error is that of the jackknife over the parts.
package struct TokenCorrelations: Sendable {
  /// The correlation at one distance.
  package struct Correlation: Sendable, Encodable {
    /// The distance, n.
    package let n: Int
    /// C(n); nil if the estimate of its square is not positive.
    package let value: Double?
    package let standardError: Double?
    /// Whether the square exceeds twice its standard error, here and at all smaller distances.
    package let isSignificant: Bool
  }

  /// Tokens are counted alone up to this number, the most frequent ones. All others count as one.
  package static let mostClasses = 512
  /// The largest distance.
  package static let farthest = 1024
  /// The number of parts of the text.
  private static let parts = 8
  /// Longer documents are divided, so that all parts have text of all of them.
  private static let blockTokens = 1 << 16

  /// The correlations, in the order of distances.
  package let correlations: [Correlation]
  /// The number of tokens that were counted.
  package let tokens: Int
  /// The number of different tokens, or classes of them.
  package let classes: Int

  /// Counts pairs within each document.
  package init(_ documents: [[UInt16]], vocabulary: Int) {
    let blocks = documents.flatMap { document in
      stride(from: 0, to: document.count, by: Self.blockTokens).map {
        document[$0..<min($0 + Self.blockTokens, document.count)]
      }
    }
    tokens = blocks.reduce(0) { $0 + $1.count }
    var frequency = [Int](repeating: 0, count: vocabulary)
    for block in blocks { for token in block { frequency[Int(token)] += 1 } }
    let present = frequency.indices.filter { frequency[$0] > 0 }
      .sorted { (frequency[$1], $0) < (frequency[$0], $1) }
    classes = min(present.count, Self.mostClasses)
    var classOf = [UInt16](repeating: UInt16(max(classes - 1, 0)), count: vocabulary)
    for (index, token) in present.prefix(classes).enumerated() { classOf[token] = UInt16(index) }
    // Each part gets the next block when it has the fewest tokens.
    var divided = [[[UInt16]]](repeating: [], count: Self.parts)
    var sizes = [Int](repeating: 0, count: Self.parts)
    for block in blocks {
      let part = sizes.indices.min { sizes[$0] < sizes[$1] } ?? 0
      divided[part].append(block.map { classOf[Int($0)] })
      sizes[part] += block.count
    }
    var isSignificant = true
    correlations = Self.distances.compactMap { [classes] distance -> Correlation? in
      let covariances = divided.compactMap { Self.covariance($0, distance: distance, classes: classes) }
      guard covariances.count == Self.parts else { return nil }
      let (square, error) = Self.square(of: covariances)
      isSignificant = isSignificant && square > 2 * error
      let value = square > 0 ? square.squareRoot() : nil
      return Correlation(
        n: distance, value: value, standardError: value.map { error / (2 * $0) }, isSignificant: isSignificant
      )
    }
  }

  /// The correlations that stand out from their errors.
  package var significant: [(n: Int, value: Double)] {
    correlations.compactMap { correlation in
      correlation.isSignificant ? correlation.value.map { (correlation.n, $0) } : nil
    }
  }

  /// Distances that grow by about √2: 1, 2, 3, 4, 6, 8, 11, 16, …
  private static let distances: [Int] = {
    var (distances, next) = ([Int](), 1.0)
    while next < Double(farthest) + 0.5 {
      let distance = Int(clamping: next.rounded())
      if distance != distances.last { distances.append(distance) }
      next *= 2.0.squareRoot()
    }
    return distances
  }()

  /// Returns the covariance matrix of one part; nil if it has no pair at this distance.
  private static func covariance(_ blocks: [[UInt16]], distance: Int, classes: Int) -> [Double]? {
    var counts = [UInt32](repeating: 0, count: classes * classes)
    var pairs = 0
    for block in blocks where block.count > distance {
      pairs += block.count - distance
      block.withUnsafeBufferPointer { block in
        for index in 0..<block.count - distance {
          counts[Int(block[index]) * classes + Int(block[index + distance])] += 1
        }
      }
    }
    guard pairs > 0 else { return nil }
    var (first, second) = ([Double](repeating: 0, count: classes), [Double](repeating: 0, count: classes))
    var covariance = counts.map { Double($0) / Double(pairs) }
    for a in 0..<classes {
      for b in 0..<classes {
        first[a] += covariance[a * classes + b]
        second[b] += covariance[a * classes + b]
      }
    }
    for a in 0..<classes {
      for b in 0..<classes { covariance[a * classes + b] -= first[a] * second[b] }
    }
    return covariance
  }

  /// Returns the squared norm without the variance of the parts, and its standard error.
  private static func square(of parts: [[Double]]) -> (value: Double, error: Double) {
    var products = [[Double]](repeating: [Double](repeating: 0, count: parts.count), count: parts.count)
    for one in parts.indices {
      for two in 0..<one {
        var sum = 0.0
        parts[one].withUnsafeBufferPointer { a in
          parts[two].withUnsafeBufferPointer { b in
            for index in a.indices { sum += a[index] * b[index] }
          }
        }
        (products[one][two], products[two][one]) = (sum, sum)
      }
    }
    let count = Double(parts.count)
    let total = products.joined().reduce(0, +)
    // A part takes part in the products of its row and of its column.
    let without = products.map { (total - 2 * $0.reduce(0, +)) / ((count - 1) * (count - 2)) }
    let mean = without.reduce(0, +) / count
    let squares = without.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (total / (count * (count - 1)), ((count - 1) / count * squares).squareRoot())
  }
}
