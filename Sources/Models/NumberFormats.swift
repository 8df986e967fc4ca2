import Autograd

/// The formats that numbers are rounded to where a weight meets an activation; nil for float32.
///
/// Weights, activations and the gradients of products are rounded at each product with a weight, the head included: master
/// weights, norms, softmax, the residual stream and the optimiser stay float32. The gradient passes through rounding as if it
/// were not there. Channels of a weight are those of its output; those of activations and gradients are tokens.
public struct NumberFormats: Codable, Hashable, Sendable {
  public var weights: NumberFormat?
  public var activations: NumberFormat?
  public var gradients: NumberFormat?
  /// That of keys and values in attention, which are the cache while a text is continued. Their channels are heads of a
  /// token.
  public var cache: NumberFormat?
  /// Whether training rounds at random, so that the mean is the number itself; nil for to nearest, as in evaluation.
  public var isStochastic: Bool?
  /// Whether only gradients are rounded at random, and the operands of forward to nearest; nil for all operands.
  public var onlyGradientsAreStochastic: Bool?

  public init(
    weights: NumberFormat = .float32, activations: NumberFormat = .float32,
    gradients: NumberFormat = .float32, cache: NumberFormat = .float32,
    rounding: RoundingMode = .nearest
  ) {
    func given(_ format: NumberFormat) -> NumberFormat? { format == .float32 ? nil : format }
    self.weights = given(weights)
    self.activations = given(activations)
    self.gradients = given(gradients)
    self.cache = given(cache)
    let isOnlyOfGradients = rounding == .stochasticGradients
    isStochastic = rounding == .nearest || isOnlyOfGradients && self.gradients == nil ? nil : true
    onlyGradientsAreStochastic = isStochastic == true && isOnlyOfGradients ? true : nil
  }

  /// How training rounds.
  public var rounding: RoundingMode {
    isStochastic != true ? .nearest : onlyGradientsAreStochastic == true ? .stochasticGradients : .stochastic
  }

  /// Whether all numbers are float32.
  var areFloat32: Bool { weights == nil && activations == nil && gradients == nil && cache == nil }

  /// Whether products are those of the bfloat16 units: all operands are rounded to nearest.
  var areProductsOfBfloat16: Bool {
    rounding == .nearest && [weights, activations, gradients].allSatisfy { $0 == .bfloat16 }
  }
}

/// How training rounds to a format.
public enum RoundingMode: String, CaseIterable, Sendable {
  case nearest, stochastic
  /// Gradients at random, weights, activations and the cache to nearest (Chmiel et al. 2025, arXiv:2505.19115).
  case stochasticGradients = "stochastic_gradients"
}

extension RecordingContext {
  /// What random rounding of the next operation depends on; nil where numbers are rounded to nearest.
  private func nextKeys(ofGradient: Bool = false) -> (keys: Integers, stream: Int)? {
    guard let noiseKeys, let rounding = configuration.formats?.rounding, rounding != .nearest,
      ofGradient || rounding == .stochastic
    else { return nil }
    defer { roundings += 1 }
    return (noiseKeys, roundings)
  }

  /// The formats of products that need rounding; nil where the product itself does it, or nothing is rounded.
  private var formats: NumberFormats? {
    configuration.formats.flatMap { $0.areProductsOfBfloat16 ? nil : $0 }
  }

  func roundedActivation(_ x: Tensor) -> Tensor {
    guard let format = formats?.activations else { return x }
    return recorder.round(x, to: format, random: nextKeys())
  }

  /// - Parameter transposed: Whether the rows are the channels of the output.
  func roundedWeight(_ weight: Tensor, transposed: Bool) -> Tensor {
    guard let format = formats?.weights else { return weight }
    return recorder.round(
      weight, to: format, transposed: !transposed, random: nextKeys(), isWeight: true)
  }

  func roundedGradient(of product: Tensor) -> Tensor {
    guard recorder.gradients, let format = formats?.gradients else { return product }
    return recorder.roundGradient(product, to: format, random: nextKeys(ofGradient: true))
  }

  /// Rounds keys and values, adjacent columns of one tensor with the queries → the whole tensor.
  func roundedCache(of qkv: Tensor, keysAndValues columns: Range<Int>) -> Tensor {
    guard let format = configuration.formats?.cache else { return qkv }
    return recorder.round(
      qkv, to: format, columns: columns, width: configuration.headWidth, random: nextKeys())
  }
}
