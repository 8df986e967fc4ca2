import Analysis
import Files
import Models

extension Setting {
  /// What network it is.
  static let ofModels: [Setting] = [
    .choice(
      .model, "architecture", formerNames: ["family"], "the design of norms, activations, biases and head",
      \.architecture,
      column: .named(isSelfExplanatory: true)
    ) { $0.configuration.model.architecture },
    Setting(
      .model, "width", values: .integer(4...65_536), default: "required", "the length of token vectors, C",
      \.width,
      cell: { .integer($0.configuration.model.width) }
    ) { try $0.integer(in: 4...65_536) },
    Setting(
      .model, "depth", values: .integer(1...1000), default: "2, or the number of letters in `layers`",
      "the number of blocks", \.depth, column: .named(unit: "blocks"),
      cell: { .integer($0.configuration.model.depth) }
    ) { try $0.integer(in: 1...1000) },
    Setting(
      .model, "layers",
      values: .other(
        layerLetters.map { "\($0.letter)" }.joined(separator: ", ") + " for each block", .string),
      default: "\(layerLetters[0].letter) for each block",
      "the sequence mixer of each block, one letter each: "
        + layerLetters.map { "\($0.letter) \($0.name)" }.joined(separator: ", "),
      \.layers, column: .named(isDerived: true),
      cell: { run in
        let model = run.configuration.model
        return .text(model.layers ?? String(repeating: layerLetters[0].letter, count: model.depth))
      }
    ) { try $0.string() },
    Setting(
      .model, "heads", values: .integer(1...65_536), default: "width / 8, rounded up",
      "the number of attention heads", \.heads, column: .named(isDerived: true),
      cell: { .integer($0.configuration.model.heads) }
    ) { .count(try $0.integer(in: 1...65_536)) },
    Setting(
      .model, "head_width", values: .integer(4...65_536), default: "8, or width / heads",
      "the width of a head, instead of `heads`", \.heads,
      column: .named(isDerived: true, meaning: "the width of a head"),
      cell: { .integer($0.configuration.model.headWidth) }
    ) { .width(try $0.integer(in: 4...65_536)) },
    Setting(
      .model, "kv_heads", values: .integer(1...65_536), default: "heads",
      "the number of heads of keys and values, each used by heads / kv_heads heads of queries; it divides `heads`",
      \.kvHeads,
      column: .named(isDerived: true), cell: { .integer($0.configuration.model.keyValueHeads) }
    ) { try $0.integer(in: 1...65_536) },
    .integer(
      .model, "context", in: 1...65_536, "tokens in a window, T", \.context, column: .named(unit: "tokens")
    ) { $0.configuration.model.context },
    .choice(
      .model, "positions", "how token positions are represented", \.positions,
      column: .named(isSelfExplanatory: true)
    ) { $0.configuration.model.positions },
    Setting(
      .model, "tied_head", values: .boolean, default: "true for gpt2, false for llama",
      "whether the head is the embedding transposed", \.tiedHead, column: .named(isDerived: true),
      cell: { .text("\($0.configuration.model.tiedHead)") }
    ) { try $0.boolean() },
    .choice(
      .model, "parametrisation", "how scales and learning rates follow the width", \.parametrisation,
      column: .named(isSelfExplanatory: true)
    ) { $0.configuration.model.parametrisation },
  ]
}
