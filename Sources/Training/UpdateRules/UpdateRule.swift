import Autograd
import Models

/// How a training step changes the weights, given their gradient.
///
/// To add one: a file in this folder with a type that conforms, and its name in `updateRules`. Checkpoints, byte counts
/// and the benchmark follow from what it declares.
public protocol UpdateRule: Selectable {
  /// Its name in tables.
  static var title: String { get }
  /// The names of the buffers that it keeps from step to step, by which checkpoints store them. Each holds one number
  /// for each trained weight, initially 0.
  static var buffers: [String] { get }

  /// The factor of the learning rate under μP for weights with these traits, m times as wide as the base width.
  static func rateScale(of traits: ParameterTraits, widthRatio m: Double) -> Double

  init(_ training: TrainingConfiguration)

  /// Changes the weights of all segments by one step.
  func update(_ step: UpdateStep)
}

/// All update rules; the first is the default.
public let updateRules: [any UpdateRule.Type] = [AdamW.self, SGD.self]

extension TrainingConfiguration {
  /// The type of the update rule. `check` must have passed.
  package var updateRuleType: any UpdateRule.Type {
    updateRules.first { $0.name == updateRule?.name } ?? updateRules[0]
  }
}

/// The input of an update rule for one step.
public struct UpdateStep {
  /// A parameter that the rule changes.
  struct Segment: Sendable {
    let parameter: ModelParameter
    /// Where it begins in a buffer of gradients, and in those of the rule.
    let gradientStart: Int
    /// The factor of the learning rate.
    let rateScale: Double
    /// The weight decay λ.
    let decay: Double

    /// The number of weights.
    var count: Int { parameter.count }
  }

  let segments: [Segment]
  let state: TrainingState
  let gradient: FloatBuffer
  /// Multiplies the gradient, to clip it.
  let gradientScale: Float
  /// The learning rate η, which each segment multiplies by its factor.
  let rate: Double
  /// The number t of the step, counted from 1.
  let number: Int

  func weights(_ segment: Segment) -> UnsafeMutablePointer<Float> {
    state.parameters.start + segment.parameter.range.lowerBound
  }

  func gradient(_ segment: Segment) -> UnsafePointer<Float> {
    UnsafePointer(gradient.start + segment.gradientStart)
  }

  /// The segment's part of buffer number `index` of the rule.
  func buffer(_ index: Int, _ segment: Segment) -> UnsafeMutablePointer<Float> {
    state.buffers[index].start + segment.gradientStart
  }
}
