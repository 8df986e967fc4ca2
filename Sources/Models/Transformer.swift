import Autograd

/// A decoder-only transformer: its weights in order, and the programs that compute with them.
///
///     x = embed(tokens);  x = x + attention(norm(x));  x = x + feedForward(norm(x));  …;  head(norm(x))
public struct Transformer: Sendable {
  public let configuration: ModelConfiguration
  /// Where each weight lies in the flat buffers.
  public let layout: ParameterLayout

  private let embedding: Tensor
  private let positions: Tensor?
  private let blocks: [Block]
  private let finalNorm: Norm
  private let head: Tensor?

  public init(_ configuration: ModelConfiguration) {
    self.configuration = configuration
    let c = configuration
    var layout = ParameterLayout()
    embedding = layout.add("embedding.weight", [c.vocabulary, c.width], role: .embedding)
    positions =
      c.positions == .learned ? layout.add("positions.weight", [c.context, c.width], role: .embedding) : nil
    blocks = (0..<c.depth).map { Block(number: $0, c, in: &layout) }
    finalNorm = Norm("norm", c, in: &layout)
    head = c.tiedHead ? nil : layout.add("head.weight", [c.vocabulary, c.width], role: .head)
    self.layout = layout
  }

  /// Records the computation of the loss of every token of `windows` windows. Where it can run backward, the penalties of
  /// routers are part of it.
  ///
  /// - Parameter gradients: Whether it can run backward; one that cannot needs much less memory.
  public func lossProgram(windows: Int, gradients: Bool) -> LossProgram {
    let recorder = Recorder(gradients: gradients)
    let tokens = recorder.integers(windows * configuration.context)
    let targets = recorder.integers(windows * configuration.context)
    let hits = gradients ? nil : recorder.integers(targets.count)
    let mixture = configuration.mixture
    let isNoisy = gradients && mixture?.noise ?? 0 > 0
    let noise = isNoisy ? recorder.integers(windows) : nil
    var routed: [RoutedLayer] = []
    var losses = recorder.crossEntropy(
      logits(of: tokens, routed: &routed, noise: noise, on: recorder), targets, hits: hits)
    if gradients, let mixture {
      let balance = mixture.balance == .auxiliary ? Float(mixture.balanceWeight) : 0
      for layer in routed where balance > 0 || mixture.zLoss > 0 {
        losses = recorder.routerPenalty(
          losses, logits: layer.logits, layer.routes, balance: balance, size: Float(mixture.zLoss))
      }
    }
    return LossProgram(
      program: recorder.finish(losses, keeping: gradients ? [] : routed.map(\.logits)), inputs: tokens,
      targets: targets, hits: hits, routed: routed, noise: noise, windows: windows)
  }

  /// Records the computation of the logits (T, V) of one window, for sampling.
  public func logitsProgram() -> (program: Program, inputs: Integers) {
    let recorder = Recorder(gradients: false)
    let tokens = recorder.integers(configuration.context)
    var routed: [RoutedLayer] = []
    return (recorder.finish(logits(of: tokens, routed: &routed, noise: nil, on: recorder)), tokens)
  }

  private func logits(
    of tokens: Integers, routed: inout [RoutedLayer], noise: Integers?, on recorder: Recorder
  ) -> Tensor {
    let c = configuration
    var x = recorder.embedding(tokens, embedding)
    if let positions { x = recorder.learnedPositions(x, positions) }
    let angles =
      c.positions == .rotary ? RotaryAngles(context: c.context, headDimension: c.headWidth) : nil
    for block in blocks { x = block(x, angles: angles, routed: &routed, noise: noise, on: recorder) }
    return recorder.linear(
      finalNorm(x, on: recorder), head ?? embedding, transposed: true, scale: c.logitScale)
  }
}

/// A program that computes the loss of every token of some windows, and the integers that it reads.
public struct LossProgram: Sendable {
  public let program: Program
  /// The tokens (windows · T) that the model reads.
  public let inputs: Integers
  /// The tokens (windows · T) that it should predict.
  public let targets: Integers
  /// Whether (1 or 0) each target is the model's greedy choice; nil of a program that can run backward.
  public let hits: Integers?
  /// The routed layers, in the order of the blocks.
  public let routed: [RoutedLayer]
  /// A key for each window, from which the routers' noise follows; nil where there is none.
  public let noise: Integers?
  public let windows: Int
}
