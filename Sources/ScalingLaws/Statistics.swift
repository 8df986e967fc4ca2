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

  /// Creates the central 95 % interval of bootstrap draws. With `freedom` (n observations or clusters, p parameters) it
  /// is the expanded percentile interval with levels Φ(−t·√(n/(n − p))), because the plain percentile interval of a
  /// small sample is too narrow (Hesterberg 2015, arXiv:1411.5279, section 3.4).
  init(of draws: [Double], freedom: Freedom? = nil) {
    let sorted = draws.sorted()
    let level = freedom.map { 0.5 * erfc($0.expandedQuantile / 2.0.squareRoot()) } ?? 0.025
    self.init(low: quantile(sorted, level), high: quantile(sorted, 1 - level))
  }
}

/// The numbers of independent observations, n, and of parameters, p.
struct Freedom: Sendable {
  let observations: Int
  let parameters: Int

  private var residual: Double { Double(max(observations - parameters, 1)) }

  /// The 97.5 % quantile of Student's t with n − p degrees of freedom (Cornish–Fisher expansion).
  var studentQuantile: Double {
    let (z, ν) = (1.959_963_984_540_054, residual)
    let first = (pow(z, 3) + z) / (4 * ν)
    let second = (5 * pow(z, 5) + 16 * pow(z, 3) + 3 * z) / (96 * ν * ν)
    let third = (3 * pow(z, 7) + 19 * pow(z, 5) + 17 * pow(z, 3) - 15 * z) / (384 * pow(ν, 3))
    return z + first + second + third
  }

  var expandedQuantile: Double { studentQuantile * (Double(observations) / residual).squareRoot() }
}

/// Returns the q-quantile of sorted values, linearly interpolated.
func quantile(_ sorted: [Double], _ q: Double) -> Double {
  guard let last = sorted.last else { return .nan }
  let position = q * Double(sorted.count - 1)
  guard let index = Int(exactly: position.rounded(.down)), index >= 0 else { return .nan }
  guard index + 1 < sorted.count else { return last }
  return sorted[index] + (position - Double(index)) * (sorted[index + 1] - sorted[index])
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
