/// A handle on an array of floats that operations read and write. It owns no memory: an `Arena` does, for
/// values and gradients of a program's steps, and a flat buffer does for parameters.
public struct Tensor: Hashable, Sendable {
  /// Where the floats live.
  enum Place: Hashable, Sendable {
    /// From this offset on in the buffer of parameters; its gradient lies at the same offset in theirs.
    case parameter(offset: Int)
    /// In the arena, where the memory plan puts slot number `index`.
    case slot(index: Int)
  }

  let place: Place
  /// The lengths of the axes, outermost first. The last axis is contiguous.
  public let shape: [Int]
  /// Whether a backward pass computes the gradient of the loss by this tensor.
  public let needsGradient: Bool

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }
  /// The length of the last axis: the width of a row.
  public var columns: Int { shape.last ?? 1 }
  /// The number of rows, all axes but the last taken together.
  public var rows: Int { shape.dropLast().reduce(1, *) }
}

/// A handle on an array of whole numbers: tokens or targets, which the caller fills before each step, or hits, which an
/// operation does.
public struct Integers: Hashable, Sendable {
  let offset: Int
  /// The number of elements.
  public let count: Int
}
