/// A named weight: a range of the flat buffers of weights, and of those of gradients and of an optimiser's state.
public struct Parameter: Sendable, Hashable {
  /// A path such as `blocks.0.attention.out.weight`.
  public let name: String
  /// The handle by which operations use it.
  public let tensor: Tensor

  /// Where it begins in a buffer of weights, in floats.
  public var offset: Int { places.weights }
  /// Where its gradient begins in a buffer of gradients, in floats; nil if it is not trained.
  public var gradientOffset: Int? { places.gradients }

  private var places: (weights: Int, gradients: Int?) {
    guard case .parameter(let offset, let gradient) = tensor.place else {
      preconditionFailure("a parameter lies in the flat buffers")
    }
    return (offset, gradient)
  }

  /// The number of weights.
  public var count: Int { tensor.count }
  /// Its range in a buffer of weights.
  public var range: Range<Int> { offset..<offset + count }
  /// Its range in a buffer of gradients; nil if it is not trained.
  public var gradientRange: Range<Int>? { gradientOffset.map { $0..<$0 + count } }
}

/// The order of all parameters in the flat buffers. Each begins on a cache line; the gaps stay zero.
public struct ParameterLayout: Sendable, Hashable {
  /// All parameters, in order.
  public private(set) var parameters: [Parameter] = []
  /// The length of a buffer of weights, in floats.
  public private(set) var bufferCount = 0
  /// The length of a buffer of gradients, in floats. Weights that are not trained have no place in it.
  public private(set) var gradientCount = 0

  public init() {}

  /// Adds a parameter at the end. `name` must be new.
  ///
  /// - Parameter isTrainable: Whether it has a gradient. Backward passes skip whatever no gradient needs.
  public mutating func add(_ name: String, _ shape: [Int], isTrainable: Bool = true) -> Tensor {
    assert(!parameters.contains { $0.name == name }, "parameter \(name) was added twice")
    let gradient = isTrainable ? gradientCount : nil
    let tensor = Tensor(
      place: .parameter(offset: bufferCount, gradient: gradient), shape: shape, needsGradient: isTrainable)
    parameters.append(Parameter(name: name, tensor: tensor))
    bufferCount += roundedToCacheLine(tensor.count)
    if isTrainable { gradientCount += roundedToCacheLine(tensor.count) }
    return tensor
  }

  /// The number of weights, without the gaps.
  public var count: Int { parameters.reduce(0) { $0 + $1.count } }
}

/// `count` floats or 32-bit integers rounded up to whole cache lines of 64 bytes.
package func roundedToCacheLine(_ count: Int) -> Int { (count + 15) & ~15 }
