import Autograd
import CBLAS
import Models

/// Changes the weights of a model, given their gradient: by the update rule of the training, or, for weights with
/// `ParameterTraits.signStep`, by a fixed step against the sign of the gradient. The biases that balance experts are
/// such weights; their gradient is the load above the mean (Wang et al. 2024, algorithm 1).
package struct Optimizer {
  let rule: any UpdateRule
  private let segments: [UpdateStep.Segment]
  private let signSteps: [SignStep]
  private let workspace: FloatBuffer

  private struct SignStep {
    let range: Range<Int>
    let gradientStart: Int
    let step: Float
  }

  package init(_ transformer: Transformer, _ training: TrainingConfiguration) {
    rule = training.updateRuleType.init(training)
    let rate = LearningRate(training, transformer.configuration)
    var segments: [UpdateStep.Segment] = []
    var signSteps: [SignStep] = []
    for (index, parameter) in transformer.parameters.enumerated() {
      guard let gradient = parameter.parameter.gradientOffset else { continue }
      if let step = parameter.traits.signStep {
        signSteps.append(SignStep(range: parameter.range, gradientStart: gradient, step: step))
      } else {
        segments.append(
          UpdateStep.Segment(
            parameter: parameter, index: index, matrices: parameter.matrices, gradientStart: gradient,
            rateScale: rate.scale(of: parameter.traits),
            decay: parameter.traits.decays ? training.weightDecay : 0))
      }
    }
    self.segments = segments
    self.signSteps = signSteps
    workspace = FloatBuffer(count: Self.workspaceCount(transformer, training))
  }

  /// The bytes that it needs within a step, besides the state.
  static func workspaceByteCount(_ transformer: Transformer, _ training: TrainingConfiguration) -> Int {
    4 * workspaceCount(transformer, training)
  }

  /// The bytes that it holds within a step, besides the state.
  var byteCount: Int { 4 * workspace.count }

  private static func workspaceCount(_ transformer: Transformer, _ training: TrainingConfiguration) -> Int {
    training.updateRuleType.workspaceCount(transformer.parameters.filter(\.isUpdated))
  }

  /// Changes the weights by one step.
  ///
  /// - Parameters:
  ///   - gradientScale: The factor of the gradient that clips it. Fixed steps ignore it.
  ///   - step: The number t of the step, counted from 1.
  package func update(
    _ state: TrainingState, gradient: FloatBuffer, gradientScale: Float, rate: Double, step: Int
  ) {
    rule.update(
      UpdateStep(
        segments: segments, state: state, gradient: gradient, gradientScale: gradientScale, rate: rate,
        number: step, workspace: workspace.start))
    for signStep in signSteps {
      for (i, index) in signStep.range.enumerated() where gradient[signStep.gradientStart + i] != 0 {
        state.parameters[index] -= gradient[signStep.gradientStart + i] > 0 ? signStep.step : -signStep.step
      }
    }
  }

  /// The Euclidean norm of the gradient of all parameters that the update rule changes.
  func norm(of gradient: FloatBuffer) -> Double {
    var sum = 0.0
    for segment in segments {
      let g = gradient.start + segment.gradientStart
      var squares: Float = 0
      for i in 0..<segment.count { squares = relaxed_multiply_add(g[i], g[i], squares) }
      sum += Double(squares)
    }
    return sum.squareRoot()
  }
}
