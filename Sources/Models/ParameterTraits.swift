import Autograd

/// What initialisation, counting and training must know of a weight. A layer states it where it adds the weight.
public struct ParameterTraits: Sendable, Hashable {
  /// How large a new weight is.
  public enum Initial: Sendable, Hashable {
    /// The same number everywhere.
    case constant(Float)
    /// Normally distributed, so that outputs are as large as inputs: see `Parametrisation.swift`. Where the outputs are
    /// added to the stream they are smaller, so that the stream's size does not grow with the depth.
    case hidden(writesToStream: Bool)
    /// Normally distributed, as suits vectors of tokens: see `Parametrisation.swift`.
    case edge
  }

  /// Which weights an update rule may treat alike.
  public enum Group: String, Sendable, Hashable, CaseIterable {
    /// Both sides grow with the width.
    case matrix
    /// A gain or a bias.
    case vector
    /// Turns a token or a position into a vector.
    case embedding
    /// Turns a vector into logits of tokens.
    case head
  }

  public var initial: Initial
  public var group: Group
  /// Whether weight decay applies.
  public var decays: Bool
  /// Whether μP makes its learning rate follow the width.
  public var scalesRateWithWidth = false
  /// The part of the weights that one token uses.
  public var activeFraction = 1.0
  /// Whether it chooses which other weights a token uses.
  public var isRouter = false
  /// A step by which training moves each weight against the sign of its gradient, instead of the update rule. Such a
  /// weight has no part in the loss: neither counts nor the gradient's norm include it.
  public var signStep: Float?

  /// Weights of a linear map inside the network: (…, inputs, outputs).
  public static func matrix(writesToStream: Bool = false, activeFraction: Double = 1) -> ParameterTraits {
    ParameterTraits(
      initial: .hidden(writesToStream: writesToStream), group: .matrix, decays: true,
      scalesRateWithWidth: true, activeFraction: activeFraction)
  }

  /// Weights of a linear map from a vector to logits of experts.
  public static var router: ParameterTraits {
    var traits = matrix()
    traits.isRouter = true
    return traits
  }

  public static var embedding: ParameterTraits {
    ParameterTraits(initial: .edge, group: .embedding, decays: true)
  }

  public static var head: ParameterTraits { ParameterTraits(initial: .edge, group: .head, decays: true) }

  public static var gain: ParameterTraits {
    ParameterTraits(initial: .constant(1), group: .vector, decays: false)
  }

  public static func bias(activeFraction: Double = 1) -> ParameterTraits {
    ParameterTraits(
      initial: .constant(0), group: .vector, decays: false, activeFraction: activeFraction)
  }

  /// Numbers that training moves by fixed steps, such as biases that balance experts.
  public static func balance(step: Float) -> ParameterTraits {
    var traits = bias()
    traits.signStep = step
    return traits
  }
}

/// A weight of a model, and what must be known of it.
public struct ModelParameter: Sendable, Hashable {
  public let parameter: Parameter
  public let traits: ParameterTraits

  /// A path such as `blocks.0.attention.out.weight`.
  public var name: String { parameter.name }
  /// The number of weights.
  public var count: Int { parameter.count }
  /// The floats that it takes in a buffer of weights.
  public var range: Range<Int> { parameter.range }
}

/// The traits of weights in their order. A model of many weights has few different ones, each of which is kept once: a
/// hostile checkpoint must not make its reader hold more than the file has.
struct TraitsOfParameters: Sendable {
  private var distinct: [ParameterTraits] = []
  private var places: [UInt8] = []

  mutating func append(_ traits: ParameterTraits) {
    let known = distinct.firstIndex(of: traits)
    if known == nil { distinct.append(traits) }
    places.append(UInt8(known ?? distinct.count - 1))
  }

  subscript(parameter: Int) -> ParameterTraits { distinct[Int(places[parameter])] }
}

/// The weights of a model in their order, while its layers add them.
public struct ModelParameters {
  /// Where each weight lies in the flat buffers.
  public private(set) var layout = ParameterLayout()
  private(set) var traits = TraitsOfParameters()
  private let trains: (_ name: String) -> Bool

  /// - Parameter trains: Whether a weight is trained, by its name.
  init(trains: @escaping (_ name: String) -> Bool) { self.trains = trains }

  /// Adds a weight at the end. `name` must be new: initial weights follow from the order, checkpoints from the names.
  mutating func add(_ name: String, _ shape: [Int], _ traits: ParameterTraits) -> Tensor {
    self.traits.append(traits)
    return layout.add(name, shape, isTrainable: trains(name))
  }
}
