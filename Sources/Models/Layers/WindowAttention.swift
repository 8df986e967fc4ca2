import Autograd

/// Attention of each position to itself and to the `window` − 1 positions before it   (Beltagy et al. 2020). Its weights
/// and their scales are those of `Attention`. Operations, memory and the cache of a sequence that is continued grow with
/// the window instead of the context.
struct WindowAttention: SequenceMixer {
  static let letter: Character = "W"
  static let name = "windowAttention"
  static let summary =
    "attention of each position to itself and the `window` − 1 positions before it (Beltagy et al. 2020)"

  static let settings: [LayerSetting] = [
    .integer(
      "window", in: 1...65_536,
      "of windowAttention: the number of positions that a position sees, itself included",
      \.window
    ) { $0.has(WindowAttention.self) ? $0.attentionWindow : nil }
    .of("a layer W")
  ]

  private let attention: Attention

  init(_ name: String, _ c: ModelConfiguration, in parameters: inout ModelParameters) {
    attention = Attention(name, c, window: c.attentionWindow, in: &parameters)
  }

  func callAsFunction(_ x: Tensor, _ context: RecordingContext) -> Tensor { attention(x, context) }

  static func check(_ configuration: ModelConfiguration) throws { try Attention.check(configuration) }
}
