import Foundation

/// A discrete distribution over 0 ..< count, sampled in constant time by the alias method (Walker 1977, in the form of
/// Vose 1991).
struct Distribution: Sendable {
  /// The probability of each outcome; they sum to 1.
  let probabilities: [Double]
  private let columns: [Column]

  /// A column of the alias table: outcome `i` if the fraction is at most `threshold`, else `alias`.
  private struct Column {
    var threshold: UInt64
    var alias: Int
  }

  var count: Int { columns.count }

  /// Creates the distribution proportional to `weights`. None may be negative, and at least one must be positive.
  init(weights: [Double]) {
    let total = weights.reduce(0, +)
    probabilities = weights.map { $0 / total }
    var columns = weights.indices.map { Column(threshold: .max, alias: $0) }
    var scaled = probabilities.map { $0 * Double(weights.count) }
    var small = scaled.indices.filter { scaled[$0] < 1 }
    var large = scaled.indices.filter { scaled[$0] >= 1 }
    while let low = small.popLast(), let high = large.last {
      columns[low] = Column(threshold: UInt64(scaled[low] * 0x1p63) << 1, alias: high)
      scaled[high] -= 1 - scaled[low]
      if scaled[high] < 1 {
        large.removeLast()
        small.append(high)
      }
    }
    self.columns = columns
  }

  /// Creates Zipf's law with an offset, p(k) ∝ (k + offset)^−exponent for k = 0 ..< count. Exponent 0 is uniform.
  init(zipf exponent: Double, offset: Double, count: Int) {
    self.init(weights: (0..<count).map { pow(Double($0) + offset, -exponent) })
  }

  /// Returns the outcome for 64 random bits.
  @inline(__always)
  func draw(_ bits: UInt64) -> Int {
    let (column, fraction) = bits.multipliedFullWidth(by: UInt64(columns.count))
    let chosen = columns[Int(column)]
    return fraction <= chosen.threshold ? Int(column) : chosen.alias
  }
}
