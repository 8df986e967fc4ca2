import Foundation

/// A power law through the losses near a place: a plane through their logarithms.
///
///     ln L(x) = a + Σᵢ bᵢ·(ln xᵢ − ln pᵢ),   so that a = ln L(p)
package struct LocalPowerLaw: Sendable {
  /// The logarithm of the loss at the place.
  package let logLoss: Double
  /// The standard deviation of another observation at the place, in units of the logarithm.
  package let deviation: Double

  /// Fits the plane by least squares.
  ///
  /// - Parameters:
  ///   - observations: The positive variables and the positive loss of each observation.
  ///   - place: The variables of the place.
  /// - Returns: Nil if there are fewer than four observations more than coefficients, or if they do not determine the
  ///   loss at the place: for example, if all have one size, and the place has another.
  package init?(_ observations: [(variables: [Double], loss: Double)], at place: [Double]) {
    let columns = place.indices.map { variable in
      observations.map { log($0.variables[variable] / place[variable]) }
    }
    // A variable that never differs from that of the place has no coefficient.
    let basis = [observations.map { _ in 1 }] + columns.filter { $0.contains { $0 != 0 } }
    let losses = observations.map { log($0.loss) }
    let freedom = losses.count - basis.count
    guard freedom >= 4, losses.allSatisfy(\.isFinite), basis.joined().allSatisfy(\.isFinite) else {
      return nil
    }
    var normal = SymmetricMatrix(basis.count)
    for row in basis.indices {
      for column in 0...row { normal[row, column] = dot(basis[row], basis[column]) }
    }
    guard let factor = normal.cholesky(damping: 0) else { return nil }
    let coefficients = factor.solve(basis.map { dot($0, losses) })
    let squares = losses.indices.reduce(0.0) { sum, index in
      let fitted = dot(coefficients, basis.map { $0[index] })
      return sum + (losses[index] - fitted) * (losses[index] - fitted)
    }
    logLoss = coefficients[0]
    deviation = (squares / Double(freedom) * (1 + factor.inverse[0, 0])).squareRoot()
  }
}

/// The mean of some values, and the half width of the 95 % interval of another value from the same normal distribution.
///
///     x̄ ± t·s·√(1 + 1/n)
package func nextValue(after values: [Double]) -> (mean: Double, halfWidth: Double) {
  let n = Double(values.count)
  return (
    mean(values),
    studentQuantile(freedom: values.count - 1) * standardDeviation(values) * (1 + 1 / n).squareRoot()
  )
}
