/// A matrix in memory, row after row, or a view of one with rows and columns exchanged.
package struct Matrix {
  package let start: UnsafeMutablePointer<Float>
  let rows: Int
  let columns: Int
  /// The distance between rows in memory, in floats.
  let stride: Int
  private(set) var isTransposed = false

  package init(_ start: UnsafeMutablePointer<Float>, _ rows: Int, _ columns: Int, stride: Int? = nil) {
    self.start = start
    self.rows = rows
    self.columns = columns
    self.stride = stride ?? columns
  }

  /// The same memory read with rows and columns exchanged.
  package var transposed: Matrix {
    var result = Matrix(start, columns, rows, stride: stride)
    result.isTransposed = !isTransposed
    return result
  }

  /// Some of its rows.
  func rows(_ range: Range<Int>) -> Matrix {
    var result = Matrix(place(range.lowerBound, 0), range.count, columns, stride: stride)
    result.isTransposed = isTransposed
    return result
  }

  /// Some of its columns.
  func columns(_ range: Range<Int>) -> Matrix {
    var result = Matrix(place(0, range.lowerBound), rows, range.count, stride: stride)
    result.isTransposed = isTransposed
    return result
  }

  /// Where an element lies.
  func place(_ row: Int, _ column: Int) -> Floats {
    isTransposed ? start + (column * stride + row) : start + (row * stride + column)
  }
}
