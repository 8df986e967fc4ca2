import CBLAS

/// A matrix in memory, row after row, or a view of one with rows and columns exchanged.
struct Matrix {
  let start: UnsafeMutablePointer<Float>
  let rows: Int
  let columns: Int
  /// The distance between rows in memory, in floats.
  let stride: Int
  private(set) var isTransposed = false

  init(_ start: UnsafeMutablePointer<Float>, _ rows: Int, _ columns: Int, stride: Int? = nil) {
    self.start = start
    self.rows = rows
    self.columns = columns
    self.stride = stride ?? columns
  }

  /// The same memory read with rows and columns exchanged.
  var transposed: Matrix {
    var result = Matrix(start, columns, rows, stride: stride)
    result.isTransposed = !isTransposed
    return result
  }
}

/// c ← alpha·a·b + beta·c
func multiply(_ a: Matrix, _ b: Matrix, into c: Matrix, alpha: Float = 1, beta: Float = 0) {
  cblas_sgemm(
    CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
    blasint(c.rows), blasint(c.columns), blasint(a.columns), alpha, a.start, blasint(a.stride), b.start,
    blasint(b.stride), beta, c.start, blasint(c.stride))
}
