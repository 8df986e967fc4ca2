import Autograd

/// A feed-forward layer that is split among experts:
///
///     y_r = Σ_{e chosen by r} g_re·down_e(activation(up_e(x_r))) + shared(x_r)
struct RoutedFeedForward: ChannelMixer {
  static let settings = [number] + choices.map { $0.of("more than one expert") }

  private static let number: LayerSetting =
    .integer(
      "experts", in: 1...4096,
      "number of experts E, in units of the dense feed-forward layer; 1 is a dense model", \.moe.experts
    ) { $0.moe?.experts ?? 1 }

  private static let choices: [LayerSetting] = [
    .integer(
      "top_k", in: 1...4096, "number of experts that a token uses, K, in the same unit", \.moe.topK
    ) { $0.moe?.topK },
    .integer(
      "granularity", in: 1...1024,
      "number of parts that each expert is split into, G: K·G of E·G parts are chosen", \.moe.granularity
    ) { $0.moe?.granularity },
    .integer("shared_experts", in: 0...4096, "parts among the K·G that all tokens use", \.moe.shared) {
      $0.moe?.shared
    },
    .choice(
      "routed_blocks", "which blocks have experts; every_other begins with the second block", \.moe.placement
    ) { $0.moe?.placement },
    .choice(
      "gate",
      "weights of the chosen experts: their probabilities in the softmax over all experts, or a softmax over the chosen ones",
      \.moe.gate, .selfExplanatory
    ) { $0.moe?.gate },
    .numberOrNone(
      "capacity_factor", in: 0.01...1000,
      "largest load of an expert, in units of an even load; tokens beyond it are dropped",
      \.moe.capacityFactor
    ) { $0.moe.map(\.capacityFactor) },
    .choice(
      "balance",
      "how the experts' loads are balanced: by an auxiliary loss, or by a bias on each expert's logit that affects only the choice",
      \.moe.balance
    ) { $0.moe?.balance },
    .number(
      "balance_weight", in: 0...100, default: "0.01; where the balance is none, 0",
      "weight of that loss, or step size of the biases", \.balanceWeight
    ) { $0.moe?.balanceWeight },
    .number(
      "z_loss", in: 0...100, "weight of the squared log-sum-exp of a router's logits", \.moe.zLoss
    ) { $0.moe?.zLoss },
    .number(
      "router_noise", in: 0...100, "standard deviation of the noise on a router's logits while training",
      \.moe.noise
    ) { $0.moe?.noise },
  ]

  private let router: Tensor
  private let bias: Tensor?
  private let up: (weight: Tensor, bias: Tensor?)
  private let down: (weight: Tensor, bias: Tensor?)
  private let shared: FeedForward?
  private let moe: MoE
  private let architecture: ModelConfiguration.Architecture
  private let block: Int

  init(
    _ name: String, block: Int, _ moe: MoE, _ c: ModelConfiguration, in parameters: inout ModelParameters
  ) {
    self.moe = moe
    self.block = block
    architecture = c.architecture
    let (experts, hidden) = (moe.routed, c.feedForwardWidth / moe.granularity)
    let active = Double(moe.choices) / Double(moe.routed)
    func maps(
      _ part: String, _ inputs: Int, _ outputs: Int, parts: [Int] = [], writesToStream: Bool
    ) -> (Tensor, Tensor?) {
      (
        parameters.add(
          "\(name).experts.\(part).weight", [experts, inputs, outputs],
          .matrix(writesToStream: writesToStream, parts: parts, activeFraction: active)),
        c.architecture.hasBiases
          ? parameters.add("\(name).experts.\(part).bias", [experts, outputs], .bias(activeFraction: active))
          : nil
      )
    }
    router = parameters.add("\(name).router.weight", [c.width, experts], .router)
    bias =
      moe.balance == .bias
      ? parameters.add("\(name).router.balance", [experts], .balance(step: Float(moe.balanceWeight))) : nil
    up = maps(
      "up", c.width, architecture.upWidth(hidden), parts: architecture.upParts(hidden), writesToStream: false)
    down = maps("down", hidden, c.width, writesToStream: true)
    shared =
      moe.shared == 0 ? nil : FeedForward("\(name).shared", hidden: moe.shared * hidden, c, in: &parameters)
  }

  func callAsFunction(_ x: Tensor, _ context: RecordingContext) -> Tensor {
    let recorder = context.recorder
    var logits = context.multiply(x, router)
    if let keys = context.noiseKeys, moe.noise > 0 {
      logits = recorder.noise(logits, deviation: Float(moe.noise), keys: keys, stream: block % 256)
    }
    // A capacity limits the load of a batch. Sequences that happen to be continued together must not affect each other.
    let capacity = context.continuation == nil ? moe.capacity(rows: x.rows) : nil
    let (gates, routes) = recorder.route(
      logits, choices: moe.choices, gate: moe.gate, bias: bias, capacity: capacity)
    context.add(RoutedLayer(block: block, logits: logits, routes: routes))
    addPenalty(logits, routes, context)
    let hidden = context.multiply(recorder.dispatch(x, routes), experts: up.weight, bias: up.bias, routes)
    let made = context.multiply(
      architecture.activate(hidden, context), experts: down.weight, bias: down.bias, routes)
    let chosen = recorder.combine(made, gates: gates, routes)
    return shared.map { recorder.add($0(x, context), chosen) } ?? chosen
  }

  /// The losses that keep loads even and logits small.
  private func addPenalty(_ logits: Tensor, _ routes: Routes, _ context: RecordingContext) {
    let balance = moe.balance == .auxiliary ? Float(moe.balanceWeight) : 0
    let size = Float(moe.zLoss)
    guard balance > 0 || size > 0 else { return }
    context.add { [recorder = context.recorder] losses in
      recorder.loadBalancePenalty(losses, logits: logits, routes, balance: balance, size: size)
    }
  }
}

/// A routed layer of a recorded program, with the tensors that hold its choices.
public struct RoutedLayer: Sendable {
  /// The number of its block, from 0.
  public let block: Int
  /// The router's logits (R, E), which programs that cannot run backward keep.
  public let logits: Tensor
  public let routes: Routes
}
