import CBLAS

/// c ← alpha·a·b + addend by OpenBLAS, on the calling thread; without an addend, what c held does not matter.
///
/// - Parameter addend: c itself, or another matrix of its shape, which is copied into c first. With a stride of 0 it is
///   one row for all.
func multiplyByLibrary(_ a: Matrix, _ b: Matrix, into c: Matrix, alpha: Float, plus addend: Matrix?) {
  OpenBLAS.useOneThread()
  if let addend, addend.start != c.start {
    for row in 0..<c.rows { c.place(row, 0).update(from: addend.place(row, 0), count: c.columns) }
  }
  cblas_sgemm(
    CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
    blasint(c.rows), blasint(c.columns), blasint(a.columns), alpha, a.start, blasint(a.stride), b.start,
    blasint(b.stride), addend == nil ? 0 : 1, c.start, blasint(c.stride))
}
