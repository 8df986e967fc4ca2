import Autograd
import Foundation
import RandomNumbers

/// How scales follow the width; for learning rates see `UpdateRule.rateScale`. With m = width / base width, μP (Yang
/// et al. 2022, table 8) divides the logits by m, and the attention scores by the head's width instead of its square
/// root. At the base width, with heads of the usual width, both parametrisations are the same.
extension ModelConfiguration {
  /// m = width / base width.
  public var widthRatio: Double { Double(width) / Double(Self.baseWidth) }

  /// The factor of the scores q·k.
  package var attentionScale: Float {
    switch parametrisation {
    case .standard: 1 / Float(headWidth).squareRoot()
    case .mup: Float(Self.usualHeadWidth).squareRoot() / Float(headWidth)
    }
  }

  /// The factor of the logits.
  package var logitScale: Float {
    switch parametrisation {
    case .standard: 1
    case .mup: Float(1 / widthRatio)
    }
  }

  /// The standard deviation of a new hidden weight: 1/√inputs. Where the outputs are added to the residual stream it is
  /// divided by the square root of the number of layers, so that the stream does not grow with the depth.
  func initialDeviation(_ writesToStream: Bool, inputs: Int) -> Double {
    let deviation = 1 / Double(inputs).squareRoot()
    // Each block has two layers.
    return writesToStream ? deviation / Double(2 * depth).squareRoot() : deviation
  }

  /// The standard deviation of new embeddings and heads: 1/(2·√width), of the base width under μP.
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
      case .logarithmOfRow:
        let columns = parameter.parameter.tensor.columns
        for i in 0..<parameter.count {
          buffer[parameter.range.lowerBound + i] = Float(log(Double(i / columns + 1)))
        }
        continue
      case .logarithmOfUniform(let range):
        let (low, high) = (Double(range.lowerBound), Double(range.upperBound))
        for i in parameter.range { buffer[i] = Float(log(low + (high - low) * random.uniform())) }
        continue
      case .softplusInverse(let range):
        let (low, high) = (log(Double(range.lowerBound)), log(Double(range.upperBound)))
        for i in parameter.range {
          let value = exp(low + (high - low) * random.uniform())
          buffer[i] = Float(value + log(-expm1(-value)))
        }
        continue
      case .orthogonalRows:
        let tensor = parameter.parameter.tensor
        let numbers = orthogonalRows(tensor.rows, columns: tensor.columns, random: &random)
        for (i, number) in zip(parameter.range, numbers) { buffer[i] = Float(number) }
        continue
      }
      for i in parameter.range { buffer[i] = Float(deviation * random.normal()) }
    }
    return buffer
  }
}
