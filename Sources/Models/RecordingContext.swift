import Autograd

/// What the layers of a model share while they are recorded: the recorder, positions, the sequences that are continued,
/// side losses and noise.
public final class RecordingContext {
  public let recorder: Recorder
  let configuration: ModelConfiguration
  /// A key for each window, which determines its noise; nil without noise.
  let noiseKeys: Integers?
  /// Where the rows continue sequences whose earlier positions are in states; nil where they are whole windows. A
  /// sequence mixer then records a state for what it needs from the earlier positions.
  let continuation: Continuation?
  /// Made where a layer needs them: others allow heads of any width.
  private lazy var angles =
    configuration.positions == .rotary
    ? RotaryAngles(
      context: configuration.context, headDimension: configuration.headWidth,
      base: configuration.rotaryAngleBase) : nil
  /// The number of operations that round at random.
  var roundings = 0
  private var sideLosses: [(_ losses: Tensor) -> Tensor] = []
  /// The routed layers that were recorded, in the order of the blocks.
  private(set) var routed: [RoutedLayer] = []
  /// The hidden units of feed-forward layers that are often 0, (B·T, hidden) each.
  private(set) var hidden: [Tensor] = []

  /// - Parameters:
  ///   - noiseKeys: A key for each window, which the caller fills; nil for no noise.
  ///   - continuation: Where the rows continue sequences; nil where they are whole windows.
  public init(
    _ recorder: Recorder, _ configuration: ModelConfiguration, noiseKeys: Integers? = nil,
    continuation: Continuation? = nil
  ) {
    self.recorder = recorder
    self.configuration = configuration
    self.noiseKeys = noiseKeys
    self.continuation = continuation
  }

  // MARK: Products with weights

  /// scale·x·weight + bias: x (…, K), weight (K, N), or (N, K) where `transposed`, bias (N) → (…, N).
  ///
  /// All layers multiply by their weights with this method or the next, which round the operands to their formats.
  public func multiply(
    _ x: Tensor, _ weight: Tensor, bias: Tensor? = nil, transposed: Bool = false, scale: Float = 1
  ) -> Tensor {
    roundedGradient(
      of: recorder.linear(
        roundedActivation(x), roundedWeight(weight, transposed: transposed), bias: bias,
        transposed: transposed, scale: scale))
  }

  /// The same with a weight (E, K, N) and a bias (E, N) for each expert: x (places, K) → (places, N).
  public func multiply(_ x: Tensor, experts weight: Tensor, bias: Tensor?, _ routes: Routes) -> Tensor {
    roundedGradient(
      of: recorder.expertLinear(
        roundedActivation(x), roundedWeight(weight, transposed: false), bias: bias, routes))
  }

  // MARK: Sequences

  /// Rotates columns of x (B·T, columns), heads of queries or keys, by their positions, if the model's positions are
  /// rotary → the whole tensor.
  func withPositions(_ x: ColumnView) -> Tensor {
    angles.map { recorder.rotary(x, angles: $0, continuation) } ?? x.tensor
  }

  /// Causal attention of the model's heads, within windows or to a cache of earlier positions: queries (B·T, H·D), keys
  /// and values (B·T, G·D) → (B·T, H·D).
  ///
  /// - Parameter window: The number of positions that a position sees, from its own back; nil for all.
  func attend(queries: ColumnView, keys: ColumnView, values: ColumnView, window: Int? = nil) -> Tensor {
    let c = configuration
    if let continuation {
      return recorder.cachedAttention(
        queries: queries, keys: keys, values: values, heads: c.heads, context: c.context,
        window: window, scale: c.attentionScale, continuation)
    }
    return recorder.causalAttention(
      queries: queries, keys: keys, values: values, heads: c.heads, context: c.context,
      window: window, scale: c.attentionScale)
  }

  /// The short convolution of a recurrent layer: x (B·T, E), weight (4, E), bias (E) → (B·T, E).
  func convolve(_ x: Tensor, _ weight: Tensor, bias: Tensor) -> Tensor {
    recorder.shortConvolution(x, weight, bias: bias, context: configuration.context, continuation)
  }

  // MARK: Side outputs

  /// Adds an auxiliary loss of a layer: a function of the losses (R) of the tokens, which returns them with the layer's
  /// part added. Programs that cannot run backward leave it out.
  func add(sideLoss: @escaping (_ losses: Tensor) -> Tensor) { sideLosses.append(sideLoss) }

  /// Adds a routed layer, whose choices can be read after a replay.
  func add(_ layer: RoutedLayer) { routed.append(layer) }

  /// Adds hidden units, which can be read after a replay.
  func add(hidden units: Tensor) { hidden.append(units) }

  /// The losses (R) of the tokens plus all side losses, in the order of the layers. Where the program cannot run
  /// backward, the losses alone.
  func withSideLosses(_ losses: Tensor) -> Tensor {
    recorder.gradients ? sideLosses.reduce(losses) { $1($0) } : losses
  }
}
