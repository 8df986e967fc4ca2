/// What computes the matrix products of a program.
public enum ProductKernel: Hashable, Sendable {
  /// The project's kernel for float32.
  case own
  /// A kernel for operands in bfloat16, which this CPU must have.
  case bfloat16(Bfloat16Kernel)

  /// c ← alpha·a·b + addend; without an addend, what c held does not matter.
  ///
  /// - Parameters:
  ///   - addend: c itself, or another matrix of its shape. With a stride of 0 it is one row for all.
  ///   - scratch: `scratchCount(inner:columns:)` floats.
  func multiply(
    _ a: Matrix, _ b: Matrix, into c: Matrix, alpha: Float = 1, plus addend: Matrix? = nil, scratch: Floats
  ) {
    switch self {
    case .own: multiplyTiled(a, b, into: c, alpha: alpha, plus: addend, scratch: scratch)
    case .bfloat16(let kernel):
      multiplyInBfloat16(a, b, into: c, alpha: alpha, plus: addend, kernel: kernel, scratch: scratch)
    }
  }

  /// The floats of scratch memory that a product of (…, inner) and (inner, columns) needs.
  func scratchCount(inner: Int, columns: Int) -> Int {
    switch self {
    case .own: packedCount(inner: inner, columns: columns)
    case .bfloat16(let kernel): kernel.packedCount(inner: inner, columns: columns)
    }
  }
}
