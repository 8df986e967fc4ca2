/// What computes the matrix products of a program.
public enum ProductKernel: Hashable, Sendable {
  /// Kernels for operands in float32.
  case float32(Kernels)
  /// A kernel for operands in bfloat16, which this CPU must have.
  case bfloat16(Bfloat16Kernel)

  /// The name in records and tables: `own`, `blas`, or that of the instructions for bfloat16 such as `AVX512-BF16`.
  public var name: String {
    switch self {
    case .float32(let kernels): kernels.rawValue
    case .bfloat16(.portable): "portable bfloat16"
    case .bfloat16(let kernel): kernel.unit.rawValue
    }
  }

  /// The unit that it computes on.
  public var unit: ArithmeticUnit {
    switch self {
    case .float32(let kernels): kernels.unit
    case .bfloat16(let kernel): kernel.unit
    }
  }

  /// c ← alpha·a·b + addend; without an addend, what c held does not matter.
  ///
  /// - Parameters:
  ///   - addend: c itself, or another matrix of its shape. With a stride of 0 it is one row for all.
  ///   - scratch: `scratchCount(inner:columns:)` floats.
  package func multiply(
    _ a: Matrix, _ b: Matrix, into c: Matrix, alpha: Float = 1, plus addend: Matrix? = nil, scratch: Floats
  ) {
    switch self {
    case .float32(.own): multiplyTiled(a, b, into: c, alpha: alpha, plus: addend, scratch: scratch)
    case .float32(.blas): multiplyByLibrary(a, b, into: c, alpha: alpha, plus: addend)
    case .bfloat16(let kernel):
      multiplyInBfloat16(a, b, into: c, alpha: alpha, plus: addend, kernel: kernel, scratch: scratch)
    }
  }

  /// Computes this call's share of a product: some rows of c, or some columns if c has more columns than rows.
  ///
  /// Rows are divided as by `share(of:in:)`.
  func multiply(
    _ a: Matrix, _ b: Matrix, into c: Matrix, alpha: Float = 1, plus addend: Matrix? = nil, in memory: Frame
  ) {
    let scratch = memory.scratch
    if memory.isWhole {
      multiply(a, b, into: c, alpha: alpha, plus: addend, scratch: scratch)
    } else if c.rows >= c.columns || self == .float32(.blas) {
      let rows = share(of: c.rows, in: memory)
      guard !rows.isEmpty else { return }
      multiply(
        a.rows(rows), b, into: c.rows(rows), alpha: alpha, plus: addend?.rows(rows), scratch: scratch)
    } else {
      let columns = memory.share(of: c.columns)
      guard !columns.isEmpty else { return }
      multiply(
        a, b.columns(columns), into: c.columns(columns), alpha: alpha, plus: addend?.columns(columns),
        scratch: scratch)
    }
  }

  /// Which of `rows` rows of a product this call computes.
  ///
  /// The order of each sum does not depend on how a product is divided. In OpenBLAS it may, so there one call computes the
  /// whole product.
  func share(of rows: Int, in memory: Frame) -> Range<Int> {
    guard self == .float32(.blas) else { return memory.share(of: rows) }
    return memory.isFirst ? 0..<rows : 0..<0
  }

  /// The floats of scratch memory that a product of (…, inner) and (inner, columns) needs.
  package func scratchCount(inner: Int, columns: Int) -> Int {
    switch self {
    // The same for both, so that memory does not depend on the choice.
    case .float32: packedCount(inner: inner, columns: columns)
    case .bfloat16(let kernel): kernel.packedCount(inner: inner, columns: columns)
    }
  }
}
