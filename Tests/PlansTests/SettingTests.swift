import Analysis
import Files
import Foundation
import Models
import Plans
import TestSupport
import Testing
import Training

@Suite struct SettingTests {
  /// A small dense run and one with experts.
  private static let base = [
    "corpus": "\(packageFolder)/corpora/village.yaml", "validation_tokens": "4096", "width": "32",
    "depth": "2",
    "context": "32", "batch": "128", "tokens": "20k", "warmup_steps": "10",
  ]

  /// Another value of each setting, with the settings that it requires.
  private static let others: [String: [String: String]] = [
    "corpus": ["corpus": "\(packageFolder)/corpora/hamlet.yaml"], "tokenizer": ["tokenizer": "bytes"],
    "corpus_seed": ["corpus_seed": "1"], "validation_tokens": ["validation_tokens": "8192"],
    "unique_tokens": ["unique_tokens": "4k"], "weights": ["weights": "{facts: 1, stories: 3}"],
    "weights_at_end": ["weights_at_end": "{stories: 1}"],
    "validation_weights": ["validation_weights": "{facts: 1}"], "noise": ["noise": "0.1"],
    "junk": ["junk": "0.5"], "junk_tag": ["junk": "0.5", "junk_tag": "true"],
    "duplicates": ["duplicates": "0.25"],
    "duplicate_times": ["duplicates": "0.25", "duplicate_times": "4"], "order": ["order": "easy_first"],
    "generations": ["generations": "1"], "keep": ["generations": "1", "keep": "accumulate"],
    "sample_fraction": ["generations": "1", "sample_fraction": "0.5"],
    "sample_temperature": ["generations": "1", "sample_temperature": "0.5"],
    "architecture": ["architecture": "llama"],
    "width": ["width": "48"],
    "depth": ["depth": "3"], "heads": ["heads": "2"], "head_width": ["head_width": "16"], "layers": [:],
    "kv_heads": ["kv_heads": "2"], "window": ["layers": "AW", "window": "16"],
    "feature_map": ["layers": "LL", "feature_map": "favor"],
    "features": ["layers": "AL", "feature_map": "favor", "features": "8"],
    "state": ["layers": "AM", "state": "4"],
    "expansion": ["layers": "AM", "expansion": "3"], "context": ["context": "64"],
    "positions": ["positions": "learned"],
    "tied_head": ["tied_head": "false"], "parametrisation": ["parametrisation": "standard", "width": "48"],
    "precision": ["precision": "bfloat16"],
    "weight_format": ["weight_format": "int4"], "activation_format": ["activation_format": "fp8_e4m3"],
    "gradient_format": ["gradient_format": "fp8_e5m2"], "cache_format": ["cache_format": "int8"],
    "rounding": ["weight_format": "ternary", "rounding": "stochastic"],
    "experts": ["experts": "4"], "top_k": ["experts": "4", "top_k": "2"],
    "granularity": ["experts": "4", "granularity": "2"],
    "shared_experts": ["experts": "4", "granularity": "2", "shared_experts": "1"],
    "routed_blocks": ["experts": "4", "routed_blocks": "every_other"],
    "gate": ["experts": "4", "top_k": "2", "gate": "choice_first"],
    "capacity_factor": ["experts": "4", "capacity_factor": "1.5"],
    "balance": ["experts": "4", "balance": "bias"],
    "balance_weight": ["experts": "4", "balance_weight": "0.02"], "z_loss": ["experts": "4", "z_loss": "0"],
    "router_noise": ["experts": "4", "router_noise": "0.1"], "tokens": [:], "flops": [:],
    "learning_rate": ["learning_rate": "0.01"],
    "batch": ["batch": "[{from: 0, tokens: 128}, {from: 10k, tokens: 256}]"],
    "carry": ["layers": "MM", "batch": "1024", "carry": "true"],
    "warmup_steps": ["warmup_steps": "12"], "schedule": ["schedule": "{cosine: 0.1}"],
    "weight_decay": ["weight_decay": "0.1"], "beta1": ["beta1": "0.8"], "beta2": ["beta2": "0.99"],
    "quantised": ["quantised": "int4"], "pruned": ["pruned": "2:4"],
    "activation": ["activation": "squared_relu"], "active_hidden": ["active_hidden": "0.25"],
    "clip": ["clip": "2"],
    "knowledge": ["knowledge": "true", "context": "64"],
    "update_rule": ["update_rule": "sgd"],
    "momentum": ["update_rule": "sgd", "momentum": "0.5"],
    "lion_beta1": ["update_rule": "lion", "lion_beta1": "0.95"],
    "lion_beta2": ["update_rule": "lion", "lion_beta2": "0.98"],
    "muon_momentum": ["update_rule": "muon", "muon_momentum": "0.9"],
    "precondition_frequency": ["update_rule": "soap", "precondition_frequency": "1"],
    "objective": ["objective": "smoothed_next_token"],
    "label_smoothing": ["objective": "smoothed_next_token", "label_smoothing": "0.2"],
    "mask": ["objective": "smoothed_next_token", "mask": "0.5"], "seed": ["seed": "1"],
  ]

