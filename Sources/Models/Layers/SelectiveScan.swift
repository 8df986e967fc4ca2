import Autograd

/// The selective scan   (Mamba; Gu & Dao 2023): channels with N states each, whose decay and input depend on the token.
///
///     u = silu(convolution(x·W_u))    Δ = softplus(u·W_↓·W_↑ + b)    B, C = u·W_BC    A = −exp(logarithms)
///     h_t = exp(Δ_t·A)·h_{t−1} + Δ_t·B_t·u_t    y = ((C·h + D·u)·silu(x·W_z))·W_out
///
/// It has E = `expansion`·C channels; W_↓·W_↑ is of rank C/16. The state of a sequence does not grow with the context.
///
/// Under μP, matrices between widths scale as in other layers, and W_BC as a router, which also maps a width to a fixed
/// number of outputs. The parameters of single channels (the convolution, A, D and b) have a fixed number of inputs: their initial
/// values and learning rates do not change with the width. Initially A is −1 … −N, and Δ between 0.001 and 0.1, as in the paper.
struct SelectiveScan: SequenceMixer {
  static let letter: Character = "M"
  static let name = "selectiveScan"
  static let summary =
    "selective scan (Mamba): a recurrent state whose decay and input depend on the token (Gu & Dao 2023)"

  static let settings: [LayerSetting] = [
    .integer(
      "state", in: 1...1024,
      "of selectiveScan and deltaRule: the size of the recurrent state of each channel, or of each value of a head",
      \.state
    ) { $0.hasStates ? $0.stateSize : nil }
    .of("a layer M or D"),
    .integer(
      "expansion", in: 1...16, "of selectiveScan: the number of channels divided by the width", \.expansion
    ) { $0.has(SelectiveScan.self) ? $0.channelsPerWidth : nil }
    .of("a layer M"),
  ]

  private let input: Linear
  private let gate: Linear
  private let convolution: (weight: Tensor, bias: Tensor)
  private let step: (down: Tensor, up: Tensor, bias: Tensor)
  private let maps: Tensor
  private let logRates: Tensor
  private let skip: Tensor
  private let out: Linear

  init(_ name: String, _ c: ModelConfiguration, in parameters: inout ModelParameters) {
    let (channels, rank, states) = (c.channelsPerWidth * c.width, (c.width + 15) / 16, c.stateSize)
    input = Linear("\(name).in", c.width, channels, c, in: &parameters)
    gate = Linear("\(name).gate", c.width, channels, c, in: &parameters)
    convolution = (
      parameters.add(
        "\(name).convolution.weight", [4, channels], .ofChannels(.hidden(writesToStream: false))),
      parameters.add("\(name).convolution.bias", [channels], .bias())
    )
    step = (
      parameters.add("\(name).step.down.weight", [channels, rank], .matrix()),
      parameters.add("\(name).step.up.weight", [rank, channels], .matrix()),
      parameters.add("\(name).step.bias", [channels], .ofChannels(.softplusInverse(of: 0.001...0.1)))
    )
    maps = parameters.add("\(name).maps.weight", [channels, 2 * states], .matrix(hasFixedOutputs: true))
    logRates = parameters.add("\(name).logRates", [states, channels], .ofChannels(.logarithmOfRow))
    skip = parameters.add("\(name).skip", [channels], .gain)
    out = Linear("\(name).out", channels, c.width, c, writesToStream: true, in: &parameters)
  }

  func callAsFunction(_ x: Tensor, _ context: RecordingContext) -> Tensor {
    let u = context.convolve(input(x, context), convolution.weight, bias: convolution.bias)
    let steps = context.multiply(context.multiply(u, step.down), step.up, bias: step.bias)
    let mixed = context.recorder.selectiveScan(
      u, steps: steps, maps: context.multiply(u, maps), gate: gate(x, context), logRates: logRates,
      skip: skip, context: context.configuration.context, context.continuation)
    return out(mixed, context)
  }

  /// Those of its channels, and what the convolution sees of earlier positions.
  static func stateCount(_ c: ModelConfiguration) -> Int { c.channelsPerWidth * c.width * (c.stateSize + 3) }

  static func check(_ configuration: ModelConfiguration) throws {}
}
