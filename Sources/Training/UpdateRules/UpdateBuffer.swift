import Autograd
import Models

/// A buffer that an update rule keeps from step to step, initially 0.
public struct UpdateBuffer: Sendable {
  /// Its name, by which checkpoints store it.
  let name: String
  /// Returns the shape of what it keeps of a weight; nil for nothing.
  let shape: @Sendable (ModelParameter) -> [Int]?

  /// - Parameter shape: Returns the shape of what it keeps of a weight, by default a number for each; nil for nothing.
  init(
    _ name: String,
    shape: @escaping @Sendable (ModelParameter) -> [Int]? = { $0.parameter.tensor.shape }
  ) {
    (self.name, self.shape) = (name, shape)
  }
}

/// Where a buffer of an update rule keeps what belongs to each parameter of a model. Each part begins on a cache line; the
/// gaps stay zero.
package struct UpdateBufferLayout: Sendable {
  package let name: String
  /// By the number of the parameter; nil where nothing is kept, as of weights that are not trained.
  package let places: [(shape: [Int], range: Range<Int>)?]
  /// The length of the buffer, in floats.
  let count: Int

  init(_ buffer: UpdateBuffer, of parameters: [ModelParameter]) {
    var end = 0
    name = buffer.name
    places = parameters.map { parameter in
      guard parameter.parameter.gradientOffset != nil, let shape = buffer.shape(parameter) else { return nil }
      let size = shape.reduce(1, *)
      defer { end += roundedToCacheLine(size) }
      return (shape, end..<end + size)
    }
    count = end
  }

  /// The number of floats that it keeps, without the gaps.
  var keptCount: Int { places.reduce(0) { $0 + ($1?.range.count ?? 0) } }
}

extension Transformer {
  /// The layouts of an update rule's buffers.
  func layouts(of rule: any UpdateRule.Type) -> [UpdateBufferLayout] {
    let parameters = parameters
    return rule.buffers.map { UpdateBufferLayout($0, of: parameters) }
  }
}
