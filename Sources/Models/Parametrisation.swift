import Autograd
import RandomNumbers

/// How scales follow the width; learning rates do by the update rule (`UpdateRule.rateScale`). With m = width / base width, μP for Adam (Yang et al. 2022,
/// table 8) divides the rate of hidden matrices and the logits by m, and the attention scores by the head's width
/// instead of its root; the factors are chosen so that at the base width nothing changes.
extension ModelConfiguration {
  /// m = width / base width.
  public var widthRatio: Double { Double(width) / Double(Self.baseWidth) }

  /// The factor of the scores q·k.
  var attentionScale: Float {
    switch parametrisation {
    case .standard: 1 / Float(headWidth).squareRoot()
    case .mup: Float(Self.usualHeadWidth).squareRoot() / Float(headWidth)
    }
  }

  /// The factor of the logits.
  var logitScale: Float {
    switch parametrisation {
    case .standard: 1
    case .mup: Float(1 / widthRatio)
    }
  }

  /// The standard deviation of a new weight: 1/√inputs inside, half that over the width at the edges, and less by
  /// √(layers) where it writes to the stream, so that the stream's size does not grow with depth.
  func initialDeviation(_ writesToStream: Bool, inputs: Int) -> Double {
    let deviation = 1 / Double(inputs).squareRoot()
    // Each block writes twice.
    return writesToStream ? deviation / Double(2 * depth).squareRoot() : deviation
  }

  /// The standard deviation of new vectors of tokens.
  var edgeDeviation: Double {
    0.5 / Double(parametrisation == .mup ? Self.baseWidth : width).squareRoot()
  }
}

extension Transformer {
  /// New weights: constant, or drawn from normal distributions.
  public func initialParameters(seed: UInt64) -> FloatBuffer {
    let buffer = FloatBuffer(count: layout.bufferCount)
    for (index, parameter) in parameters.enumerated() {
      var random = SplitMix64(seed: seed, stream: UInt64(index))
      let deviation: Double
      switch parameter.traits.initial {
      case .constant(let value):
        for i in parameter.range { buffer[i] = value }
        continue
      case .hidden(let writesToStream):
        // The axes are (…, inputs, outputs).
        let inputs = parameter.parameter.tensor.shape.dropLast().last ?? 1
        deviation = configuration.initialDeviation(writesToStream, inputs: inputs)
      case .edge:
        deviation = configuration.edgeDeviation
      }
      for i in parameter.range { buffer[i] = Float(deviation * random.normal()) }
    }
    return buffer
  }
}
