import Autograd

/// The gated delta rule   (Gated DeltaNet; Yang et al. 2024): each head has a matrix that maps keys to values. It decays
/// as the token says, and the value that it has for the token's key is replaced by the token's value.
///
///     q, k, v = silu(convolution(x·W))    α = exp(−r·softplus(x·W_α + c))    β = σ(x·W_β)
///     S_t = α·S_{t−1}·(I − β·k·kᵀ) + β·v·kᵀ    y = (norm(S_t·q)·silu(x·W_z))·W_out
///
/// with q and k of length 1. A head has sixteen values and `state` keys, so that it keeps as many numbers for each value
/// as a channel of a selective scan; there are as many heads as are together at least C wide.
///
/// Under μP, matrices between widths scale as in other layers, and the map to the gates as a router, which also maps a
/// width to numbers whose size does not follow the width. As keys and queries have length 1, S·q needs no scale. What a
/// head has for itself, r and c, and the convolution have a fixed number of inputs: initial values and learning rates
/// stay. Initially r is 1 … 16, and softplus(c) between 0.001 and 0.1, as in the paper.
struct DeltaRule: SequenceMixer {
  static let letter: Character = "D"
  static let name = "deltaRule"
  static let summary =
    "gated delta rule: a recurrent matrix in which a token replaces the value of its key (Yang et al. 2024)"

  private let input: Linear
  private let gate: Linear
  private let convolution: (weight: Tensor, bias: Tensor)
  private let gates: Tensor
  private let logRates: Tensor
  private let bias: Tensor
  private let gain: Tensor
  private let out: Linear

  /// The values of a head.
  private static let headWidth = 16

  init(_ name: String, _ c: ModelConfiguration, in parameters: inout ModelParameters) {
    let heads = (c.width + Self.headWidth - 1) / Self.headWidth
    let (values, columns) = (heads * Self.headWidth, heads * (2 * c.stateSize + Self.headWidth))
    input = Linear(
      "\(name).qkv", c.width, columns, parts: [heads * c.stateSize, heads * c.stateSize, values], c,
      in: &parameters)
    gate = Linear("\(name).gate", c.width, values, c, in: &parameters)
    convolution = (
      parameters.add(
        "\(name).convolution.weight", [4, columns], .ofChannels(.hidden(writesToStream: false))),
      parameters.add("\(name).convolution.bias", [columns], .bias())
    )
    gates = parameters.add("\(name).gates.weight", [c.width, 2 * heads], .matrix())
    logRates = parameters.add("\(name).logRates", [heads], .ofChannels(.logarithmOfUniform(in: 1...16)))
    bias = parameters.add("\(name).gates.bias", [heads], .ofChannels(.softplusInverse(of: 0.001...0.1)))
    gain = parameters.add("\(name).norm.gain", [Self.headWidth], .gain)
    out = Linear("\(name).out", values, c.width, c, writesToStream: true, in: &parameters)
  }

  func callAsFunction(_ x: Tensor, _ context: RecordingContext) -> Tensor {
    let qkv = context.convolve(input(x, context), convolution.weight, bias: convolution.bias)
    let mixed = context.recorder.deltaRule(
      qkv, gates: context.multiply(x, gates), logRates: logRates, bias: bias,
      context: context.configuration.context, context.continuation)
    return out(context.recorder.gatedNorm(mixed, gate: gate(x, context), gain: gain), context)
  }

  /// The matrices of its heads, and what the convolution sees of earlier positions.
  static func stateCount(_ c: ModelConfiguration) -> Int {
    let heads = (c.width + headWidth - 1) / headWidth
    return heads * (headWidth * c.stateSize + 3 * (2 * c.stateSize + headWidth))
  }

  static func check(_ configuration: ModelConfiguration) throws {}
}
