import Analysis
import Corpora
import Files
import Models

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
      .corpus, "filter",
      values: .other(
        "none, or keys such as {near_duplicates: 0.8, repeated: 0.5, compression: [1.5, 6], bytes: [200, 1M]}",
        DocumentFilter.schema),
      default: "none",
      "which documents of own text are dropped before the split: copies and near copies of an earlier one by similarity, documents of which more than a fraction repeats earlier text, and those outside a range of compression by zlib or of length",
      \.corpus.filter,
      column: .named(isSelfExplanatory: true, meaning: "which documents were dropped; empty for none"),
      cell: { $0.configuration.corpus.filter.map { .text("\($0)") } ?? .none }
    ) { try DocumentFilter.read($0) },
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
    weights(
      "weights", default: "those of the recipe",
      "the data mixture of the training text: weights of the recipe's tasks, relative to their sum; tasks that are not named have none",
      \.corpus.weights, of: \.weights),
    weights(
      "weights_at_end", default: "`weights`",
      "the data mixture at the end of training, towards which the weights change linearly",
      \.corpus.weightsAtEnd, of: \.weightsAtEnd),
    weights(
      "validation_weights", default: "those of the recipe", "the data mixture of the validation text",
      \.corpus.validationWeights, of: \.validationWeights),
    .number(
      .corpus, "noise", in: .closed(0, 0.9), default: "0",
      "the fraction of the training text's characters, but line feeds, that are replaced by others at random",
      \.corpus.noise, cell: { $0.configuration.corpus.noise ?? 0 }, as: { $0 > 0 ? $0 : nil }),
    .number(
      .corpus, "junk", in: .closed(0, 0.99),
      "the fraction of passages about words with associations whose word is replaced by a made-up one with random associates, so that nothing can be learned",
      \.junk
    ) { $0.configuration.corpus.junk?.fraction ?? 0 },
    Setting(
      .corpus, "junk_tag", values: .boolean, default: "false",
      "whether a `#` before each stranger tells the junk",
      \.junkTag, cell: { .text("\($0.configuration.corpus.junk?.isTagged ?? false)") }
    ) { try $0.boolean() },
    .number(
      .corpus, "duplicates", in: .closed(0, 1),
      "the fraction of the training windows that come several times, at random places", \.duplicates
    ) { $0.configuration.corpus.duplicates?.fraction ?? 0 },
    .integer(
      .corpus, "duplicate_times", in: 2...1_000_000, "how often each of these windows comes", \.duplicateTimes
    ) { $0.configuration.corpus.duplicates?.times ?? 1 },
    Setting(
      .corpus, "order", values: .choice(orders), default: orders[0],
      "the order of the training windows: at random, by rising or falling entropy, or one task after the other",
      \.corpus.order, column: .named(isSelfExplanatory: true),
      cell: { .text($0.configuration.corpus.order?.rawValue ?? orders[0]) }
    ) { WindowOrder(rawValue: try $0.choice(of: orders)) },
  ]
}

private let orders = ["shuffled"] + WindowOrder.allCases.map(\.rawValue)

/// A data mixture.
private func weights(
  _ key: String, default defaultText: String, _ meaning: String,
  _ path: WritableKeyPath<RunDraft, [String: Double]?> & Sendable,
  of run: KeyPath<CorpusConfiguration, [String: Double]?> & Sendable
) -> Setting {
  return Setting(
    .corpus, key,
    values: .other(
      "a weight for each task, such as {facts: 0.7, stories: 0.3}",
      .dictionary(of: .decimal(in: 0...1e9))),
    default: defaultText, meaning, path,
    column: .named(isSelfExplanatory: key == "weights", meaning: "\(meaning); empty for \(defaultText)"),
    cell: { $0.configuration.corpus[keyPath: run].map { .text(text(of: $0)) } ?? .none }, read: readWeights)
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

/// Weights as in `facts 0.7, stories 0.3`.
@Sendable private func text(of weights: [String: Double]) -> String {
  weights.sorted { $0.key < $1.key }.map { "\($0.key) \(settingText($0.value))" }.joined(separator: ", ")
}

@Sendable private func readWeights(_ yaml: YAMLValue) throws -> [String: Double]? {
  var weights: [String: Double] = [:]
  for (key, value) in try yaml.entries() {
    let weight = try value.number(in: 0...1e9)
    if weight > 0 { weights[key.text] = weight }
  }
  let sum = weights.values.reduce(0, +)
  guard sum > 0 else {
    throw yaml.error("no task has a weight above 0", remedy: "Write for example {facts: 0.7, stories: 0.3}")
  }
  return weights.mapValues { $0 / sum }
}
