/// A named weight of a model: a range of the flat buffers that hold all weights, gradients and moments.
public struct Parameter: Sendable, Hashable {
  /// What the weight does, which decides how it is initialised, decayed and how fast it learns.
  public enum Role: String, Sendable, Hashable {
    /// Multiplies what is inside the network: both its sides grow with the width.
    case hidden
    /// Turns a token or a position into a vector.
    case embedding
    /// Turns a vector into logits.
    case head
    /// A gain or a bias.
    case vector
    /// Weights as `hidden`, of several experts: (E, inputs, outputs).
    case expert
    /// Turns a vector into logits of the experts.
    case router
    /// Biases that balance experts, which no loss depends on.
    case balance
  }

  /// A path such as `blocks.0.attention.out.weight`.
  public let name: String
  /// The role that it plays.
  public let role: Role
  /// The handle by which operations use it.
  public let tensor: Tensor
  /// Where it begins in the flat buffers, in floats.
  public let offset: Int

  /// The number of weights.
  public var count: Int { tensor.count }
  /// The floats that it takes in the flat buffers.
  public var range: Range<Int> { offset..<offset + count }
}

/// The order of all parameters in the flat buffers. Each begins on a cache line; the gaps stay zero.
public struct ParameterLayout: Sendable, Hashable {
  /// All parameters, in order.
  public private(set) var parameters: [Parameter] = []
  /// The length of a flat buffer, in floats.
  public private(set) var bufferCount = 0

  public init() {}

  /// Adds a parameter at the end. `name` must be new.
  public mutating func add(_ name: String, _ shape: [Int], role: Parameter.Role) -> Tensor {
    assert(!parameters.contains { $0.name == name }, "parameter \(name) stands twice")
    let tensor = Tensor(place: .parameter(offset: bufferCount), shape: shape, needsGradient: true)
    parameters.append(Parameter(name: name, role: role, tensor: tensor, offset: bufferCount))
    bufferCount += roundedToCacheLine(tensor.count)
    return tensor
  }

  /// The number of weights, without the gaps.
  public var count: Int { parameters.reduce(0) { $0 + $1.count } }
}

/// `count` floats rounded up to whole cache lines of 64 bytes.
func roundedToCacheLine(_ count: Int) -> Int { (count + 15) & ~15 }
