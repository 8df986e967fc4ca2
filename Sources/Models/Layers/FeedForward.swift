import Autograd

/// Two linear maps, for SwiGLU three, with an activation between them, of which only the greatest values may stay.
struct FeedForward: ChannelMixer {
  static let settings = [activation, activeHidden].map {
    $0.of("a feed-forward layer without gates and experts")
  }

  private static let activation: LayerSetting = .choice(
    "activation", default: "gelu", "the activation between the two maps; squared_relu is max(x, 0)²",
    \.activation, as: { $0 }, value: { $0.hasPlainFeedForward ? $0.activation ?? .gelu : nil })

  private static let activeHidden: LayerSetting = .number(
    "active_hidden", in: 0.001...1,
    "the fraction of a token's hidden units that stay, those of the greatest magnitude; the others become 0",
    \.activeHidden, value: { $0.hasPlainFeedForward ? $0.activeHidden ?? 1 : nil })

  private let up: Linear
  private let down: Linear
  private let architecture: ModelConfiguration.Architecture
  /// The activation without gates; nil for that of the architecture.
  private let activation: ModelConfiguration.Activation?
  /// The number of hidden units that stay; nil for all.
  private let kept: Int?

  /// - Parameter hidden: The width between the maps.
  init(_ name: String, hidden: Int, _ c: ModelConfiguration, in parameters: inout ModelParameters) {
    architecture = c.architecture
    activation = c.activation
    kept = c.activeHidden.map { max(1, Int(exactly: ($0 * Double(hidden)).rounded()) ?? hidden) }
    up = Linear(
      "\(name).up", c.width, architecture.upWidth(hidden), parts: architecture.upParts(hidden), c,
      in: &parameters)
    down = Linear("\(name).down", hidden, c.width, c, writesToStream: true, in: &parameters)
  }

  func callAsFunction(_ x: Tensor, _ context: RecordingContext) -> Tensor {
    var hidden = up(x, context)
    switch activation {
    case nil, .gelu: hidden = architecture.activate(hidden, context)
    case .relu: hidden = context.recorder.relu(hidden)
    case .squaredReLU: hidden = context.recorder.relu(hidden, squared: true)
    }
    if let kept { hidden = context.recorder.keepLargest(hidden, kept) }
    if activation != nil || kept != nil { context.add(hidden: hidden) }
    return down(hidden, context)
  }
}

extension ModelConfiguration {
  /// The activation of a feed-forward layer without gates.
  public enum Activation: String, Codable, Sendable, CaseIterable {
    case gelu, relu
    case squaredReLU = "squared_relu"
  }

  /// Whether its feed-forward layers have neither gates nor experts.
  var hasPlainFeedForward: Bool { architecture == .gpt2 && moe == nil }

  /// Whether hidden units of its feed-forward layers are often 0.
  public var hasSparseHidden: Bool { activation != nil || activeHidden != nil }
}

extension ModelConfiguration.Architecture {
  /// The columns of the first map: SwiGLU's gate and value come from one matrix.
  func upWidth(_ hidden: Int) -> Int { self == .llama ? 2 * hidden : hidden }

  /// The columns of the matrices that stand side by side in the first map.
  func upParts(_ hidden: Int) -> [Int] { self == .llama ? [hidden, hidden] : [hidden] }

  func activate(_ x: Tensor, _ context: RecordingContext) -> Tensor {
    switch self {
    case .gpt2: context.recorder.gelu(x)
    case .llama: context.recorder.swiGLU(x)
    }
  }
}
