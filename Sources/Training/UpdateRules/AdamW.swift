import Autograd
import CBLAS
import Foundation
import Models

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019):
///
///     m ← β₁m + (1 − β₁)g    v ← β₂v + (1 − β₂)g²
///     p ← p − η·(m̂/(√v̂ + ε) + λp)    m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ)
struct AdamW: UpdateRule {
  static let name = "adamw"
  static let title = "AdamW"
  static let meaning = "Adam with decoupled weight decay"
  static let settings = [
    NumberSetting(
      "beta1", default: 0.9, in: 0...0.999_999, "decay of the first moment",
      property: \TrainingConfiguration.beta1),
    NumberSetting(
      "beta2", default: 0.95, in: 0...0.999_999, "decay of the second moment",
      property: \TrainingConfiguration.beta2),
  ]
  static let buffers = [UpdateBuffer("moment1"), UpdateBuffer("moment2")]
  /// The best rate found at the base width.
  static let usualRate = 0.008
  static let epsilon: Float = 1e-8

  private let beta1: Float
  private let beta2: Float

  init(_ training: TrainingConfiguration) {
    beta1 = Float(training.beta1)
    beta2 = Float(training.beta2)
  }

  /// Steps do not depend on the gradient's size, so hidden matrices need smaller ones   (Yang et al. 2022, table 8)
  static func rateScale(of traits: ParameterTraits, widthRatio m: Double) -> Double {
    traits.scalesRateWithWidth ? 1 / m : 1
  }

  func update(_ step: UpdateStep) { update(step, moments: (step.buffer(0), step.buffer(1))) }

  /// Changes weights whose moments are at m and v.
  func update(
    _ step: UpdateStep, moments: (m: UnsafeMutablePointer<Float>, v: UnsafeMutablePointer<Float>)
  ) {
    let segment = step.segment
    let correction1 = 1 - pow(Double(beta1), Double(step.number))
    let correction2 = 1 - pow(Double(beta2), Double(step.number))
    let inverseRoot2 = Float(1 / correction2.squareRoot())
    let gradientScale = step.gradientScale
    let stepSize = Float(step.rate / correction1)
    let keep = step.keep
    let (p, g) = (step.weights, step.slopes)
    let (m, v) = moments
    for i in 0..<segment.count {
      let slope = gradientScale * g[i]
      m[i] = fused_multiply_add(beta1, m[i], (1 - beta1) * slope)
      v[i] = fused_multiply_add(beta2, v[i], (1 - beta2) * slope * slope)
      p[i] = keep * p[i] - stepSize * m[i] / (relaxed_sqrt(v[i]) * inverseRoot2 + Self.epsilon)
    }
  }
}