  private static func plan(_ values: [String: String]) throws -> PlannedRun {
    try PlannedRun(
      options: values.sorted { $0.key < $1.key }.map { (name: $0.key, text: $0.value) },
      corpora: CorpusCache(allowing: [packageFolder, FileManager.default.temporaryDirectory.path]))
  }

  /// Writes an untrained model of the base run, and returns the path.
  private func checkpoint(in folder: String) throws -> String {
    let run = try Self.plan(Self.base).configuration
    let transformer = Transformer(run.model)
    let path = "\(folder)/checkpoint.safetensors"
    try TrainedModel(
      configuration: run, transformer: transformer, parameters: transformer.initialParameters(seed: 0),
      tokenizer: try CorpusCache().corpus(of: run).tokenizer
    ).write(to: path)
    return path
  }

  @Test("Runs that differ in a setting have different cells, so that they do not count as repeats")
  func everySettingSetsRunsApart() throws {
    let folder = try TemporaryFolder()
    let line =
      #"{"text": "The same words each time.", "other": "Other words, and no more than these."}"# + "\n"
    _ = try folder.write(String(repeating: line, count: 1000), to: "two.jsonl")
    let texts = ["text_field": ["corpus": "\(folder.path)/two.jsonl", "text_field": "other"]]
    let filters = ["filter": ["corpus": "\(folder.path)/two.jsonl", "filter": "{bytes: [1, 1M]}"]]
    let models = ["samples_from": ["generations": "1", "samples_from": try checkpoint(in: folder.path)]]
    let others = Self.others.merging(texts) { $1 }.merging(filters) { $1 }.merging(models) { $1 }
    #expect(Set(others.keys) == Set(Setting.all.map(\.name)), "add the new setting to `others`")
    for setting in Setting.all {
      guard let other = others[setting.name], let value = other[setting.name] else { continue }
      let without = other.filter { $0.key != setting.name }
      let one = try Self.plan(Self.base.merging(without) { $1 })
      let two = try Self.plan(Self.base.merging(other) { $1 })
      #expect(one.configuration.identifier != two.configuration.identifier, "\(setting.name)")
      let column = try #require(setting.column, "\(setting.name) has no column")
      #expect(one.settings[column.name] != two.settings[column.name], "\(setting.name) is \(value)")
      // Resetting the setting restores the default.
      if Self.base[setting.name] == nil, setting.name != "tokenizer" {
        #expect(two.defaults[column.name] == one.settings[column.name], "the default of \(setting.name)")
      }
    }
  }

