import Autograd

/// The feed-forward part of a block: two linear maps, for SwiGLU three, with the family's activation between them.
struct FeedForward {
  private let up: Linear
  private let down: Linear
  private let family: ModelConfiguration.Family

  init(_ name: String, hidden: Int, _ c: ModelConfiguration, in layout: inout ParameterLayout) {
    family = c.family
    up = Linear("\(name).up", c.width, family.upWidth(hidden), c, in: &layout)
    down = Linear("\(name).down", hidden, c.width, c, in: &layout)
  }

  func callAsFunction(_ x: Tensor, on recorder: Recorder) -> Tensor {
    down(family.activate(up(x, on: recorder), on: recorder), on: recorder)
  }
}

/// A feed-forward part that is split among experts:
///
///     y_r = Σ_{e chosen by r} g_re·down_e(activation(up_e(x_r))) + shared(x_r)
struct RoutedFeedForward {
  private let router: Tensor
  private let bias: Tensor?
  private let up: (weight: Tensor, bias: Tensor?)
  private let down: (weight: Tensor, bias: Tensor?)
  private let shared: FeedForward?
  private let mixture: MixtureOfExperts
  private let family: ModelConfiguration.Family
  private let block: Int

  init(
    _ name: String, block: Int, _ mixture: MixtureOfExperts, _ c: ModelConfiguration,
    in layout: inout ParameterLayout
  ) {
    self.mixture = mixture
    self.block = block
    family = c.family
    let (experts, hidden) = (mixture.routed, c.feedForwardWidth / mixture.granularity)
    func maps(_ part: String, _ inputs: Int, _ outputs: Int) -> (Tensor, Tensor?) {
      (
        layout.add("\(name).experts.\(part).weight", [experts, inputs, outputs], role: .expert),
        c.family == .gpt2
          ? layout.add("\(name).experts.\(part).bias", [experts, outputs], role: .vector) : nil
      )
    }
    router = layout.add("\(name).router.weight", [c.width, experts], role: .router)
    bias = mixture.balance == .bias ? layout.add("\(name).router.balance", [experts], role: .balance) : nil
    up = maps("up", c.width, family.upWidth(hidden))
    down = maps("down", hidden, c.width)
    shared =
      mixture.shared == 0
      ? nil : FeedForward("\(name).shared", hidden: mixture.shared * hidden, c, in: &layout)
  }

  /// - Parameters:
  ///   - routed: What was routed so far, in the order of the blocks.
  ///   - noise: The keys of the noise; nil for none.
  func callAsFunction(_ x: Tensor, routed: inout [RoutedLayer], noise: Integers?, on recorder: Recorder)
    -> Tensor
  {
    var logits = recorder.linear(x, router)
    if let noise {
      logits = recorder.noise(logits, deviation: Float(mixture.noise), keys: noise, stream: block % 256)
    }
    let (gates, routes) = recorder.route(
      logits, choices: mixture.choices, gate: mixture.gate, bias: bias,
      capacity: mixture.capacity(rows: x.rows))
    routed.append(RoutedLayer(block: block, logits: logits, routes: routes))
    let hidden = recorder.expertLinear(recorder.dispatch(x, routes), up.weight, bias: up.bias, routes)
    let made = recorder.expertLinear(
      family.activate(hidden, on: recorder), down.weight, bias: down.bias, routes)
    let chosen = recorder.combine(made, gates: gates, routes)
    return shared.map { recorder.add($0(x, on: recorder), chosen) } ?? chosen
  }
}

/// A routed layer of a recorded program, and where its choices can be read.
public struct RoutedLayer: Sendable {
  /// The number of its block, from 0.
  public let block: Int
  /// (R, E), kept by programs that cannot run backward.
  public let logits: Tensor
  public let routes: Routes
}

extension ModelConfiguration.Family {
  /// The columns of the first map: SwiGLU's gate and value come from one matrix.
  fileprivate func upWidth(_ hidden: Int) -> Int { self == .llama ? 2 * hidden : hidden }

  fileprivate func activate(_ x: Tensor, on recorder: Recorder) -> Tensor {
    switch self {
    case .gpt2: recorder.gelu(x)
    case .llama: recorder.swiGLU(x)
    }
  }
}
