import Autograd

/// The properties of a weight that initialisation, counting and training need. A layer declares them when it adds the
/// weight.
public struct ParameterTraits: Sendable, Hashable {
  /// The distribution of new weights.
  public enum Initial: Sendable, Hashable {
    /// All equal.
    case constant(Float)
    /// Normal, with a deviation that keeps outputs as large as inputs (`Parametrisation.swift`). Where outputs are
    /// added to the residual stream it is smaller, so that the stream does not grow with the depth.
    case hidden(writesToStream: Bool)
    /// Normal, with the deviation of embeddings and head (`Parametrisation.swift`).
    case edge
    /// The logarithm of n + 1 in row n.
    case logarithmOfRow
    /// The logarithm of a number drawn uniformly from a range.
    case logarithmOfUniform(in: ClosedRange<Float>)
    /// Numbers whose softplus is drawn from a range, with a uniform logarithm.
    case softplusInverse(of: ClosedRange<Float>)
    /// Normal vectors, the rows, in orthogonal groups.
    case orthogonalRows
  }

  /// The kind of a weight, which counts and update rules may distinguish.
  public enum Group: String, Sendable, Hashable, CaseIterable {
    /// A matrix whose sides both grow with the width.
    case matrix
    /// A gain, a bias, or other numbers of which the width determines one side only.
    case vector
    /// Vectors of tokens or of positions.
    case embedding
    /// The map from a vector to the logits of tokens.
    case head
  }

  public var initial: Initial
  public var group: Group
  /// Whether weight decay applies.
  public var decays: Bool
  /// Whether it is a hidden weight of μP, whose learning rate update rules scale differently with the width.
  public var scalesRateWithWidth = false
  /// Whether it is a matrix whose number of outputs does not follow the width, as that of a router.
  public var hasFixedOutputs = false
  /// The columns of the matrices that stand side by side in it, as those of queries, keys and values do; empty for a
  /// single matrix. Update rules that treat matrices as a whole take each by itself.
  public var columnsOfParts: [Int] = []
  /// The fraction of the weights that one token uses.
  public var activeFraction = 1.0
  /// Whether training changes it. Weights that it never changes are no parameters of the model: parameter counts leave
  /// them out.
  public var isTrained = true
  /// Whether it is the weight of a router.
  public var isRouter = false
  /// The fixed step by which training moves each weight against the sign of its gradient, instead of applying the
  /// update rule. The loss does not depend on such a weight: parameter counts and the gradient's norm leave it out.
  public var signStep: Float?

  /// Weights of a linear map inside the network: (…, inputs, outputs).
  ///
  /// - Parameters:
  ///   - hasFixedOutputs: Whether the number of outputs does not follow the width.
  ///   - parts: The columns of the matrices that stand side by side in it; empty for a single matrix.
  public static func matrix(
    writesToStream: Bool = false, hasFixedOutputs: Bool = false, parts: [Int] = [], activeFraction: Double = 1
  ) -> ParameterTraits {
    ParameterTraits(
      initial: .hidden(writesToStream: writesToStream), group: .matrix, decays: true,
      scalesRateWithWidth: true, hasFixedOutputs: hasFixedOutputs, columnsOfParts: parts,
      activeFraction: activeFraction)
  }

  /// Whether it maps between vectors whose lengths both follow the width.
  public var mapsBetweenWidths: Bool { scalesRateWithWidth && !hasFixedOutputs }

  /// Weights of a linear map from a vector to logits of experts.
  public static var router: ParameterTraits {
    var traits = matrix(hasFixedOutputs: true)
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

  /// Numbers that each channel has for itself: their number of inputs does not depend on the width.
  public static func ofChannels(_ initial: Initial) -> ParameterTraits {
    ParameterTraits(initial: initial, group: .vector, decays: false)
  }

  /// Random vectors that features of queries and keys are made with.
  public static var randomFeatures: ParameterTraits {
    var traits = ParameterTraits(initial: .orthogonalRows, group: .matrix, decays: false)
    traits.isTrained = false
    return traits
  }

  /// Biases that balance experts, which training moves by fixed steps.
  public static func balance(step: Float) -> ParameterTraits {
    var traits = bias()
    traits.signStep = step
    return traits
  }
}

/// A weight of a model, with its traits.
public struct ModelParameter: Sendable, Hashable {
  public let parameter: Parameter
  public let traits: ParameterTraits

  /// A path such as `blocks.0.attention.out.weight`.
  public var name: String { parameter.name }
  /// The number of weights.
  public var count: Int { parameter.count }
  /// The floats that it takes in a buffer of weights.
  public var range: Range<Int> { parameter.range }

  /// The number of equal matrices that stand one after another in it, as those of experts do.
  public var stack: Int {
    let size = rows * parameter.tensor.columns
    return size == 0 ? 0 : count / size
  }

  /// The matrices that stand side by side in it, or in the first of its stack.
  public var parts: [WeightMatrix] {
    let width = parameter.tensor.columns
    var offset = 0
    return (traits.columnsOfParts.isEmpty ? [width] : traits.columnsOfParts).map { columns in
      defer { offset += columns }
      return WeightMatrix(offset: offset, rows: rows, columns: columns, stride: width)
    }
  }

  /// All matrices in it.
  public var matrices: [WeightMatrix] {
    let parts = parts
    return (0..<stack).flatMap { index in
      parts.map { part in
        WeightMatrix(
          offset: index * part.rows * part.stride + part.offset, rows: part.rows, columns: part.columns,
          stride: part.stride)
      }
    }
  }

  /// The inputs of its matrices; 1 for a vector.
  private var rows: Int { parameter.tensor.shape.dropLast().last ?? 1 }
}

/// A matrix (inputs, outputs) in a weight.
public struct WeightMatrix: Sendable, Hashable {
  /// Where it begins, counted from the first number of the weight.
  public let offset: Int
  public let rows: Int
  public let columns: Int
  /// The distance between rows, in numbers.
  public let stride: Int
}

/// The traits of all weights, in order. A model has many weights but few distinct traits, so each is stored once:
/// reading a hostile checkpoint must not take more memory than the file has bytes.
struct TraitsOfParameters: Sendable {
  private var distinct: [ParameterTraits] = []
  private var numbers: [UInt8] = []

  mutating func append(_ traits: ParameterTraits) {
    let known = distinct.firstIndex(of: traits)
    if known == nil { distinct.append(traits) }
    numbers.append(UInt8(known ?? distinct.count - 1))
  }

  subscript(parameter: Int) -> ParameterTraits { distinct[Int(numbers[parameter])] }
}

/// The weights of a model, in the order in which its layers add them.
public struct ModelParameters {
  /// Where each weight lies in the flat buffers.
  public private(set) var layout = ParameterLayout()
  private(set) var traits = TraitsOfParameters()
  private let trains: (_ name: String) -> Bool

  /// - Parameter trains: Whether a weight is trained, by its name.
  init(trains: @escaping (_ name: String) -> Bool) { self.trains = trains }

  /// Adds a weight at the end. `name` must be new. Initial values depend on the order, checkpoints on the names.
  mutating func add(_ name: String, _ shape: [Int], _ traits: ParameterTraits) -> Tensor {
    self.traits.append(traits)
    return layout.add(name, shape, isTrainable: traits.isTrained && trains(name))
  }
}
