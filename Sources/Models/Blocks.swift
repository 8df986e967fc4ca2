import Autograd

/// One block: attention and feed-forward, each behind a norm and beside the stream.
struct Block {
  private let attentionNorm: Norm
  private let queriesKeysValues: Linear
  private let attentionOut: Linear
  private let feedForwardNorm: Norm
  private let part: Part
  private let configuration: ModelConfiguration

  private enum Part {
    case dense(FeedForward)
    case routed(RoutedFeedForward)
  }

  init(number: Int, _ c: ModelConfiguration, in layout: inout ParameterLayout) {
    let name = "blocks.\(number)"
    configuration = c
    attentionNorm = Norm("\(name).attention.norm", c, in: &layout)
    queriesKeysValues = Linear("\(name).attention.qkv", c.width, 3 * c.attentionWidth, c, in: &layout)
    attentionOut = Linear("\(name).attention.out", c.attentionWidth, c.width, c, in: &layout)
    feedForwardNorm = Norm("\(name).feedForward.norm", c, in: &layout)
    if let mixture = c.mixture, mixture.routes(block: number) {
      part = .routed(RoutedFeedForward("\(name).feedForward", block: number, mixture, c, in: &layout))
    } else {
      part = .dense(FeedForward("\(name).feedForward", hidden: c.feedForwardWidth, c, in: &layout))
    }
  }

  /// - Parameters:
  ///   - routed: What was routed so far.
  ///   - noise: The keys of the routers' noise; nil for none.
  func callAsFunction(
    _ x: Tensor, angles: RotaryAngles?, routed: inout [RoutedLayer], noise: Integers?, on recorder: Recorder
  ) -> Tensor {
    let attended = recorder.add(x, attention(attentionNorm(x, on: recorder), angles, on: recorder))
    let normal = feedForwardNorm(attended, on: recorder)
    let fed =
      switch part {
      case .dense(let part): part(normal, on: recorder)
      case .routed(let part): part(normal, routed: &routed, noise: noise, on: recorder)
      }
    return recorder.add(attended, fed)
  }

  private func attention(_ x: Tensor, _ angles: RotaryAngles?, on recorder: Recorder) -> Tensor {
    let c = configuration
    var qkv = queriesKeysValues(x, on: recorder)
    if let angles { qkv = recorder.rotary(qkv, heads: c.heads, angles: angles) }
    let mixed = recorder.causalAttention(qkv, heads: c.heads, context: c.context, scale: c.attentionScale)
    return attentionOut(mixed, on: recorder)
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
