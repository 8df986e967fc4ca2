import Autograd

/// One block: attention and feed-forward, each behind a norm and beside the stream.
struct Block {
  private let attentionNorm: Norm
  private let queriesKeysValues: Linear
  private let attentionOut: Linear
  private let feedForwardNorm: Norm
  private let up: Linear
  private let down: Linear
  private let configuration: ModelConfiguration

  init(_ name: String, _ c: ModelConfiguration, in layout: inout ParameterLayout) {
    configuration = c
    let hidden = c.feedForwardWidth
    attentionNorm = Norm("\(name).attention.norm", c, in: &layout)
    queriesKeysValues = Linear("\(name).attention.qkv", c.width, 3 * c.attentionWidth, c, in: &layout)
    attentionOut = Linear("\(name).attention.out", c.attentionWidth, c.width, c, in: &layout)
    feedForwardNorm = Norm("\(name).feedForward.norm", c, in: &layout)
    // SwiGLU's gate and value come from one matrix.
    up = Linear("\(name).feedForward.up", c.width, c.family == .llama ? 2 * hidden : hidden, c, in: &layout)
    down = Linear("\(name).feedForward.down", hidden, c.width, c, in: &layout)
  }

  func callAsFunction(_ x: Tensor, angles: RotaryAngles?, on recorder: Recorder) -> Tensor {
    let attended = recorder.add(x, attention(attentionNorm(x, on: recorder), angles, on: recorder))
    return recorder.add(attended, feedForward(feedForwardNorm(attended, on: recorder), on: recorder))
  }

  private func attention(_ x: Tensor, _ angles: RotaryAngles?, on recorder: Recorder) -> Tensor {
    let c = configuration
    var qkv = queriesKeysValues(x, on: recorder)
    if let angles { qkv = recorder.rotary(qkv, heads: c.heads, angles: angles) }
    let mixed = recorder.causalAttention(qkv, heads: c.heads, context: c.context, scale: c.attentionScale)
    return attentionOut(mixed, on: recorder)
  }

  private func feedForward(_ x: Tensor, on recorder: Recorder) -> Tensor {
    let hidden = up(x, on: recorder)
    let activated =
      switch configuration.family {
      case .gpt2: recorder.gelu(hidden)
      case .llama: recorder.swiGLU(hidden)
      }
    return down(activated, on: recorder)
  }
}

/// A linear map, with a bias in the families that have biases.
struct Linear {
  private let weight: Tensor
  private let bias: Tensor?

  init(
    _ name: String, _ inputs: Int, _ outputs: Int, _ c: ModelConfiguration, in layout: inout ParameterLayout
  ) {
    weight = layout.add("\(name).weight", [inputs, outputs], role: .hidden)
    bias = c.family == .gpt2 ? layout.add("\(name).bias", [outputs], role: .vector) : nil
  }

  func callAsFunction(_ x: Tensor, on recorder: Recorder) -> Tensor { recorder.linear(x, weight, bias: bias) }
}

/// The norm of the family: layer norm with a bias, or root-mean-square norm.
struct Norm {
  private let gain: Tensor
  private let bias: Tensor?

  init(_ name: String, _ c: ModelConfiguration, in layout: inout ParameterLayout) {
    gain = layout.add("\(name).gain", [c.width], role: .vector)
    bias = c.family == .gpt2 ? layout.add("\(name).bias", [c.width], role: .vector) : nil
  }

  func callAsFunction(_ x: Tensor, on recorder: Recorder) -> Tensor {
    guard let bias else { return recorder.rmsNorm(x, gain: gain) }
    return recorder.layerNorm(x, gain: gain, bias: bias)
  }
}
