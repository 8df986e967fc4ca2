import Analysis
import Autograd
import Files
import Models

extension Setting {
  /// What network it is. Layers declare their settings themselves.
  static let ofModels: [Setting] =
    blocks + sequenceMixerSettings.map { Setting($0) } + shape + channelMixerSettings.map { Setting($0) }

  private static let blocks: [Setting] = [
    .choice(
      .model, "architecture", formerNames: ["family"],
      "the design of norms, activations, biases and head, and the sequence layers unless `layers` is given",
      \.model.architecture, column: .named(isSelfExplanatory: true)
    ) { Preset(rawValue: $0.architecture) },
    .integer(
      .model, "width", in: 4...65_536, default: "required", "the length of token vectors, C", \.model.width,
      cell: { $0.configuration.model.width }, as: { $0 }),
    .integer(
      .model, "depth", in: 1...1000, default: "2, or the number of letters in `layers`",
      "the number of blocks", \.model.depth, column: .named(unit: "blocks"),
      cell: { $0.configuration.model.depth }, as: { $0 }),
    Setting(
      .model, "layers",
      values: .other("a letter for each block", .string),
      default: "those of the architecture",
      "the sequence mixer of each block ("
        + layerLetters.map { "\($0.letter): \($0.name)" }.joined(separator: ", ") + ")",
      \.model.layers, column: .named(isDerived: true),
      cell: { run in
        let model = run.configuration.model
        return .text(model.layers ?? String(repeating: layerLetters[0].letter, count: model.depth))
      }
    ) { try $0.string() },
  ]

  private static let shape: [Setting] = [
    .integer(
      .model, "context", in: 1...65_536, "tokens in a window, T", \.model.context,
      column: .named(unit: "tokens")
    ) { $0.configuration.model.context },
    .choice(
      .model, "positions", "how token positions are represented", \.model.positions,
      column: .named(isSelfExplanatory: true)
    ) { $0.configuration.model.positions },
    Setting(
      .model, "tied_head", values: .boolean, default: "true for gpt2 and performer, false for the others",
      "whether the head is the embedding transposed", \.model.tiedHead, column: .named(isDerived: true),
      cell: { .text("\($0.configuration.model.tiedHead)") }
    ) { try $0.boolean() },
    .choice(
      .model, "parametrisation", "how scales and learning rates follow the width", \.model.parametrisation,
      column: .named(isSelfExplanatory: true)
    ) { $0.configuration.model.parametrisation },
    .choice(
      .model, "precision",
      "the precision of the operands of matrix products, in training and validation; sums and all else are float32",
      \.model.precision, column: .named(isSelfExplanatory: true)
    ) { $0.configuration.model.precision ?? .float32 },
    .choice(
      .model, "weight_format",
      "what weights are rounded to at each product; fp formats in blocks of 32, int and ternary by channel",
      \.model.weightFormat
    ) { $0.configuration.model.formats?.weights ?? .float32 },
    .choice(
      .model, "activation_format", "what the other operand of these products is rounded to",
      \.model.activationFormat
    ) { $0.configuration.model.formats?.activations ?? .float32 },
    .choice(
      .model, "gradient_format", "what the gradient of their result is rounded to", \.model.gradientFormat
    ) { $0.configuration.model.formats?.gradients ?? .float32 },
    .choice(
      .model, "cache_format", "what the keys and values of attention are rounded to", \.model.cacheFormat
    ) { $0.configuration.model.formats?.cache ?? .float32 },
    .choice(
      .model, "rounding",
      "whether training rounds to nearest, or at random without bias: all numbers, or gradients alone",
      \.model.rounding
    ) { $0.configuration.model.formats?.rounding ?? .nearest },
  ]

  /// The row of a setting that a layer declares.
  private init(_ layer: LayerSetting) {
    switch layer.values {
    case .integer(let range, let access):
      self.init(layer, .integer(range), access, cell: { Cell($0) }) { try $0.integer(in: range) }
    case .number(let range, let access):
      self.init(layer, .number(.closed(range.lowerBound, range.upperBound)), access, cell: { Cell($0) }) {
        try $0.number(in: range)
      }
    case .numberOrNone(let range, let access):
      let values = Values.other("number, or none", .any(of: .choice(of: ["none"]), .decimal(in: range)))
      self.init(layer, values, access, cell: { Cell($0.map { $0.map { "\($0)" } ?? "none" }) }) {
        try $0.string() == "none" ? nil : $0.number(in: range)
      }
    case .choice(let names, let access):
      self.init(layer, .choice(names), access, cell: { Cell($0) }) { try $0.choice(of: names) }
    }
  }

  private init<Value: Sendable>(
    _ layer: LayerSetting, _ values: Values, _ access: LayerSetting.Access<Value>,
    cell: @escaping @Sendable (Value?) -> Cell, read: @escaping @Sendable (YAMLValue) throws -> Value
  ) {
    self.init(
      .model, layer.key, values: values, default: layer.defaultText, layer.meaning,
      column: .named(
        isDerived: layer.display == .derived, isSelfExplanatory: layer.display == .selfExplanatory),
      reset: { layer.reset(&$0.model) }, cell: { cell(access.get($0.configuration.model)) }
    ) { yaml in
      let value = try read(yaml)
      return { access.set(&$0.model, value) }
    }
  }
}
