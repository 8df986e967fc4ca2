import Autograd

/// How scales and learning rates follow the width. With m = width / base width, μP for Adam (Yang et al. 2022,
/// table 8) divides the rate of hidden matrices and the logits by m, and the attention scores by the head's width
/// instead of its root; the factors are chosen so that at the base width nothing changes.
extension ModelConfiguration {
  private var widthRatio: Double { Double(width) / Double(Self.baseWidth) }

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

  /// The factor of the learning rate for weights of a role.
  public func learningRateScale(of role: Parameter.Role) -> Double {
    parametrisation == .mup && [.hidden, .expert, .router].contains(role) ? 1 / widthRatio : 1
  }

  /// The standard deviation of a new weight: 1/√fan-in inside, half that over the width at the edges, and less by
  /// √(2·depth) where it writes to the stream, so that the stream's size does not grow with depth.
  func initialDeviation(of parameter: Parameter) -> Double {
    switch parameter.role {
    case .vector, .balance: return 0
    case .embedding, .head:
      return 0.5 / Double(parametrisation == .mup ? Self.baseWidth : width).squareRoot()
    case .hidden, .expert, .router:
      let writesToStream = parameter.name.hasSuffix("out.weight") || parameter.name.hasSuffix("down.weight")
      let deviation = 1 / Double(parameter.tensor.shape[parameter.tensor.shape.count - 2]).squareRoot()
      return writesToStream ? deviation / Double(2 * depth).squareRoot() : deviation
    }
  }
}

extension Transformer {
  /// New weights, drawn from normal distributions; gains are 1 and biases 0.
  public func initialParameters(seed: UInt64) -> FloatBuffer {
    let buffer = FloatBuffer(count: layout.bufferCount)
    for (index, parameter) in layout.parameters.enumerated() {
      var random = SplitMix64(seed: seed, stream: UInt64(index))
      let deviation = configuration.initialDeviation(of: parameter)
      let isGain = parameter.name.hasSuffix(".gain")
      for i in parameter.range {
        buffer[i] = isGain ? 1 : deviation == 0 ? 0 : Float(deviation * random.normal())
      }
    }
    return buffer
  }
}
