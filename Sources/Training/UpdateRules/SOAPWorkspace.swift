import Autograd
import CBLAS
import Models

/// The preconditioners of one matrix and what a step of `SOAP` computes with them. Nothing in it is kept but L, R and the
/// bases, which belong to the state.
struct SOAPWorkspace {
  /// A preconditioner (side, side), and its approximate eigenvectors as rows.
  struct Side {
    let square: UnsafeMutablePointer<Float>
    let basis: UnsafeMutablePointer<Float>
    let count: Int

    var squareMatrix: Matrix { Matrix(square, count, count) }
    var basisMatrix: Matrix { Matrix(basis, count, count) }
  }

  /// Matrices of the weight's shape, row after row.
  let gradient: UnsafeMutablePointer<Float>
  let rotated: UnsafeMutablePointer<Float>
  let normalised: UnsafeMutablePointer<Float>
  private let product: UnsafeMutablePointer<Float>
  /// A square of the longer side, and what LAPACK and sorting need.
  private let square: UnsafeMutablePointer<Float>
  private let scalars: UnsafeMutablePointer<Float>
  private let lapack: UnsafeMutablePointer<Float>
  private let scratch: UnsafeMutablePointer<Float>

  private let rows: Int
  private let columns: Int
  private let left: Side
  private let right: Side
  private static let kernel = Precision.float32.kernel

  /// The columns that LAPACK changes at once. Its work memory is that many floats, and three, for each column.
  private static let lapackBlock = 64

  static func count(rows: Int, columns: Int) -> Int {
    let long = max(rows, columns)
    return 4 * roundedToCacheLine(rows * columns) + roundedToCacheLine(long * long)
      + 3 * roundedToCacheLine(long) + roundedToCacheLine((lapackBlock + 3) * long)
      + max(
        kernel.scratchCount(inner: rows, columns: rows),
        kernel.scratchCount(inner: columns, columns: columns),
        kernel.scratchCount(inner: rows, columns: columns), kernel.scratchCount(inner: columns, columns: rows)
      )
  }

  init(
    _ matrix: WeightMatrix, left: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>),
    right: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>),
    _ workspace: UnsafeMutablePointer<Float>
  ) {
    (rows, columns) = (matrix.rows, matrix.columns)
    let long = max(rows, columns)
    var end = workspace
    func part(_ count: Int) -> UnsafeMutablePointer<Float> {
      defer { end += roundedToCacheLine(count) }
      return end
    }
    gradient = part(rows * columns)
    rotated = part(rows * columns)
    normalised = part(rows * columns)
    product = part(rows * columns)
    square = part(long * long)
    scalars = part(3 * long)
    lapack = part((Self.lapackBlock + 3) * long)
    scratch = end
    self.left = Side(square: left.0, basis: left.1, count: rows)
    self.right = Side(square: right.0, basis: right.1, count: columns)
  }
}

extension SOAPWorkspace {
  /// y ← B_L·x·B_Rᵀ, for an x whose rows are `stride` apart.
  func rotate(_ x: UnsafeMutablePointer<Float>, stride: Int, into y: UnsafeMutablePointer<Float>) {
    Self.kernel.multiply(
      left.basisMatrix, Matrix(x, rows, columns, stride: stride), into: Matrix(product, rows, columns),
      scratch: scratch)
    Self.kernel.multiply(
      Matrix(product, rows, columns), right.basisMatrix.transposed, into: Matrix(y, rows, columns),
      scratch: scratch)
  }

  /// y ← y + scale·B_Lᵀ·x·B_R, for a y whose rows are `stride` apart.
  func addRotatedBack(
    _ x: UnsafeMutablePointer<Float>, to y: UnsafeMutablePointer<Float>, stride: Int, scale: Float
  ) {
    let target = Matrix(y, rows, columns, stride: stride)
    Self.kernel.multiply(
      left.basisMatrix.transposed, Matrix(x, rows, columns), into: Matrix(product, rows, columns),
      scratch: scratch)
    Self.kernel.multiply(
      Matrix(product, rows, columns), right.basisMatrix, into: target, alpha: scale, plus: target,
      scratch: scratch)
  }

  /// L ← βL + (1 − β)G·Gᵀ    R ← βR + (1 − β)Gᵀ·G
  func updatePreconditioners(beta: Float) {
    let whole = Matrix(gradient, rows, columns)
    update(left, by: whole, beta: beta)
    update(right, by: whole.transposed, beta: beta)
  }

  private func update(_ side: Side, by factor: Matrix, beta: Float) {
    Self.kernel.multiplySymmetric(
      factor, factor.transposed, into: Matrix(square, side.count, side.count), alpha: 1 - beta,
      scratch: scratch)
    for i in 0..<side.count * side.count {
      side.square[i] = fused_multiply_add(beta, side.square[i], square[i])
    }
  }

  /// Makes the rows of each basis the eigenvectors of its preconditioner, those of the greatest eigenvalues first.
  func decompose() {
    decompose(left)
    decompose(right)
  }

  private func decompose(_ side: Side) {
    OpenBLAS.useOneThread()
    let n = side.count
    side.basis.update(from: side.square, count: n * n)
    symmetric_eigenvectors(Int32(n), side.basis, scalars, lapack, Int32((Self.lapackBlock + 3) * n))
    for row in 0..<n / 2 {
      for j in 0..<n { swap(&side.basis[row * n + j], &side.basis[(n - 1 - row) * n + j]) }
    }
  }

  /// Turns each basis by a step of power iteration, B ← orthogonalised rows of B·L in the order of their eigenvalues, and
  /// brings the squares v, whose rows are `stride` apart, into the same order.
  func turn(_ v: UnsafeMutablePointer<Float>, stride: Int) {
    turn(left, v, step: stride, otherStep: 1)
    turn(right, v, step: 1, otherStep: stride)
  }

  /// - Parameters:
  ///   - step: The distance in v between what belongs to an eigenvector of this side and to the next one.
  ///   - otherStep: That for the other side.
  private func turn(_ side: Side, _ v: UnsafeMutablePointer<Float>, step: Int, otherStep: Int) {
    OpenBLAS.useOneThread()
    let n = side.count
    let (values, order, factors) = (scalars, scalars + n, scalars + 2 * n)
    Self.kernel.multiply(side.basisMatrix, side.squareMatrix, into: Matrix(square, n, n), scratch: scratch)
    for i in 0..<n {
      var value: Float = 0
      for j in 0..<n { value = relaxed_multiply_add(square[i * n + j], side.basis[i * n + j], value) }
      values[i] = value
      // The order is almost right already.
      var place = i
      while place > 0, values[index(order[place - 1])] < value {
        order[place] = order[place - 1]
        place -= 1
      }
      order[place] = Float(i)
    }
    let others = rows * columns / n
    for i in 0..<n {
      let from = index(order[i])
      (side.basis + i * n).update(from: square + from * n, count: n)
      for j in 0..<others { rotated[i * others + j] = v[from * step + j * otherStep] }
    }
    for i in 0..<n {
      for j in 0..<others { v[i * step + j * otherStep] = rotated[i * others + j] }
    }
    orthonormalise(Int32(n), side.basis, factors, lapack, Int32((Self.lapackBlock + 3) * n))
  }

  /// A whole number that a float holds.
  private func index(_ number: Float) -> Int { Int(exactly: number) ?? 0 }
}
