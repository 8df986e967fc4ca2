/// A handle on an array of floats that operations read and write. It owns no memory.
public struct Tensor: Hashable, Sendable {
  /// Where the floats live.
  enum Place: Hashable, Sendable {
    /// At `offset` in the buffer of parameters. The gradient of a trainable one is at `gradient` in the buffer of
    /// gradients; others have none.
    case parameter(offset: Int, gradient: Int?)
    /// At `offset` in the arena's inputs, which the caller fills before each `forward`.
    case input(offset: Int)
    /// In the arena, where the memory plan puts slot number `index`.
    case slot(index: Int)
    /// At `offset` in the arena's states, which keep their contents between replays and have no gradient.
    case state(offset: Int)
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

/// Adjacent columns of a tensor, used in place: queries, keys and values may lie side by side in the result of one
/// product.
public struct ColumnView: Hashable, Sendable {
  public let tensor: Tensor
  /// The columns of the tensor that belong to the view.
  public let range: Range<Int>

  /// The columns `range` of a tensor; nil for all of them.
  public init(_ tensor: Tensor, columns range: Range<Int>? = nil) {
    let range = range ?? 0..<tensor.columns
    precondition(
      0 <= range.lowerBound && range.upperBound <= tensor.columns,
      "columns \(range) of a tensor \(tensor.shape)")
    self.tensor = tensor
    self.range = range
  }

  /// The number of columns.
  public var count: Int { range.count }
  /// The distance in memory from a row to the next, in floats.
  var stride: Int { tensor.columns }
  var rows: Int { tensor.rows }
  /// Where the first column begins in the memory of the tensor's first row, in floats.
  var first: Int { range.lowerBound }
}

/// A handle on an array of whole numbers, which the caller fills before each `forward`, such as tokens, or which an
/// operation writes, such as hits.
public struct Integers: Hashable, Sendable {
  let offset: Int
  /// The number of elements.
  public let count: Int
}
