import Autograd

/// The norm of an architecture: layer norm with a bias, or root-mean-square norm.
struct Norm: Sendable {
  private let gain: Tensor
  private let bias: Tensor?
  private let epsilon: Float

  init(_ name: String, _ c: ModelConfiguration, in parameters: inout ModelParameters) {
    epsilon = Float(c.normAddend)
    gain = parameters.add("\(name).gain", [c.width], .gain)
    bias = c.architecture.hasBiases ? parameters.add("\(name).bias", [c.width], .bias()) : nil
  }

  func callAsFunction(_ x: Tensor, _ context: RecordingContext) -> Tensor {
    guard let bias else { return context.recorder.rmsNorm(x, gain: gain, epsilon: epsilon) }
    return context.recorder.layerNorm(x, gain: gain, bias: bias, epsilon: epsilon)
  }
}
