import Analysis
import Files
import Models

extension Setting {
  /// What network it is.
  static let ofModels: [Setting] = [
    .choice(
      .model, "architecture", formerNames: ["family"], "the design of a block", \.family,
      column: .named(isSelfExplanatory: true)
    ) { $0.configuration.model.family },
    Setting(
      .model, "width", values: .integer(4...65_536), default: "required", "the length of vectors, C", \.width,
      cell: { .integer($0.configuration.model.width) }
    ) { try $0.integer(in: 4...65_536) },
    .integer(
      .model, "depth", in: 1...1000, "the number of blocks", \.depth, column: .named(unit: "blocks")
    ) { $0.configuration.model.depth },
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
    .integer(
      .model, "context", in: 1...65_536, "tokens in a window, T", \.context, column: .named(unit: "tokens")
    ) { $0.configuration.model.context },
    .choice(
      .model, "positions", "how a model knows where a token stands", \.positions,
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
