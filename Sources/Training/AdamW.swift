import Autograd
import CBLAS
import Foundation
import Models

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019):
///
///     m ← β₁m + (1 − β₁)g    v ← β₂v + (1 − β₂)g²
///     p ← p − η·(m̂/(√v̂ + ε) + λp)    m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ)
///
/// η follows the width where the parametrisation says so; λ is 0 for gains and biases. Biases that balance experts have
/// no gradient but loads: each moves by a fixed step against its sign (Wang et al. 2024, algorithm 1).
struct AdamW {
  static let epsilon: Float = 1e-8

  private let segments: [Segment]
  private let signSteps: [(range: Range<Int>, step: Float)]
  private let beta1: Float
  private let beta2: Float

  /// A parameter, with the factor of its learning rate and its decay.
  private struct Segment {
    let range: Range<Int>
    let rateScale: Double
    let decay: Double
  }

  init(_ transformer: Transformer, _ training: TrainingConfiguration) {
    beta1 = Float(training.beta1)
    beta2 = Float(training.beta2)
    let parameters = transformer.parameters
    signSteps = parameters.compactMap { parameter in parameter.traits.signStep.map { (parameter.range, $0) } }
    segments = parameters.filter { $0.traits.signStep == nil }.map { parameter in
      Segment(
        range: parameter.range, rateScale: transformer.configuration.learningRateScale(of: parameter.traits),
        decay: parameter.traits.decays ? training.weightDecay : 0)
    }
  }

  /// Changes the weights by one step.
  ///
  /// - Parameters:
  ///   - gradientScale: Multiplies the gradient, to clip it.
  ///   - step: The number t of the step, counted from 1.
  func update(_ state: TrainingState, gradient: FloatBuffer, gradientScale: Float, rate: Double, step: Int) {
    let correction1 = 1 - pow(Double(beta1), Double(step))
    let correction2 = 1 - pow(Double(beta2), Double(step))
    let inverseRoot2 = Float(1 / correction2.squareRoot())
    for segment in segments {
      let stepSize = Float(rate * segment.rateScale / correction1)
      let keep = Float(1 - rate * segment.rateScale * segment.decay)
      let g = gradient.start + segment.range.lowerBound
      let p = state.parameters.start + segment.range.lowerBound
      let m = state.moment1.start + segment.range.lowerBound
      let v = state.moment2.start + segment.range.lowerBound
      for i in 0..<segment.range.count {
        let slope = gradientScale * g[i]
        m[i] = fused_multiply_add(beta1, m[i], (1 - beta1) * slope)
        v[i] = fused_multiply_add(beta2, v[i], (1 - beta2) * slope * slope)
        p[i] = keep * p[i] - stepSize * m[i] / (relaxed_sqrt(v[i]) * inverseRoot2 + Self.epsilon)
      }
    }
    for (range, step) in signSteps {
      for i in range where gradient[i] != 0 { state.parameters[i] -= gradient[i] > 0 ? step : -step }
    }
  }

  /// The Euclidean norm of the gradient of all parameters together.
  func norm(of gradient: FloatBuffer) -> Double {
    var sum = 0.0
    for segment in segments {
      let g = gradient.start + segment.range.lowerBound
      var squares: Float = 0
      for i in 0..<segment.range.count { squares = relaxed_multiply_add(g[i], g[i], squares) }
      sum += Double(squares)
    }
    return sum.squareRoot()
  }
}

/// What training changes: weights and moments, and how far it has come.
public final class TrainingState {
  public let parameters: FloatBuffer
  public let moment1: FloatBuffer
  public let moment2: FloatBuffer
  /// Steps done.
  public internal(set) var step = 0
  /// Tokens trained on.
  public internal(set) var tokens = 0
  /// The tokens after which the cooldown began, once it has.
  package(set) public var branched: Int?
  /// The training loss, averaged over about the last ten steps.
  public internal(set) var recentLoss: Double?
  /// The operations that all steps were spared, as experts had room left.
  public internal(set) var sparedFlops = 0.0

  init(parameters: FloatBuffer) {
    self.parameters = parameters
    moment1 = FloatBuffer(count: parameters.count)
    moment2 = FloatBuffer(count: parameters.count)
  }

  /// Takes over all of `other`.
  func copy(from other: TrainingState) {
    parameters.copy(from: other.parameters)
    moment1.copy(from: other.moment1)
    moment2.copy(from: other.moment2)
    (step, tokens, branched, recentLoss) = (other.step, other.tokens, other.branched, other.recentLoss)
    sparedFlops = other.sparedFlops
  }
}
