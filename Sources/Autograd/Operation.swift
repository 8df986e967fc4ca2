/// One step of a recorded program, as coarse as a reader would draw it, with its gradient beside it.
///
/// To add one: a file under `Operations/` with a type that conforms, the equation and its gradient in the comment
/// above it, and a method on `Recorder` that checks shapes and records it; and a row in `GradientTests`. Nothing else
/// in the engine knows which operations exist.
public protocol Operation: Sendable {
  /// The tensors that the operation reads.
  var inputs: [Tensor] { get }
  /// The tensor that it makes.
  var output: Tensor { get }
  /// Further tensors without gradient that `forward` writes and `backward` reads.
  var statistics: [Tensor] { get }
  /// The tensors whose values `backward` reads.
  var saved: [Tensor] { get }
  /// Floats of scratch memory that one call needs.
  var scratch: Int { get }
  /// The number of the input whose memory the output may take over, in value and in gradient, if nothing
  /// else needs it. Such an operation must work in place and out of place.
  var overwrites: Int? { get }
  /// Whether several threads can compute the operation together: each computes what `Frame.share` gives it, and needs no
  /// result of another. The numbers must not depend on how the work is divided.
  var isShared: Bool { get }
  /// Floating-point operations of the matrix products in `forward`, and in the gradient.
  var flops: Flops { get }
  /// Those of `flops` that the data spared the last `forward` in `arena`, and spare the `backward` after it.
  func spared(_ arena: Arena) -> Flops
  /// The same matrix products as a general library would compute them, for timing them alone.
  var products: [Product] { get }

  /// Computes the output from the inputs.
  func forward(_ memory: Frame)
  /// Computes the gradients of the inputs that need one from the gradient of the output. Each is added to the present
  /// one where `memory.accumulates(input)`, and otherwise stored.
  func backward(_ memory: Frame)
}

extension Operation {
  public var statistics: [Tensor] { [] }
  public var saved: [Tensor] { [] }
  public var scratch: Int { 0 }
  public var overwrites: Int? { nil }
  public var isShared: Bool { false }
  public var flops: Flops { Flops() }
  public func spared(_ arena: Arena) -> Flops { Flops() }
  public var products: [Product] { [] }
}

/// The shape of a matrix product that an operation computes `count` times: (rows, inner) by (inner, columns).
public struct Product: Hashable, Sendable {
  let rows: Int
  let columns: Int
  let inner: Int
  let count: Int
}

/// Floating-point operations of matrix products, a multiplication and an addition counted as two. As in the
/// literature on scaling laws, element-wise work is not counted, nor what a gradient recomputes to save memory.
public struct Flops: Hashable, Sendable {
  public var forward: Double = 0
  public var backward: Double = 0

  public init(forward: Double = 0, backward: Double = 0) {
    self.forward = forward
    self.backward = backward
  }

  /// Forward and backward together.
  public var total: Double { forward + backward }

  static func += (sum: inout Flops, term: Flops) {
    sum.forward += term.forward
    sum.backward += term.backward
  }
}
