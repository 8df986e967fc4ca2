import Autograd

/// A decoder-only transformer: its weights in order, and the programs that compute with them.
///
///     x = embed(tokens);  x = x + mixer(norm(x));  …;  head(norm(x))
public struct Transformer: Sendable {
  public let configuration: ModelConfiguration
  /// Where each weight lies in the flat buffers.
  public let layout: ParameterLayout
  private let traits: TraitsOfParameters

  private let embedding: Tensor
  private let positions: Tensor?
  private let layers: [ResidualLayer]
  private let finalNorm: Norm
  private let head: Tensor?

  /// - Parameter trains: Whether the weight with a name is trained. Others cost no gradient, no buffers of the update
  ///   rule and no operations backward.
  public init(_ configuration: ModelConfiguration, trains: @escaping (_ name: String) -> Bool = { _ in true })
  {
    self.configuration = configuration
    let c = configuration
    var parameters = ModelParameters(trains: trains)
    embedding = parameters.add("embedding.weight", [c.vocabulary, c.width], .embedding)
    positions =
      c.positions == .learned ? parameters.add("positions.weight", [c.context, c.width], .embedding) : nil
    layers = ResidualLayer.all(c, in: &parameters)
    finalNorm = Norm("norm", c, in: &parameters)
    head = c.tiedHead ? nil : parameters.add("head.weight", [c.vocabulary, c.width], .head)
    layout = parameters.layout
    traits = parameters.traits
  }

  /// All weights in their order, with their traits.
  public var parameters: [ModelParameter] {
    layout.parameters.enumerated().map { ModelParameter(parameter: $1, traits: traits[$0]) }
  }

  /// Records the computation of the logits (R, V) of tokens (R), which are whole windows or continue sequences.
  public func logits(of tokens: Integers, _ context: RecordingContext) -> Tensor {
    context.multiply(
      finalNorm(stream(of: tokens, context), context), head ?? embedding, transposed: true,
      scale: configuration.logitScale)
  }

  /// Everything before the final norm and the head: tokens (R) → (R, C).
  private func stream(of tokens: Integers, _ context: RecordingContext) -> Tensor {
    var x = context.recorder.embedding(tokens, embedding)
    if let positions { x = context.recorder.learnedPositions(x, positions, context.continuation) }
    for layer in layers { x = layer(x, context) }
    return x
  }

  /// Records the computation of the loss of every token of `windows` windows. Where it can run backward, the side
  /// losses of layers are part of it.
  ///
  /// - Parameters:
  ///   - gradients: Whether it can run backward; one that cannot needs much less memory.
  ///   - carries: Whether windows begin with the recurrent states of the last replay's windows; see `Arena.carry`.
  ///   - loss: Records the losses (R) of logits (R, V), from tokens (R) and targets (R); nil for the cross-entropy.
  public func lossProgram(
    windows: Int, gradients: Bool, carries: Bool = false,
    loss: ((_ logits: Tensor, _ tokens: Integers, _ targets: Integers, _ recorder: Recorder) -> Tensor)? = nil
  ) -> LossProgram {
    let recorder = Recorder(gradients: gradients, carries: carries, kernel: configuration.kernel)
    let tokens = recorder.integers(windows * configuration.context)
    let targets = recorder.integers(windows * configuration.context)
    let hits = gradients || loss != nil ? nil : recorder.integers(targets.count)
    let noise = gradients && configuration.isNoisy ? recorder.integers(windows) : nil
    let context = RecordingContext(recorder, configuration, noiseKeys: noise)
    let logits = logits(of: tokens, context)
    let losses =
      loss?(logits, tokens, targets, recorder) ?? recorder.crossEntropy(logits, targets, hits: hits)
    return LossProgram(
      program: recorder.finish(
        context.withSideLosses(losses),
        keeping: gradients ? [] : context.routed.map(\.logits) + context.hidden),
      inputs: tokens, targets: targets, hits: hits, routed: context.routed,
      hidden: gradients ? [] : context.hidden, noise: noise, windows: windows)
  }

  /// Records the computation of the logits (T, V) of one window.
  public func logitsProgram() -> (program: Program, inputs: Integers) {
    let recorder = Recorder(gradients: false)
    let tokens = recorder.integers(configuration.context)
    let logits = logits(of: tokens, RecordingContext(recorder, configuration))
    return (recorder.finish(logits), tokens)
  }

  /// Records a program that continues sequences whose earlier positions are in the arena's states: `sequences` of
  /// `capacity` stored ones at once, each by up to `rows` tokens. Prefill continues one sequence by many rows, decoding
  /// many sequences by one row.
  ///
  /// The logits are those of whole windows up to rounding. The exception is experts with a limited capacity: whole
  /// windows may drop rows, this program drops none.
  ///
  /// - Parameter logits: Whether the output is the logits (sequences · rows, V). Otherwise it is the
  ///   residual stream, for programs that only fill the states.
  public func continuationProgram(sequences: Int, rows: Int, capacity: Int, logits: Bool = true)
    -> ContinuationProgram
  {
    let recorder = Recorder(gradients: false)
    let tokens = recorder.integers(sequences * rows)
    let positions = recorder.continuation(sequences: sequences, rows: rows, capacity: capacity)
    let context = RecordingContext(recorder, configuration, continuation: positions)
    let output = logits ? self.logits(of: tokens, context) : stream(of: tokens, context)
    return ContinuationProgram(program: recorder.finish(output), tokens: tokens, positions: positions)
  }

  /// The bytes that decoding keeps of one sequence: keys and values of a whole window, or the states of recurrent layers.
  public var cacheBytes: Int {
    continuationProgram(sequences: 1, rows: 1, capacity: 1).program.stateByteCount
  }
}

/// A program that continues sequences, and the integers that it reads.
public struct ContinuationProgram: Sendable {
  public let program: Program
  /// The tokens (sequences · rows) that the model reads.
  public let tokens: Integers
  /// Which sequences are continued, from where and by how much.
  public let positions: Continuation
}

/// A program that computes the loss of every token of some windows, and the integers that it reads.
public struct LossProgram: Sendable {
  public let program: Program
  /// The tokens (windows · T) that the model reads.
  public let inputs: Integers
  /// The tokens (windows · T) that it should predict.
  public let targets: Integers
  /// Whether (1 or 0) each target is the model's greedy choice; nil for programs that can run backward, or record
  /// another loss than the cross-entropy.
  public let hits: Integers?
  /// The routed layers, in the order of the blocks.
  public let routed: [RoutedLayer]
  /// The hidden units (windows · T, hidden) of feed-forward layers that are often 0; none where it can run backward.
  public let hidden: [Tensor]
  /// A key for each window, which determines the noise of layers; nil without noise.
  public let noise: Integers?
  public let windows: Int
}
