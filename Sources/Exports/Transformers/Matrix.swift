import Autograd
import Models

/// A copy of a weight that can be rearranged. A vector is a matrix of one row.
package struct Matrix {
  let rows: Int
  let columns: Int
  private(set) var values: [Float]

  init(rows: Int, columns: Int, values: [Float]) {
    precondition(values.count == rows * columns, "Matrix: \(values.count) values in \(rows)×\(columns)")
    (self.rows, self.columns, self.values) = (rows, columns, values)
  }

  /// A matrix of equal numbers.
  init(rows: Int, columns: Int, filledWith value: Float = 0) {
    self.init(rows: rows, columns: columns, values: Array(repeating: value, count: rows * columns))
  }

  var transposed: Matrix {
    var result = Matrix(rows: columns, columns: rows)
    for row in 0..<rows {
      for column in 0..<columns { result.values[column * rows + row] = values[row * columns + column] }
    }
    return result
  }

  /// Some of the rows.
  subscript(rows range: Range<Int>) -> Matrix {
    Matrix(
      rows: range.count, columns: columns,
      values: Array(values[range.lowerBound * columns..<range.upperBound * columns]))
  }

  /// Some of the columns.
  subscript(columns range: Range<Int>) -> Matrix {
    Matrix(
      rows: rows, columns: range.count,
      values: (0..<rows).flatMap { row in
        values[row * columns + range.lowerBound..<row * columns + range.upperBound]
      })
  }

  /// All numbers times a factor.
  func scaled(by factor: Float) -> Matrix {
    guard factor != 1 else { return self }
    return Matrix(rows: rows, columns: columns, values: values.map { $0 * factor })
  }

  /// The rows of `matrices`, which have equal columns, one after the other.
  static func stacking(_ matrices: [Matrix]) -> Matrix {
    Matrix(
      rows: matrices.reduce(0) { $0 + $1.rows }, columns: matrices[0].columns,
      values: matrices.flatMap(\.values))
  }
}

/// The weights of a model by their names.
struct NamedWeights {
  private let parameters: [String: Parameter]
  private let buffer: FloatBuffer

  init(_ transformer: Transformer, _ buffer: FloatBuffer) {
    parameters = Dictionary(
      transformer.layout.parameters.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    self.buffer = buffer
  }

  /// A weight. All axes but the last are rows.
  subscript(name: String) -> Matrix {
    guard let parameter = parameters[name] else { preconditionFailure("the model has no weight \(name)") }
    return Matrix(
      rows: parameter.tensor.rows, columns: parameter.tensor.columns,
      values: Array(UnsafeBufferPointer(start: buffer.start + parameter.offset, count: parameter.count)))
  }
}
