import CBLAS

extension ProductKernel {
  /// c ← alpha·a·b for a product that is symmetric but for rounding. The engine's own kernels compute about half of it. The
  /// part above the diagonal is a copy of that below it.
  ///
  /// - Parameters:
  ///   - c: Another matrix than a and b.
  ///   - scratch: `scratchCount(inner:columns:)` floats.
  package func multiplySymmetric(_ a: Matrix, _ b: Matrix, into c: Matrix, alpha: Float = 1, scratch: Floats)
  {
    if case .float32(.own) = self {
      multiplyTiled(a, b, into: c, alpha: alpha, isSymmetric: true, scratch: scratch)
    } else {
      multiply(a, b, into: c, alpha: alpha, scratch: scratch)
    }
    copyLowerTriangle(of: c)
  }
}

/// Copies what is below the diagonal of a square matrix to above it, by squares as far as they go.
private func copyLowerTriangle(of c: Matrix) {
  let side = 16
  let whole = c.rows / side * side
  for row in stride(from: 0, to: whole, by: side) {
    for column in stride(from: 0, to: row, by: side) {
      transpose16(c.place(row, column), c.stride, c.place(column, row), c.stride)
    }
  }
  for row in 0..<c.rows {
    for column in (row < whole ? row / side * side : 0)..<row {
      c.place(column, row).pointee = c.place(row, column).pointee
    }
  }
}
