/// One quantity of several fits side by side: its differences, whether it rises or falls, and its slope.
///
/// Everything is computed draw by draw of the fits' bootstraps. Fits to the same clusters were resampled alike,
/// so that what their runs have in common cancels in a difference; the draws of other fits are shuffled, since
/// equal seeds would make them move together for no reason.
public struct Comparison: Sendable, Codable {
  /// How the values are thought to go on, in the order of the fits.
  public enum Trend: String, CaseIterable, Sendable, Codable { case rising, falling }

  public let values: [Estimate]
  /// Each value but the first minus the first.
  public let fromFirst: [Estimate]
  /// Each value but the first minus the one before it.
  public let fromPrevious: [Estimate]
  /// The part of draws in which the values rise, or fall, throughout; nil without a trend or without draws.
  public let ordered: Double?
  /// Of a straight line through the values; nil where it is not said where they stand.
  public let slope: Estimate?
  /// Whether all draws are of the same clusters.
  public let isPaired: Bool

  /// - Parameters:
  ///   - estimates: the quantity, of at least two fits.
  ///   - designs: for each fit what was resampled, and how: equal texts mean draws that belong together.
  ///   - places: where the fits stand on an axis, one each.
  public init(
    _ estimates: [Estimate], designs: [String], at places: [Double]? = nil, trend: Trend? = nil,
    seed: UInt64 = 1
  ) throws {
    guard estimates.count >= 2 else { throw FitError("a comparison needs at least two fits") }
    let samples = Self.samples(estimates, designs, seed)
    let symbol = estimates[0].symbol
    let central = estimates.map(\.value)
    // The draws of the smallest sample must be widened most, and so must all that is made with them.
    let freedom = estimates.compactMap(\.freedom).max { $0.expandedQuantile < $1.expandedQuantile }
    let estimate = { (name: String, symbol: String, value: ([Double]) -> Double) in
      Estimate(
        name, symbol, unit: estimates[0].unit, of: central, draws: samples, freedom: freedom, value: value)
    }
    values = estimates
    fromFirst = estimates.indices.dropFirst().map { index in
      estimate("difference from the first", "Δ\(symbol)") { $0[index] - $0[0] }
    }
    fromPrevious = estimates.indices.dropFirst().map { index in
      estimate("difference from the one before", "Δ\(symbol)") { $0[index] - $0[index - 1] }
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

  /// The finite joint draws of all values.
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

  /// 0, 1, … in random order (Fisher and Yates).
  private static func order(of count: Int, seed: UInt64, stream: Int) -> [Int] {
    var order = Array(0..<count)
    var generator = SeededGenerator(seed: seed, stream: stream)
    for index in order.indices.reversed() {
      order.swapAt(index, generator.index(below: index + 1))
    }
    return order
  }
}