  @Test(
    "Options are checked like a file, and the error names the option",
    arguments: [
      (
        ["batch": "100"],
        "--batch: a batch of 100 tokens is not a multiple of the context 32. Write for example `--batch 96`."
      ),
      (["context": "1000"], "a batch of 128 tokens is not a multiple of the context 1000"),
      (["tokens": "1e15"], "--tokens: 1e15 is out of range"),
      (["width": "3"], "--width: 3 is out of range"),
      (["learning_rate": "nan"], "--learning-rate: `nan` is not a number"),
      (["experts": "0"], "--experts: 0 is out of range"),
      (["tokens": "1k"], "tokens, or lower `--warmup-steps` or `--batch`."),
      (
        ["tokens": "1,000,000"],
        "--tokens: `1,000,000` is not a whole number. Write it without commas, such as"
      ),
      (
        ["layers": "MM", "window": "32"],
        "--window: `window` has no effect, because no model has a layer W. Remove it, or give a model a layer W."
      ),
      (["junk_tag": "true"], "--junk-tag: `junk_tag` has no effect, because no run has `junk`. Remove it"),
      (["duplicate_times": "3"], "--duplicate-times: `duplicate_times` has no effect"),
      (["weights": "{facts: 1, songs: 1}"], "--weights: `weights` names the task `songs`"),
      (
        ["knowledge": "true", "context": "16", "batch": "160"],
        "--knowledge: the context of 16 tokens is too short"
      ),
      (["expansion": "3"], "--expansion: "), (["feature_map": "elu"], "--feature-map: "),
      (["top_k": "2"], "--top-k: "),
      (["momentum": "0.9"], "--momentum: `momentum` is a setting of sgd"),
      (["update_rule": "sgd", "beta2": "0.9"], "--beta2: `beta2` is a setting of adamw, which is not used"),
      (["kv_heads": "3"], "--kv-heads: "), (["layers": "AX"], "--layers: no layer is named `X`"),
      (["tokens": "20k", "flops": "1e9"], "both --tokens and --flops are given"),
      (["clip": "0"], "--clip: 0 is out of range. It must be greater than 0"),
    ])
  func optionsAreChecked(values: [String: String], message: String) throws {
    let error = #expect(throws: InputError.self) { try Self.plan(Self.base.merging(values) { $1 }) }
    #expect(error?.description.contains(message) == true, "\(String(describing: error))")
  }

  @Test("A run from options equals the run of a file")
  func optionsAreAFile() throws {
    let file = try TestSupport.plan(
      "model: {depth: 2, context: 32}\ntraining: {batch: 128, warmup_steps: 10}\ngrid: {width: 32, tokens: 20k}\n"
    )
    #expect(try Self.plan(Self.base).configuration.identifier == file.runs[0].configuration.identifier)
  }

  @Test("The shrunken form of an experiment has its own folder")
  func shrunkenFormsHaveNamesOfTheirOwn() throws {
    let file = try experiment("title: t\ncorpus: village\ngrid: {width: [16, 32], tokens: 1M}\n")
    #expect(file.name == "e" && file.shrunken().name == "e-shrunken")
  }

  @Test("The schema has a key for each setting, in its section and in the grid")
  func schemaFollowsFromSettings() throws {
    let schema = ExperimentSchema.schema
    for setting in Setting.all {
      #expect(try Self.text(schema, setting.section.rawValue).contains("\"\(setting.key)\":"))
      #expect(try Self.text(schema, "grid").contains("\"\(setting.name)\":"))
    }
  }

  @Test("The schema has exactly the keys of a page and of a reduced tier")
  func schemaHasTheKeysThatAreRead() throws {
    for path in ["page.numbers", "minutes.fits", "minutes.key"] {
      #expect(Self.member(ExperimentSchema.schema, path) != nil, "\(path)")
    }
    #expect(Self.member(ExperimentSchema.schema, "minutes.page") == nil)
  }

  /// The schema of the key at a path, such as `minutes.fits`.
  private static func member(_ schema: JSONValue, _ path: String) -> JSONValue? {
    path.split(separator: ".").reduce(Optional(schema)) { schema, key in
      guard case .object(let members)? = schema, case .object(let keys)? = members["properties"] else {
        return nil
      }
      return keys[String(key)]
    }
  }

  private static func text(_ schema: JSONValue, _ path: String) throws -> String {
    String(decoding: try canonicalJSON(member(schema, path)), as: UTF8.self)
  }
}
