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
    .integer(
      .model, "width", in: 4...65_536, default: "required", "the length of token vectors, C", \.width,
      cell: { $0.configuration.model.width }, as: { $0 }),
    .integer(
      .model, "depth", in: 1...1000, default: "2, or the number of letters in `layers`",
      "the number of blocks", \.depth, column: .named(unit: "blocks"),
      cell: { $0.configuration.model.depth }, as: { $0 }),
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
    .integer(
      .model, "heads", in: 1...65_536, default: "width / 8, rounded up", "the number of attention heads",
      \.heads, column: .named(isDerived: true), cell: { $0.configuration.model.heads },
      as: { .count($0) }),
    .integer(
      .model, "head_width", in: 4...65_536, default: "8, or width / heads",
      "the width of a head, instead of `heads`", \.heads,
      column: .named(isDerived: true, meaning: "the width of a head"),
      cell: { $0.configuration.model.headWidth }, as: { .width($0) }),
    .integer(
      .model, "kv_heads", in: 1...65_536, default: "heads",
      "the number of heads of keys and values, each used by heads / kv_heads heads of queries; it divides `heads`",
      \.kvHeads, column: .named(isDerived: true), cell: { $0.configuration.model.keyValueHeads },
      as: { $0 }),
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
