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
  private let configuration: ModelConfiguration

  /// - Parameter hidden: The width between the maps.
  init(_ name: String, hidden: Int, _ c: ModelConfiguration, in parameters: inout ModelParameters) {
    configuration = c
    up = Linear(
      "\(name).up", c.width, c.architecture.upWidth(hidden), parts: c.architecture.upParts(hidden), c,
      in: &parameters)
    down = Linear("\(name).down", hidden, c.width, c, writesToStream: true, in: &parameters)
  }

  func callAsFunction(_ x: Tensor, _ context: RecordingContext) -> Tensor {
    let c = configuration
    guard c.hasSparseHidden else { return down(c.architecture.activate(up(x, context), context), context) }
    var hidden = up(x, context)
    switch c.activation ?? .gelu {
    case .gelu: hidden = context.recorder.gelu(hidden)
    case .relu: hidden = context.recorder.relu(hidden)
    case .squaredReLU: hidden = context.recorder.relu(hidden, squared: true)
    }
    if let fraction = c.activeHidden {
      let count = (fraction * Double(hidden.columns)).rounded()
      hidden = context.recorder.keepLargest(hidden, max(1, Int(exactly: count) ?? hidden.columns))
    }
    context.add(hidden: hidden)
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
