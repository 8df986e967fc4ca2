import Autograd
import Models

/// How a training step changes the weights, given their gradient.
///
/// To add one: a file in this folder with a type that conforms, and its name in `updateRules`. Checkpoints, byte counts
/// and the benchmark follow from what it declares.
public protocol UpdateRule: Selectable {
  /// Its name in tables.
  static var title: String { get }
  /// What it keeps from step to step.
  static var buffers: [UpdateBuffer] { get }
  /// The learning rate that is best at the base width.
  static var usualRate: Double { get }

  /// The factor of the learning rate under μP for weights with these traits, m times as wide as the base width.
  static func rateScale(of traits: ParameterTraits, widthRatio m: Double) -> Double

  /// The floats of memory that it needs within a step for these parameters.
  static func workspaceCount(_ parameters: [ModelParameter]) -> Int

  /// The floating-point operations of its own matrix products in the first `steps` steps of a training of these
  /// parameters. What it computes for each weight alone is not counted, as in models.
  static func flops(_ parameters: [ModelParameter], _ training: TrainingConfiguration, steps: Int) -> Double

  init(_ training: TrainingConfiguration)

  /// Changes the weights of one parameter by one step. Several threads may do so at once, each for another parameter.
  func update(_ step: UpdateStep)
}

extension UpdateRule {
  /// None.
  public static func workspaceCount(_ parameters: [ModelParameter]) -> Int { 0 }

  /// None.
  public static func flops(
    _ parameters: [ModelParameter], _ training: TrainingConfiguration, steps: Int
  ) -> Double { 0 }
}

/// All update rules; the first is the default.
public let updateRules: [any UpdateRule.Type] = [AdamW.self, SGD.self, Lion.self, Muon.self, SOAP.self]

extension TrainingConfiguration {
  /// The type of the update rule. `check` must have passed.
  package var updateRuleType: any UpdateRule.Type {
    updateRules.first { $0.name == updateRule?.name } ?? updateRules[0]
  }

  /// The floating-point operations that its update rule needs in products of its own, in `steps` steps.
  package func updateFlops(_ transformer: Transformer, steps: Int) -> Double {
    updateRuleType.flops(transformer.parameters.filter(\.isUpdated), self, steps: steps)
  }
}

extension ModelParameter {
  /// Whether the update rule changes it.
  var isUpdated: Bool { parameter.gradientOffset != nil && traits.signStep == nil }
}

/// The input of an update rule for one step of one parameter.
public struct UpdateStep {
  /// A parameter that the rule changes.
  struct Segment: Sendable {
    let parameter: ModelParameter
    /// Its number among all parameters of the model.
    let index: Int
    /// The matrices in it.
    let matrices: [WeightMatrix]
    /// Where it begins in a buffer of gradients.
    let gradientStart: Int
    /// The factor of the learning rate.
    let rateScale: Double
    /// The weight decay λ.
    let decay: Double

    /// The number of weights.
    var count: Int { parameter.count }
  }

  let segment: Segment
  let state: TrainingState
  let gradient: FloatBuffer
  /// Multiplies the gradient, to clip it.
  let gradientScale: Float
  /// The learning rate η of this parameter.
  let rate: Double
  /// The number t of the step, counted from 1.
  let number: Int
  /// `UpdateRule.workspaceCount` floats, whatever they hold.
  let workspace: UnsafeMutablePointer<Float>

  /// The factor 1 − ηλ by which weight decay multiplies the weights.
  var keep: Float { Float(1 - rate * segment.decay) }

  var weights: UnsafeMutablePointer<Float> {
    state.parameters.start + segment.parameter.range.lowerBound
  }

  var slopes: UnsafePointer<Float> { UnsafePointer(gradient.start + segment.gradientStart) }

  /// The segment's part of buffer number `index` of the rule, which must keep something of it.
  func buffer(_ index: Int) -> UnsafeMutablePointer<Float> {
    guard let place = state.layouts[index].places[segment.index] else {
      preconditionFailure("nothing is kept of \(segment.parameter.name)")
    }
    return state.buffers[index].start + place.range.lowerBound
  }
}
