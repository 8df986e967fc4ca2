import Autograd

/// The norm of an architecture: layer norm with a bias, or root-mean-square norm.
struct Norm: Sendable {
  private let gain: Tensor
  private let bias: Tensor?

  init(_ name: String, _ c: ModelConfiguration, in parameters: inout ModelParameters) {
    gain = parameters.add("\(name).gain", [c.width], .gain)
    bias = c.architecture.hasBiases ? parameters.add("\(name).bias", [c.width], .bias()) : nil
  }

  func callAsFunction(_ x: Tensor, _ context: RecordingContext) -> Tensor {
    guard let bias else { return context.recorder.rmsNorm(x, gain: gain) }
    return context.recorder.layerNorm(x, gain: gain, bias: bias)
  }
}
