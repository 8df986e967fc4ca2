/// The precision of the operands of matrix products. Sums, and everything outside products, are float32.
public enum Precision: String, Codable, CaseIterable, Sendable {
  /// Operands as they are.
  case float32
  /// Operands rounded to bfloat16, which has 8 significant bits: to nearest, ties to even.
  case bfloat16

  /// The kernel that this process uses for products of this precision.
  public var kernel: ProductKernel {
    switch self {
    case .float32: .float32(.inUse)
    case .bfloat16: .bfloat16(.inUse)
    }
  }
}
