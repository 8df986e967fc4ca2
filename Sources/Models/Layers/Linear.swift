import Autograd

/// A linear map (…, inputs) → (…, outputs), with a bias in the architectures that have biases.
struct Linear: Sendable {
  private let weight: Tensor
  private let bias: Tensor?

  /// - Parameters:
  ///   - parts: The outputs of each of the maps that it stands for; empty for a single one.
  ///   - writesToStream: Whether its output is added to the residual stream.
  init(
    _ name: String, _ inputs: Int, _ outputs: Int, parts: [Int] = [], _ c: ModelConfiguration,
    writesToStream: Bool = false, in parameters: inout ModelParameters
  ) {
    weight = parameters.add(
      "\(name).weight", [inputs, outputs], .matrix(writesToStream: writesToStream, parts: parts))
    bias = c.architecture.hasBiases ? parameters.add("\(name).bias", [outputs], .bias()) : nil
  }

  func callAsFunction(_ x: Tensor, _ context: RecordingContext) -> Tensor {
    context.multiply(x, weight, bias: bias)
  }
}
