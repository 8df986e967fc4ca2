import Autograd
import Files

/// Causal attention whose weights are products of positive features of queries and keys, so that all earlier positions
/// are in sums of one size   (Katharopoulos et al. 2020). Operations grow with the context, not with its square, and the
/// state of a sequence that is continued does not grow at all.
///
/// Queries and keys are rotated before their features are made: those of `favor` then estimate attention with rotary
/// positions. Weights and their scales are those of `Attention`. The sum of the weights divides the output, so that the
/// feature map `elu` needs no scale of the scores; `favor` has that of attention, which follows μP.
struct LinearAttention: SequenceMixer {
  static let letter: Character = "L"
  static let name = "linearAttention"
  static let summary =
    "attention whose weights are products of features, in time linear in the context, with a state of one size: "
    + "`feature_map` elu (Katharopoulos et al. 2020) or favor (Choromanski et al. 2020)"

  static let settings: [LayerSetting] = [
    .choice(
      "feature_map", default: "elu; of performer favor",
      "of linearAttention: the features of queries and keys; elu is elu(x) + 1, favor are random ones that estimate "
        + "the weights of attention", \.featureMap, as: { $0 },
      value: { $0.has(LinearAttention.self) ? $0.attentionFeatureMap : nil }
    ).of("a layer L"),
    .integer("features", in: 4...4096, "of favor: the number of random features, a multiple of 4", \.features)
    { $0.usesRandomFeatures ? $0.attentionFeatures : nil }
    .of("a layer L with `feature_map` favor"),
  ]

  private let queriesKeysValues: Linear
  /// The random vectors (F, D) of favor.
  private let directions: Tensor?
  private let out: Linear
  private let configuration: ModelConfiguration

  init(_ name: String, _ c: ModelConfiguration, in parameters: inout ModelParameters) {
    configuration = c
    queriesKeysValues = Linear(
      "\(name).qkv", c.width, c.attentionWidth + 2 * c.keyValueWidth,
      parts: [c.attentionWidth, c.keyValueWidth, c.keyValueWidth], c, in: &parameters)
    directions =
      c.attentionFeatureMap == .favor
      ? parameters.add("\(name).features", [c.attentionFeatures, c.headWidth], .randomFeatures) : nil
    out = Linear("\(name).out", c.attentionWidth, c.width, c, writesToStream: true, in: &parameters)
  }

  func callAsFunction(_ x: Tensor, _ context: RecordingContext) -> Tensor {
    let (c, recorder) = (configuration, context.recorder)
    let (wide, narrow) = (c.attentionWidth, c.keyValueWidth)
    let projected = queriesKeysValues(x, context)
    let qkv = context.withPositions(ColumnView(projected, columns: 0..<wide + narrow))
    let (queries, keys) = (0..<wide, wide..<wide + narrow)
    let values = wide + narrow..<wide + 2 * narrow
    guard let directions else {
      let mapped = recorder.eluFeatures(ColumnView(qkv, columns: 0..<wide + narrow))
      return attend(
        ColumnView(mapped, columns: queries), ColumnView(mapped, columns: keys),
        ColumnView(mapped, columns: values), context)
    }
    func features(_ columns: Range<Int>, of side: AttentionSide) -> ColumnView {
      ColumnView(
        recorder.randomFeatures(
          ColumnView(qkv, columns: columns), directions, of: side, scale: c.attentionScale))
    }
    return attend(
      features(queries, of: .queries), features(keys, of: .keys), ColumnView(qkv, columns: values), context)
  }

  private func attend(
    _ queries: ColumnView, _ keys: ColumnView, _ values: ColumnView, _ context: RecordingContext
  ) -> Tensor {
    let (recorder, heads) = (context.recorder, configuration.heads)
    let mixed =
      if let continuation = context.continuation {
        recorder.cachedLinearAttention(
          queries: queries, keys: keys, values: values, heads: heads, continuation)
      } else {
        recorder.linearAttention(
          queries: queries, keys: keys, values: values, heads: heads, context: configuration.context)
      }
    return out(mixed, context)
  }

  /// The sums of its heads: for each feature those of values, and of the feature itself.
  static func stateCount(_ c: ModelConfiguration) -> Int {
    let features = c.attentionFeatureMap == .favor ? c.attentionFeatures : c.headWidth
    return c.keyValueHeads * features * (c.headWidth + 1)
  }

  static func check(_ c: ModelConfiguration) throws {
    try Attention.check(c)
    guard !c.usesRandomFeatures || c.attentionFeatures.isMultiple(of: 4) else {
      throw SettingFault(
        setting: "features", message: "features is \(c.attentionFeatures)",
        remedy: "It must be a multiple of 4")
    }
  }
}
