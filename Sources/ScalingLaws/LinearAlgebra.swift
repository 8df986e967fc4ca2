/// A small dense symmetric matrix. Both triangles are stored.
struct SymmetricMatrix {
  let size: Int
  var entries: [Double]

  init(_ size: Int) {
    self.size = size
    entries = Array(repeating: 0, count: size * size)
  }

  /// Accesses an entry. Setting it sets both triangles.
  subscript(row: Int, column: Int) -> Double {
    get { entries[row * size + column] }
    set {
      entries[row * size + column] = newValue
      entries[column * size + row] = newValue
    }
  }

  /// Returns M·x.
  func times(_ x: [Double]) -> [Double] {
    (0..<size).map { row in
      var sum = 0.0
      for column in 0..<size { sum += entries[row * size + column] * x[column] }
      return sum
    }
  }

  /// Returns the Cholesky factor of M + damping·diag(M); nil if that is not numerically positive definite.
  func cholesky(damping: Double) -> CholeskyFactor? {
    var lower = entries
    for column in 0..<size {
      let diagonal = entries[column * size + column] * (1 + damping)
      var pivot = diagonal
      for k in 0..<column { pivot -= lower[column * size + k] * lower[column * size + k] }
      guard pivot > 1e-14 * diagonal, pivot.isFinite else { return nil }
      let root = pivot.squareRoot()
      lower[column * size + column] = root
      for row in column + 1..<max(size, column + 1) {
        var sum = entries[row * size + column]
        for k in 0..<column { sum -= lower[row * size + k] * lower[column * size + k] }
        lower[row * size + column] = sum / root
      }
    }
    return CholeskyFactor(size: size, lower: lower)
  }
}

/// The lower triangular matrix L of M = L·Lᵀ.
struct CholeskyFactor {
  let size: Int
  let lower: [Double]

  /// Returns the solution x of M·x = right.
  func solve(_ right: [Double]) -> [Double] {
    var x = right
    for row in 0..<size {
      for k in 0..<row { x[row] -= lower[row * size + k] * x[k] }
      x[row] /= lower[row * size + row]
    }
    for row in (0..<size).reversed() {
      for k in row + 1..<max(size, row + 1) { x[row] -= lower[k * size + row] * x[k] }
      x[row] /= lower[row * size + row]
    }
    return x
  }

  var inverse: SymmetricMatrix {
    var inverse = SymmetricMatrix(size)
    for column in 0..<size {
      var unit = Array(repeating: 0.0, count: size)
      unit[column] = 1
      let solution = solve(unit)
      for row in 0...column { inverse[row, column] = solution[row] }
    }
    return inverse
  }
}

func dot(_ a: [Double], _ b: [Double]) -> Double {
  var sum = 0.0
  for index in a.indices { sum += a[index] * b[index] }
  return sum
}

/// An orthonormal basis of the space that some columns span (modified Gram–Schmidt).
struct LinearBasis {
  private(set) var directions: [[Double]] = []

  /// Adds the columns in order, without those that depend on the ones before.
  init(_ columns: [[Double]]) {
    for column in columns {
      let (rest, size) = projected(column)
      if size > 1e-9 { directions.append(rest.map { $0 / size }) }
    }
  }

  /// Returns the part of a column outside the space, relative to the column: 0 if the column depends on the basis.
  func rest(of column: [Double]) -> Double { projected(column).size }

  private func projected(_ column: [Double]) -> (rest: [Double], size: Double) {
    let size = dot(column, column).squareRoot()
    guard size > 0, size.isFinite else { return (column, 0) }
    var rest = column.map { $0 / size }
    // Twice, because the first pass loses digits if the column is almost dependent.
    for _ in 0..<2 {
      for direction in directions {
        let part = dot(rest, direction)
        for row in rest.indices { rest[row] -= part * direction[row] }
      }
    }
    return (rest, dot(rest, rest).squareRoot())
  }
}
