import Autograd
import Models

extension Transformer {
  /// Returns weights rounded to 8-bit integers with a scale for each output channel: w ≈ s·q with q in −127 … 127 and
  /// s = max |w| / 127.
  ///
  /// Matrices and the head have a scale for each column, embeddings for each row. Gains, biases and other numbers of
  /// channels stay as they are.
  package func roundedToInt8(_ weights: FloatBuffer) -> FloatBuffer {
    let rounded = FloatBuffer(count: weights.count)
    rounded.copy(from: weights)
    for weight in parameters {
      guard let columns = weight.parameter.tensor.shape.last, columns > 0 else { continue }
      let start = rounded.start + weight.range.lowerBound
      switch weight.traits.group {
      case .vector: continue
      case .embedding:
        for row in 0..<weight.count / columns {
          Self.round(start + row * columns, count: columns, stride: 1)
        }
      case .matrix, .head:
        // Matrices of experts stand one after another.
        let rows = weight.parameter.tensor.shape.dropLast().last ?? 1
        for matrix in 0..<weight.count / (rows * columns) {
          for column in 0..<columns {
            Self.round(start + matrix * rows * columns + column, count: rows, stride: columns)
          }
        }
      }
    }
    return rounded
  }

  private static func round(_ values: UnsafeMutablePointer<Float>, count: Int, stride: Int) {
    var greatest: Float = 0
    for index in 0..<count { greatest = max(greatest, abs(values[index * stride])) }
    let scale = greatest / 127
    guard scale > 0, scale.isFinite else { return }
    for index in 0..<count {
      values[index * stride] = scale * (values[index * stride] / scale).rounded(.toNearestOrEven)
    }
  }
}
