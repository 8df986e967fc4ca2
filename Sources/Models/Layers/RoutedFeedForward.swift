import Autograd

/// A feed-forward layer that is split among experts:
///
///     y_r = Σ_{e chosen by r} g_re·down_e(activation(up_e(x_r))) + shared(x_r)
struct RoutedFeedForward: ChannelMixer {
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
    func maps(_ part: String, _ inputs: Int, _ outputs: Int, writesToStream: Bool) -> (Tensor, Tensor?) {
      (
        parameters.add(
          "\(name).experts.\(part).weight", [experts, inputs, outputs],
          .matrix(writesToStream: writesToStream, activeFraction: active)),
        c.architecture.hasBiases
          ? parameters.add("\(name).experts.\(part).bias", [experts, outputs], .bias(activeFraction: active))
          : nil
      )
    }
    router = parameters.add("\(name).router.weight", [c.width, experts], .router)
    bias =
      moe.balance == .bias
      ? parameters.add("\(name).router.balance", [experts], .balance(step: Float(moe.balanceWeight))) : nil
    up = maps("up", c.width, architecture.upWidth(hidden), writesToStream: false)
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
