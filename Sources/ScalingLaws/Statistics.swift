import Foundation

/// A closed interval, in most cases of 95 % confidence.
public struct Interval: Sendable, Codable, Equatable {
  /// The lower end.
  public let low: Double
  /// The upper end.
  public let high: Double

  /// Creates an interval from its ends.
  public init(low: Double, high: Double) {
    self.low = low
    self.high = high
  }

  /// Returns whether a value lies in the interval, including its ends.
  public func contains(_ value: Double) -> Bool { low <= value && value <= high }

  var isFinite: Bool { low.isFinite && high.isFinite }

  /// Creates the central 95 % interval of bootstrap draws of an estimate.
  init(of draws: [Double], around value: Double, spread: Spread) {
    let sorted = draws.sorted()
    let (low, high) = spread.levels(of: sorted, around: value)
    self.init(low: quantile(sorted, low), high: quantile(sorted, high))
  }
}

/// The way in which a 95 % interval is read from bootstrap draws.
enum Spread: Sendable {
  /// The percentiles at 2.5 and 97.5 %.
  case percentiles
  /// Wider percentiles, Φ(−t·√(n/(n − p))), because those of few drawn clusters are too narrow (Hesterberg 2015,
  /// arXiv:1411.5279, section 3.4).
  case expanded(Freedom)
  /// Percentiles moved to both sides by twice the normal quantile of the estimate's own rank, which corrects a bias of
  /// the estimate (Efron 1981, Canadian Journal of Statistics 9:139).
  case centred

  /// The factor by which intervals are wider than those of many clusters.
  var widening: Double { if case .expanded(let freedom) = self { freedom.expandedQuantile } else { 0 } }

  /// The way that suits draws of a resampler.
  init(of method: Resampler.Method?, clusters: Int, parameters: Int) {
    self =
      method == .simulation
      ? .centred : .expanded(Freedom(observations: clusters, parameters: parameters))
  }

  /// Returns the lower and upper level.
  func levels(of sorted: [Double], around value: Double) -> (Double, Double) {
    switch self {
    case .percentiles: return (0.025, 0.975)
    case .expanded(let freedom):
      let level = normalDistribution(-freedom.expandedQuantile)
      return (level, 1 - level)
    case .centred:
      let below = sorted.partitioningIndex { $0 >= value }
      let upTo = sorted.partitioningIndex { $0 > value }
      let rank = Double(below + upTo) / 2 / Double(sorted.count)
      // A correction beyond this is a sign of something else than a bias.
      let shift = 2 * normalQuantile(min(max(rank, 0.2), 0.8))
      return (normalDistribution(shift - 1.959964), normalDistribution(shift + 1.959964))
    }
  }
}

/// The numbers of independent observations, n, and of parameters, p.
struct Freedom: Sendable {
  let observations: Int
  let parameters: Int

  private var residual: Int { max(observations - parameters, 1) }

  /// The 97.5 % quantile of Student's t with n − p degrees of freedom.
  var studentQuantile: Double { ScalingLaws.studentQuantile(freedom: residual) }

  var expandedQuantile: Double {
    studentQuantile * (Double(observations) / Double(residual)).squareRoot()
  }
}

/// Returns the 97.5 % quantile of Student's t: exactly for one or two degrees of freedom, by the Cornish–Fisher
/// expansion for more.
func studentQuantile(freedom: Int) -> Double {
  switch freedom {
  case ...1: return 12.706_204_736
  case 2: return 4.302_652_730
  default:
    let (z, ν) = (1.959_963_984_540_054, Double(freedom))
    let first = (pow(z, 3) + z) / (4 * ν)
    let second = (5 * pow(z, 5) + 16 * pow(z, 3) + 3 * z) / (96 * ν * ν)
    let third = (3 * pow(z, 7) + 19 * pow(z, 5) + 17 * pow(z, 3) - 15 * z) / (384 * pow(ν, 3))
    return z + first + second + third
  }
}

/// Returns Φ(z).
func normalDistribution(_ z: Double) -> Double { 0.5 * erfc(-z / 2.0.squareRoot()) }

/// Returns z with Φ(z) = p, by bisection.
func normalQuantile(_ p: Double) -> Double {
  var (low, high) = (-8.0, 8.0)
  for _ in 0..<50 {
    let middle = (low + high) / 2
    if normalDistribution(middle) < p { low = middle } else { high = middle }
  }
  return (low + high) / 2
}

/// Returns the q-quantile of sorted values, linearly interpolated.
func quantile(_ sorted: [Double], _ q: Double) -> Double {
  guard let last = sorted.last else { return .nan }
  let position = q * Double(sorted.count - 1)
  guard let index = Int(exactly: position.rounded(.down)), index >= 0 else { return .nan }
  guard index + 1 < sorted.count else { return last }
  let (below, above) = (sorted[index], sorted[index + 1])
  return below == above ? below : below + (position - Double(index)) * (above - below)
}

func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

func rootMeanSquare(_ values: [Double]) -> Double { mean(values.map { $0 * $0 }).squareRoot() }

/// Returns the sample standard deviation, with n − 1 in the denominator; 0 for fewer than two values.
func standardDeviation(_ values: [Double]) -> Double {
  guard values.count > 1 else { return 0 }
  let centre = mean(values)
  let sum = values.reduce(0) { $0 + ($1 - centre) * ($1 - centre) }
  return (sum / Double(values.count - 1)).squareRoot()
}

/// Returns the weighted least-squares coefficients of y on the columns of a design, by the normal equations; nil if the
/// columns are linearly dependent. Suitable for few, well-scaled columns, as those of lines and parabolas.
func linearRegression(_ columns: [[Double]], _ y: [Double], weights: [Double]? = nil) -> [Double]? {
  let weight = { (row: Int) in weights?[row] ?? 1 }
  var normal = SymmetricMatrix(columns.count)
  var right = columns.map { _ in 0.0 }
  for row in y.indices {
    for i in columns.indices {
      right[i] += weight(row) * columns[i][row] * y[row]
      for j in i..<columns.count { normal[i, j] += weight(row) * columns[i][row] * columns[j][row] }
    }
  }
  return normal.cholesky(damping: 0)?.solve(right)
}

/// Returns the intercept and slope of the least-squares line; nil if all x are equal.
func line(_ x: [Double], _ y: [Double], weights: [Double]? = nil) -> (intercept: Double, slope: Double)? {
  let centre = mean(x)
  let solution = linearRegression([x.map { _ in 1 }, x.map { $0 - centre }], y, weights: weights)
  return solution.map { ($0[0] - $0[1] * centre, $0[1]) }
}
