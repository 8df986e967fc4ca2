import Analysis
import Corpora
import Files
import Models
import Training

extension SampledText {
  /// The name of the setting that makes a lineage.
  static let generations = "generations"
}

extension Setting {
  /// The settings of training text that models write.
  static let ofSamples: [Setting] = [
    .integer(
      .synthetic, SampledText.generations, in: 0...100,
      "the number of generations after the first: each is a run, trained on samples of the one before",
      \.generations,
      column: .named(
        "generation",
        meaning: "the number of models before this one, each trained on samples of the one before")
    ) { $0.configuration.samples?.generation ?? 0 },
    .choice(
      .synthetic, "keep",
      "whether the text of a generation replaces that of the one before, or all accumulate, so that generation g trains on g + 1 times `tokens`",
      \.keep
    ) { $0.configuration.samples?.keep ?? .replace },
    .number(
      .synthetic, "fraction", name: "sample_fraction", in: .closed(0.001, 1),
      "the fraction of the windows of each generation's text that are samples; the others are new text of the corpus",
      \.sampleFraction
    ) { $0.configuration.samples?.fraction ?? 1 },
    .number(
      .synthetic, "temperature", name: "sample_temperature", in: .closed(0.01, 100),
      "the temperature of the samples", \.sampleTemperature
    ) { $0.configuration.samples?.temperature ?? 1 },
    Setting(
      .synthetic, "from", name: "samples_from", values: .other("self, or a path", .string), default: "self",
      "the model that writes the first samples: generation 0 of the lineage itself, or the checkpoint or folder of a run that was trained before",
      \.samplesFrom,
      column: .named(isSelfExplanatory: true, meaning: "the model that wrote the first samples"),
      cell: { .text($0.configuration.samples?.source?.path ?? "self") }
    ) { yaml in
      let path = try yaml.string()
      return path == "self" ? nil : path
    },
  ]
}

/// The models whose samples others are trained on, each read once.
struct SampleSources {
  private var known: [String: (source: SampledText.Source, tokenizer: any Tokenizer)] = [:]

  /// Returns a model that was trained before.
  ///
  /// - Parameter path: Its checkpoint, or the folder of its run.
  /// - Throws: `InputError` if it cannot be read, or has other tokens than the corpus.
  mutating func source(_ path: String, for corpus: TokenizedCorpus) throws -> SampledText.Source {
    let file = try RunFolder.checkpoint(named: path)
    let (source, tokenizer) =
      try known[file]
      ?? (
        SampledText.Source(path: file, checksum: checksum(FileAccess.read(file))),
        TrainedModel(checkpoint: file).tokenizer
      )
    known[file] = (source, tokenizer)
    guard tokenizer.vocabulary == corpus.vocabulary,
      (0..<corpus.vocabulary).allSatisfy({ tokenizer.bytes(of: $0) == corpus.tokenizer.bytes(of: $0) })
    else {
      throw InputError(
        "the model has \(tokenizer.vocabulary) other tokens than `\(corpus.name)` with \(corpus.vocabulary)",
        file: file, remedy: "Name a model that was trained on this corpus, with the same tokenizer")
    }
    return source
  }
}
