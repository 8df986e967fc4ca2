/// A comparison of one quantity between several fits: its differences, its monotonicity and its slope.
///
/// All results are computed for each bootstrap draw of the fits. Fits to the same clusters were resampled identically,
/// so the noise that their runs have in common cancels in differences. The draws of other fits are shuffled, because
/// equal seeds would correlate them spuriously.
public struct Comparison: Sendable, Codable {
  /// The expected direction of the values, in the order of the fits.
  public enum Trend: String, CaseIterable, Sendable, Codable { case rising, falling }

  /// The values, in the order of the fits.
  public let values: [Estimate]
  /// The difference of each value after the first from the first.
  public let fromFirst: [Estimate]
  /// The difference of each value after the first from the one before it.
  public let fromPrevious: [Estimate]
  /// The fraction of draws in which the values follow the trend throughout; nil without a trend or without draws.
  public let ordered: Double?
  /// The slope of a straight line through the values; nil without `places`.
  public let slope: Estimate?
  /// True if all fits have the same design, so that their draws are paired.
  public let isPaired: Bool

  /// Compares estimates of one quantity.
  ///
  /// - Parameters:
  ///   - estimates: The estimates of at least two fits.
  ///   - designs: A text for each fit that identifies the resampled clusters; draws of equal designs are paired.
  ///   - places: The position of each fit on the axis of `slope`.
  /// - Throws: `FitError` if there are fewer than two estimates.
  public init(
    _ estimates: [Estimate], designs: [String], at places: [Double]? = nil, trend: Trend? = nil,
    seed: UInt64 = 1
  ) throws {
    guard estimates.count >= 2 else { throw FitError("a comparison needs at least two fits") }
    let samples = Self.samples(estimates, designs, seed)
    let symbol = estimates[0].symbol
    let central = estimates.map(\.value)
    // The intervals of the smallest sample are widened most, and so are those of all quantities computed from it.
    let isUndetermined = estimates.contains { !$0.identified }
    let estimate = Estimator(
      of: central, draws: samples,
      spread: estimates.map(\.spread).max { $0.widening < $1.widening } ?? .percentiles,
      isUndetermined: isUndetermined)
    let unit = estimates[0].unit
    values = estimates
    fromFirst = estimates.indices.dropFirst().map { index in
      estimate("difference from the first", "Δ\(symbol)", unit) { $0[index] - $0[0] }
    }
    fromPrevious = estimates.indices.dropFirst().map { index in
      estimate("difference from the one before", "Δ\(symbol)", unit) { $0[index] - $0[index - 1] }
    }
    ordered = trend.flatMap { trend in
      let count = samples.count { values in
        zip(values, values.dropFirst()).allSatisfy { trend == .rising ? $0 < $1 : $0 > $1 }
      }
      return samples.isEmpty ? nil : Double(count) / Double(samples.count)
    }
    slope = places.map { places in
      estimate("slope", "slope of \(symbol)") { line(places, $0)?.slope ?? .nan }
    }
    isPaired = Set(designs).count == 1 && !samples.isEmpty
  }

  /// Returns the joint draws of all values, without those that are not finite.
  private static func samples(_ estimates: [Estimate], _ designs: [String], _ seed: UInt64) -> [[Double]] {
    let count = estimates.map(\.draws.count).min() ?? 0
    let orders = Dictionary(
      zip(Set(designs).sorted(), 0...).map { design, stream in
        (design, order(of: count, seed: seed, stream: stream))
      }, uniquingKeysWith: { first, _ in first })
    return (0..<count).map { sample in
      zip(estimates, designs).map { $0.draws[orders[$1]?[sample] ?? sample] }
    }.filter { $0.allSatisfy(\.isFinite) }
  }

  /// Returns 0 ..< count in random order (Fisher and Yates).
  private static func order(of count: Int, seed: UInt64, stream: Int) -> [Int] {
    var order = Array(0..<count)
    var generator = SeededGenerator(seed: seed, stream: stream)
    for index in order.indices.reversed() {
      order.swapAt(index, generator.index(below: index + 1))
    }
    return order
  }
}
