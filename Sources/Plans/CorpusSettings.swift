import Analysis
import Corpora
import Files

extension Setting {
  /// The settings of the text that a model is trained and evaluated on.
  static let ofCorpora: [Setting] = [
    Setting(
      .corpus, "source", name: "corpus", values: .other("name or path", .string),
      default: "required",
      "a bundled corpus, a recipe (.yaml), a text file, a folder of text or a pattern such as `texts/*.jsonl.gz`",
      \.corpus.source,
      column: .named(isSelfExplanatory: true, meaning: "name of a recipe, or path of a text"),
      cell: { .text($0.corpus) }
    ) { try $0.string() },
    Setting(
      .corpus, "field", name: "text_field", values: .other("a name", .string), default: "`text`",
      "the field of JSONL that holds the text",
      \.corpus.field, column: .named(isSelfExplanatory: true),
      cell: { $0.configuration.corpus.field.map(Cell.text) ?? .none }
    ) { try $0.string() },
    Setting(
      .corpus, "tokenizer",
      values: .other(
        "characters, bytes, bytePairs(V)",
        ["type": "string", "pattern": "^(characters|bytes|bytePairs\\([0-9]+\\))$"]),
      default: "characters of a recipe, bytes of a text", "how text becomes tokens", \.corpus.tokenizer,
      column: .named(isSelfExplanatory: true), cell: { .text($0.tokenizer) }, read: readTokenizer),
    .integer(
      .corpus, "seed", name: "corpus_seed", in: RunDraft.seeds, default: "0",
      "which text a recipe generates, or which part of a text is held out", \.corpus.seed,
      cell: { Int(clamping: $0.configuration.corpus.seed) }, as: { UInt64($0) }),
    .integer(
      .corpus, "validation_tokens", in: 1...RunDraft.mostTokensAtOnce,
      "tokens on which every model is evaluated",
      \.corpus.validationTokens
    ) { $0.configuration.corpus.validationTokens },
    .integer(
      .corpus, "unique_tokens", in: 1...RunDraft.mostTokens, default: "all available",
      "training tokens before they repeat", \.corpus.uniqueTokens,
      column: .named(
        "unique_tokens_limit", meaning: "training tokens before they repeat; empty for all available"),
      cell: { $0.configuration.corpus.uniqueTokens }, as: { $0 }),
  ]
}

@Sendable private func readTokenizer(_ yaml: YAMLValue) throws -> TokenizerConfiguration? {
  let text = try yaml.string()
  guard let tokenizer = TokenizerConfiguration(text) else {
    throw yaml.error(
      "`\(text)` is not a tokenizer",
      remedy: "Write characters, bytes or bytePairs(V) with V from 257 to 65536")
  }
  return tokenizer
}
