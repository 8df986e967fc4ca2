import Autograd
import CBLAS
import Models

/// Stochastic gradient descent with momentum (Polyak 1964) and decoupled weight decay:
///
///     b ← μb + g    p ← p − η·(b + λp)
struct SGD: UpdateRule {
  static let name = "sgd"
  static let title = "SGD"
  static let meaning = "stochastic gradient descent with momentum"
  static let momentum = NumberSetting(
    "momentum", default: 0.9, in: 0...0.9999, "decay of the sum of gradients that SGD follows; 0 for none")
  static let settings = [momentum]
  static let buffers = [UpdateBuffer("momentum")]
  /// After 1M tokens of `village` at widths 32 and 64, depth 2, the losses are .832 and .714 at .1, .818 at .2 (width 32),
  /// .723 at .3 (width 64); at 1 it diverges.
  static let usualRate = 0.2

  private let momentum: Float

  init(_ training: TrainingConfiguration) {
    momentum = Float(training.updateRule?[Self.momentum] ?? Self.momentum.defaultValue)
  }

  /// Gradients of all weights but hidden matrices get smaller with the width   (Yang et al. 2022, table 8)
  static func rateScale(of traits: ParameterTraits, widthRatio m: Double) -> Double {
    traits.scalesRateWithWidth ? 1 : m
  }

  func update(_ step: UpdateStep) {
    let gradientScale = step.gradientScale
    let segment = step.segment
    let stepSize = Float(step.rate)
    let keep = step.keep
    let (p, g, b) = (step.weights, step.slopes, step.buffer(0))
    for i in 0..<segment.count {
      b[i] = fused_multiply_add(momentum, b[i], gradientScale * g[i])
      p[i] = keep * p[i] - stepSize * b[i]
    }
  }
}
