import Autograd
import Files

/// Causal attention   (Vaswani et al. 2017), with `kvHeads` heads of keys and values, each used by heads / `kvHeads`
/// neighbouring heads of queries   (Ainslie et al. 2023). Queries, keys and values come from one product with one
/// weight.
struct Attention: SequenceMixer {
  static let letter: Character = "A"
  static let name = "attention"
  static let summary = "causal attention to all earlier positions (Vaswani et al. 2017)"

  static let settings: [LayerSetting] = [
    .integer(
      "heads", in: 1...65_536, default: "width / 8, rounded up", "the number of attention heads", \.heads,
      .derived, as: { .count($0) }, value: { $0.heads }),
    .integer(
      "head_width", in: 1...65_536, default: "8, or width / heads",
      "the width of a head; give this or `heads`",
      \.heads, .derived, as: { .width($0) }, value: { $0.headWidth }),
    .integer(
      "kv_heads", in: 1...65_536, default: "heads",
      "the number of heads of keys and values, each used by heads / kv_heads heads of queries; "
        + "it divides `heads`",
      \.kvHeads, .derived, as: { $0 }, value: { $0.keyValueHeads }),
  ]

  private let queriesKeysValues: Linear
  private let out: Linear
  /// The width of all heads of queries, and of all heads of keys, which is that of values too.
  private let queryWidth: Int
  private let keyWidth: Int
  private let window: Int?

  init(_ name: String, _ c: ModelConfiguration, in parameters: inout ModelParameters) {
    self.init(name, c, window: nil, in: &parameters)
  }

  /// - Parameter window: The number of positions that a position sees, from its own back; nil for all.
  init(_ name: String, _ c: ModelConfiguration, window: Int?, in parameters: inout ModelParameters) {
    (queryWidth, keyWidth) = (c.attentionWidth, c.keyValueWidth)
    self.window = window
    queriesKeysValues = Linear(
      "\(name).qkv", c.width, c.attentionWidth + 2 * c.keyValueWidth,
      parts: [c.attentionWidth, c.keyValueWidth, c.keyValueWidth], c, in: &parameters)
    out = Linear("\(name).out", c.attentionWidth, c.width, c, writesToStream: true, in: &parameters)
  }

  func callAsFunction(_ x: Tensor, _ context: RecordingContext) -> Tensor {
    let (queries, keys) = (queryWidth, keyWidth)
    let projected = queriesKeysValues(x, context)
    // Queries and keys are adjacent columns: one operation rotates both.
    let qkv = context.roundedCache(
      of: context.withPositions(ColumnView(projected, columns: 0..<queries + keys)),
      keysAndValues: queries..<queries + 2 * keys)
    let mixed = context.attend(
      queries: ColumnView(qkv, columns: 0..<queries),
      keys: ColumnView(qkv, columns: queries..<queries + keys),
      values: ColumnView(qkv, columns: queries + keys..<queries + 2 * keys), window: window)
    return out(mixed, context)
  }

  static func check(_ c: ModelConfiguration) throws {
    guard c.headWidth.isMultiple(of: 4) else {
      throw SettingFault(
        setting: "heads",
        message: "\(c.heads) heads of width \(c.headWidth): a head's width must be a multiple of 4",
        remedy:
          "Choose heads of width \(ModelConfiguration.usualHeadWidth), or a width that is a multiple of \(4 * c.heads)"
      )
    }
    guard c.keyValueHeads > 0, c.heads.isMultiple(of: c.keyValueHeads) else {
      throw SettingFault(
        setting: "kv_heads",
        message: "\(c.heads) heads cannot share \(c.keyValueHeads) heads of keys and values evenly",
        remedy: "Choose among \((1...c.heads).filter(c.heads.isMultiple))")
    }
  }
}
