import Autograd

/// Two linear maps, for SwiGLU three, with the architecture's activation between them.
struct FeedForward: ChannelMixer {
  private let up: Linear
  private let down: Linear
  private let architecture: ModelConfiguration.Architecture

  /// - Parameter hidden: The width between the maps.
  init(_ name: String, hidden: Int, _ c: ModelConfiguration, in parameters: inout ModelParameters) {
    architecture = c.architecture
    up = Linear(
      "\(name).up", c.width, architecture.upWidth(hidden), parts: architecture.upParts(hidden), c,
      in: &parameters)
    down = Linear("\(name).down", hidden, c.width, c, writesToStream: true, in: &parameters)
  }

  func callAsFunction(_ x: Tensor, _ context: RecordingContext) -> Tensor {
    down(architecture.activate(up(x, context), context), context)
  }
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
