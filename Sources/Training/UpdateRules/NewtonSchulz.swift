import Autograd
import CBLAS

/// Five steps of a Newton–Schulz iteration, which moves the singular values of a matrix near to 1 (Jordan et al. 2024):
///
///     X ← X/‖X‖    five times X ← (aI + bA + cA²)·X with A = X·Xᵀ
///
/// Each step multiplies X by a polynomial of A = X·Xᵀ, and all of these commute. So the steps compute with matrices of the
/// shorter side of X alone,
///
///     P = aI + bA + cA²    Q ← Q·P    A ← P·A·P
///
/// and X is multiplied by Q once, at the end. For a tall X it is A = Xᵀ·X, and X·Q. As all of them are symmetric, half of
/// each product is computed. Everything is in float32, on the calling thread.
package struct NewtonSchulz {
  private static let (a, b, c): (Float, Float, Float) = (3.4445, -4.7750, 2.0315)
  private static let steps = 5
  /// Added to ‖X‖, so that a matrix that is almost zero stays so.
  private static let epsilon: Float = 1e-7

  /// The floats of workspace that a matrix needs: itself, four squares of its shorter side, and scratch for products.
  package static func workspaceCount(rows: Int, columns: Int) -> Int {
    let (short, long) = (min(rows, columns), max(rows, columns))
    return roundedToCacheLine(rows * columns) + 4 * roundedToCacheLine(short * short)
      + scratchCount(short: short, long: long)
  }

  /// The floating-point operations of its products, of symmetric ones half.
  static func flops(rows: Int, columns: Int) -> Double {
    let (short, long) = (Double(min(rows, columns)), Double(max(rows, columns)))
    // Four products in a step, but Q = P in the first one, and the last one needs no A.
    return short * short * long + Double(4 * steps - 3) * short * short * short + 2 * short * short * long
  }

  private static func scratchCount(short: Int, long: Int) -> Int {
    let kernel = Precision.float32.kernel
    return max(
      kernel.scratchCount(inner: long, columns: short), kernel.scratchCount(inner: short, columns: long))
  }

  /// The matrix X (rows, columns), which is the first part of the workspace.
  package let x: UnsafeMutablePointer<Float>
  private let rows: Int
  private let columns: Int

  package init(rows: Int, columns: Int, workspace: UnsafeMutablePointer<Float>) {
    (x, self.rows, self.columns) = (workspace, rows, columns)
  }

  /// target ← target + scale·O, with O the result for X.
  package func add(to target: Matrix, scale: Float) {
    let kernel = Precision.float32.kernel
    let side = min(rows, columns)
    let square = side * side
    let squares = x + roundedToCacheLine(rows * columns)
    func part(_ index: Int) -> Matrix { Matrix(squares + index * roundedToCacheLine(square), side, side) }
    let scratch = squares + 4 * roundedToCacheLine(square)
    let isTall = rows > columns

    var squaredNorm: Float = 0
    for i in 0..<rows * columns { squaredNorm = relaxed_multiply_add(x[i], x[i], squaredNorm) }
    let inverseNorm = 1 / (squaredNorm.squareRoot() + Self.epsilon)

    let whole = Matrix(x, rows, columns)
    let (gram, polynomial) = (part(0), part(1))
    var (product, other) = (part(2), part(3))
    kernel.multiplySymmetric(
      isTall ? whole.transposed : whole, isTall ? whole : whole.transposed, into: gram,
      alpha: inverseNorm * inverseNorm, scratch: scratch)
    for step in 0..<Self.steps {
      kernel.multiplySymmetric(gram, gram, into: polynomial, scratch: scratch)
      let p = polynomial.start
      for i in 0..<square { p[i] = fused_multiply_add(Self.c, p[i], Self.b * gram.start[i]) }
      for i in 0..<side { p[i * (side + 1)] += Self.a }
      if step == 0 {
        product.start.update(from: p, count: square)
      } else {
        kernel.multiplySymmetric(product, polynomial, into: other, scratch: scratch)
        swap(&product, &other)
      }
      guard step < Self.steps - 1 else { break }
      kernel.multiplySymmetric(gram, polynomial, into: other, scratch: scratch)
      kernel.multiplySymmetric(other, polynomial, into: gram, scratch: scratch)
    }
    kernel.multiply(
      isTall ? whole : product, isTall ? product : whole, into: target, alpha: scale * inverseNorm,
      plus: target, scratch: scratch)
  }
}
