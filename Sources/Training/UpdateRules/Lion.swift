import Autograd
import CBLAS
import Models

/// The sign of an interpolated momentum (Chen et al. 2023):
///
///     u = sign(β₁m + (1 − β₁)g)    p ← p − η·(u + λp)    m ← β₂m + (1 − β₂)g
struct Lion: UpdateRule {
  static let name = "lion"
  static let title = "Lion"
  static let meaning = "the sign of an interpolated momentum"
  static let beta1 = NumberSetting(
    "lion_beta1", default: 0.9, in: 0...0.999_999, "weight of the momentum in the sum whose sign is the step")
  static let beta2 = NumberSetting("lion_beta2", default: 0.99, in: 0...0.999_999, "decay of the momentum")
  static let settings = [beta1, beta2]
  static let buffers = [UpdateBuffer("momentum")]
  /// After 1M tokens of `village` at widths 32 and 64, depth 2, the losses are .827 and .718 at .001, .714 at .0014 (width
  /// 64), .833 and .713 at .002, .833 and .733 at .004.
  static let usualRate = 0.0015

  private let beta1: Float
  private let beta2: Float

  init(_ training: TrainingConfiguration) {
    beta1 = Float(training.updateRule?[Self.beta1] ?? Self.beta1.defaultValue)
    beta2 = Float(training.updateRule?[Self.beta2] ?? Self.beta2.defaultValue)
  }

  /// Steps do not depend on the gradient's size, as those of AdamW.
  static func rateScale(of traits: ParameterTraits, widthRatio m: Double) -> Double {
    AdamW.rateScale(of: traits, widthRatio: m)
  }

  func update(_ step: UpdateStep) {
    let gradientScale = step.gradientScale
    let segment = step.segment
    let stepSize = Float(step.rate)
    let keep = step.keep
    let (p, g, m) = (step.weights, step.slopes, step.buffer(0))
    for i in 0..<segment.count {
      let slope = gradientScale * g[i]
      let mixed = fused_multiply_add(beta1, m[i], (1 - beta1) * slope)
      p[i] = keep * p[i] - (mixed > 0 ? stepSize : mixed < 0 ? -stepSize : 0)
      m[i] = fused_multiply_add(beta2, m[i], (1 - beta2) * slope)
    }
  }
}
