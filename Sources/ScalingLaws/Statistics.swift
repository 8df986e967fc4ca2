import Foundation

/// A 95 % interval.
public struct Interval: Sendable, Codable, Equatable {
  public let low: Double
  public let high: Double

  public init(low: Double, high: Double) {
    self.low = low
    self.high = high
  }

  public func contains(_ value: Double) -> Bool { low <= value && value <= high }

  /// The central 95 % of draws.
  init(of draws: [Double]) {
    let sorted = draws.sorted()
    self.init(low: quantile(sorted, 0.025), high: quantile(sorted, 0.975))
  }
}

/// The q-quantile of sorted values, linearly interpolated.
func quantile(_ sorted: [Double], _ q: Double) -> Double {
  guard let last = sorted.last else { return .nan }
  let position = q * Double(sorted.count - 1)
  let index = Int(position)
  guard index + 1 < sorted.count else { return last }
  return sorted[index] + (position - Double(index)) * (sorted[index + 1] - sorted[index])
}

func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

/// Standard deviation with n − 1; 0 for fewer than two values.
func standardDeviation(_ values: [Double]) -> Double {
  guard values.count > 1 else { return 0 }
  let centre = mean(values)
  let sum = values.reduce(0) { $0 + ($1 - centre) * ($1 - centre) }
  return (sum / Double(values.count - 1)).squareRoot()
}

/// Weighted least squares of y on the columns of a design, by the normal equations of scaled columns; nil
/// where the columns are dependent. For the few, well-scaled columns of lines and parabolas.
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

/// A straight line through points: intercept and slope.
func line(_ x: [Double], _ y: [Double], weights: [Double]? = nil) -> (intercept: Double, slope: Double)? {
  let centre = mean(x)
  let solution = linearRegression([x.map { _ in 1 }, x.map { $0 - centre }], y, weights: weights)
  return solution.map { ($0[0] - $0[1] * centre, $0[1]) }
}
