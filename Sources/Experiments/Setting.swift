import Autograd
import Corpora
import Files
import Models
import Training

/// A setting of a run that an experiment file may give, once in its section or as a list in the grid.
///
/// To add one, add its row to `all`: reading, sweeping, error messages and the reference all follow from it.
struct Setting: Sendable {
  enum Section: String, CaseIterable, Sendable { case corpus, model, training }

  typealias Change = @Sendable (inout RunDraft) -> Void

  let section: Section
  /// Its name in its section of the file.
  let key: String
  /// Its name in the grid, where sections stand side by side.
  let name: String
  /// What may be written, and what holds where nothing is.
  let values: String
  let defaultValue: String
  let meaning: String
  /// Reads a value, and tells what it changes in a run.
  let read: @Sendable (YAMLValue) throws -> Change

  private init<Value: Sendable>(
    _ section: Section, _ key: String, name: String? = nil, values: String, default defaultValue: String,
    _ meaning: String, _ path: WritableKeyPath<RunDraft, Value> & Sendable,
    read: @escaping @Sendable (YAMLValue) throws -> Value
  ) {
    self.section = section
    self.key = key
    self.name = name ?? key
    self.values = values
    self.defaultValue = defaultValue
    self.meaning = meaning
    self.read = { yaml in
      let value = try read(yaml)
      return { $0[keyPath: path] = value }
    }
  }

  static let all: [Setting] = [
    Setting(
      .corpus, "source", name: "corpus", values: "name or path", default: "required",
      "a bundled corpus, a recipe (.yaml), a text file or a folder of text", \.corpus.source
    ) { try $0.string() },
    Setting(
      .corpus, "tokenizer", values: "characters, bytes, bytePairs(V)",
      default: "characters of a recipe, bytes of a text",
      "how text becomes tokens", \.corpus.tokenizer, read: readTokenizer),
    Setting(
      .corpus, "seed", name: "corpus_seed", values: "whole number", default: "0",
      "which text a recipe generates, or which part of a text is held out", \.corpus.seed
    ) { UInt64(try $0.integer(in: 0...)) },
    Setting(
      .corpus, "validation_tokens", values: "whole number", default: "1048576",
      "tokens on which every model is judged", \.corpus.validationTokens
    ) { try $0.integer(in: 1...RunDraft.mostTokensAtOnce) },
    Setting(
      .corpus, "unique_tokens", values: "whole number", default: "all there are",
      "training tokens before they repeat", \.corpus.uniqueTokens
    ) { try $0.integer(in: 1...RunDraft.mostTokens) },
    Setting(.model, "family", values: "gpt2, llama", default: "gpt2", "the design of a block", \.family) {
      try $0.choice(of: ModelConfiguration.Family.self)
    },
    Setting(.model, "width", values: "whole number", default: "required", "the length of vectors, C", \.width)
    {
      try $0.integer(in: 4...65_536)
    },
    Setting(.model, "depth", values: "whole number", default: "2", "the number of blocks", \.depth) {
      try $0.integer(in: 1...1000)
    },
    Setting(
      .model, "heads", values: "whole number", default: "width / 8, rounded up",
      "the number of attention heads", \.heads
    ) { .count(try $0.integer(in: 1...65_536)) },
    Setting(
      .model, "head_width", values: "whole number", default: "8, or width / heads",
      "the width of a head, instead of `heads`",
      \.heads
    ) { .width(try $0.integer(in: 4...65_536)) },
    Setting(.model, "context", values: "whole number", default: "128", "tokens in a window, T", \.context) {
      try $0.integer(in: 1...65_536)
    },
    Setting(
      .model, "positions", values: "rotary, learned, none", default: "rotary",
      "how a model knows where a token stands",
      \.positions
    ) { try $0.choice(of: ModelConfiguration.Positions.self) },
    Setting(
      .model, "tied_head", values: "true, false", default: "true for gpt2, false for llama",
      "whether the head is the embedding transposed", \.tiedHead
    ) { try $0.boolean() },
    Setting(
      .model, "parametrisation", values: "mup, standard", default: "mup",
      "how scales and learning rates follow the width", \.parametrisation
    ) { try $0.choice(of: ModelConfiguration.Parametrisation.self) },
    Setting(
      .model, "experts", values: "whole number", default: "1, a dense model",
      "weights of the feed-forward part in units of the dense one's, E", \.mixture.experts
    ) { try $0.integer(in: 1...4096) },
    Setting(
      .model, "top_k", values: "whole number", default: "1",
      "how many of them a token uses, in the same units, K", \.mixture.topK
    ) { try $0.integer(in: 1...4096) },
    Setting(
      .model, "granularity", values: "whole number", default: "1",
      "pieces that each expert is cut into, G: of E·G pieces K·G are chosen", \.mixture.granularity
    ) { try $0.integer(in: 1...1024) },
    Setting(
      .model, "shared_experts", values: "whole number", default: "0",
      "pieces among the K·G that all tokens use", \.mixture.shared
    ) { try $0.integer(in: 0...4096) },
    Setting(
      .model, "routed_blocks", values: "all, every_other", default: "all",
      "which blocks have experts; every other begins with the second", \.mixture.placement
    ) { try $0.choice(of: MixtureOfExperts.Placement.self) },
    Setting(
      .model, "gate", values: "softmax_first, choice_first", default: "softmax_first",
      "what chosen experts are weighted by: their parts of the softmax over all, or a softmax over them alone",
      \.mixture.gate
    ) { try $0.choice(of: Gate.self) },
    Setting(
      .model, "capacity_factor", values: "number, or none", default: "none",
      "tokens that an expert takes at most, in units of an even load; those beyond are dropped",
      \.mixture.capacityFactor
    ) { try $0.string() == "none" ? nil : $0.number(in: 0.01...1000) },
    Setting(
      .model, "balance", values: "auxiliary, bias, none", default: "auxiliary",
      "what evens out the experts' loads: a loss, or a bias on each expert's logit for the choice alone",
      \.mixture.balance
    ) { try $0.choice(of: MixtureOfExperts.Balance.self) },
    Setting(
      .model, "balance_weight", values: "number", default: "0.01; where the balance is none, 0",
      "the weight of that loss, or the step of the biases", \.balanceWeight
    ) { try $0.number(in: 0...100) },
    Setting(
      .model, "z_loss", values: "number", default: "0.001",
      "weight of the squared logarithm of the sum of a router's exponentials", \.mixture.zLoss
    ) { try $0.number(in: 0...100) },
    Setting(
      .model, "router_noise", values: "number", default: "0",
      "standard deviation of the noise on a router's logits while training", \.mixture.noise
    ) { try $0.number(in: 0...100) },
    Setting(
      .training, "tokens", values: "whole number", default: "required, or flops", "tokens to train on, D",
      \.length
    ) { .tokens(try $0.integer(in: 1...RunDraft.mostTokens)) },
    Setting(
      .training, "flops", values: "number", default: "required, or tokens",
      "an IsoFLOP budget C, instead of `tokens`: D is what it pays for", \.length
    ) { .flops(try $0.number(in: 1...)) },
    Setting(
      .training, "learning_rate", values: "number, or {at_width: 32, rate: 0.008, exponent: -1}",
      default: "0.008, with experts 0.0056; where the parametrisation is standard, times 32 / width",
      "the highest rate; as a rule, rate · (width / at_width)^exponent", \.learningRate,
      read: readLearningRate),
    Setting(
      .training, "batch", values: "whole number, or [{from: 0, tokens: 512}, …]",
      default: "512, from 1M tokens on 1024, from 2M on 2048", "tokens in a step, a multiple of the context",
      \.training.batch, read: readBatch),
    Setting(
      .training, "warmup_steps", values: "whole number", default: "100", "steps in which the rate rises",
      \.training.warmupSteps
    ) { try $0.integer(in: 0...RunDraft.mostTokens) },
    Setting(
      .training, "schedule",
      values: "{cooldown: 0.2, shape: linear or sqrt}, {cosine: 0.1}, or {cosine: 0.1, over: 8M}",
      default: "{cooldown: 0.2, shape: linear}",
      "constant, then falling to zero in the last fraction; or a cosine down to a fraction of the rate, at the run's end or, whatever its length, after `over` tokens",
      \.training.schedule, read: readSchedule),
    Setting(
      .training, "weight_decay", values: "number", default: "0", "decay of weights a step, times the rate",
      \.training.weightDecay
    ) { try $0.number(in: 0...) },
    Setting(
      .training, "beta1", values: "number", default: "0.9", "decay of Adam's first moment", \.training.beta1
    ) {
      try $0.number(in: 0..<1)
    },
    Setting(
      .training, "beta2", values: "number", default: "0.95", "decay of Adam's second moment", \.training.beta2
    ) {
      try $0.number(in: 0..<1)
    },
    Setting(
      .training, "clip", values: "number", default: "1", "the greatest norm of the gradient", \.training.clip
    ) { try $0.number(in: Double.leastNormalMagnitude...) },
  ]

  /// Pairs of settings that say the same thing in two ways.
  static let alternatives = [("tokens", "flops"), ("heads", "head_width")]
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

@Sendable private func readLearningRate(_ yaml: YAMLValue) throws -> LearningRate? {
  let range = Double.leastNormalMagnitude...100
  guard yaml.isMapping else { return .constant(try yaml.number(in: range)) }
  let map = try yaml.mapping(keys: ["at_width", "rate", "exponent"])
  return .power(
    rate: try yaml.required("rate", in: map).number(in: range),
    width: try yaml.required("at_width", in: map).integer(in: 1...),
    exponent: try yaml.required("exponent", in: map).number(in: -4...4))
}

@Sendable private func readBatch(_ yaml: YAMLValue) throws -> BatchSchedule {
  guard yaml.isList else {
    guard !yaml.isMapping else {
      throw yaml.error(
        "a batch is a number or a list of stages", remedy: "In a grid, put brackets around each ramp")
    }
    return .fixed(try yaml.integer(in: 1...RunDraft.mostTokensAtOnce))
  }
  let stages = try yaml.list().map { stage in
    let map = try stage.mapping(keys: ["from", "tokens"])
    return BatchSchedule.Stage(
      from: try stage.required("from", in: map).integer(in: 0...RunDraft.mostTokens),
      tokens: try stage.required("tokens", in: map).integer(in: 1...RunDraft.mostTokensAtOnce))
  }
  do {
    return try BatchSchedule(stages: stages)
  } catch let fault as TrainingFault {
    throw yaml.error(fault.message, remedy: fault.remedy)
  }
}

@Sendable private func readSchedule(_ yaml: YAMLValue) throws -> Schedule {
  let map = try yaml.mapping(keys: ["cooldown", "shape", "cosine", "over"])
  if let cosine = map["cosine"] {
    guard map["cooldown"] == nil, map["shape"] == nil else {
      throw yaml.error("a cosine has neither cooldown nor shape", remedy: "Remove them")
    }
    let final = try cosine.number(in: 0...1)
    guard let over = map["over"] else { return .cosine(final: final) }
    return .cosineOver(final: final, tokens: try over.integer(in: 1...RunDraft.mostTokens))
  }
  if let over = map["over"] {
    throw over.error(
      "only a cosine has `over`", remedy: "Remove it, or write for example {cosine: 0.1, over: 8M}")
  }
  return .cooldown(
    fraction: try yaml.required("cooldown", in: map).number(in: 0...1),
    shape: try map["shape"]?.choice(of: Schedule.Shape.self) ?? .linear)
}

extension YAMLValue {
  /// The value of a key that must be there.
  func required(_ key: String, in map: [String: YAMLValue]) throws -> YAMLValue {
    guard let value = map[key] else { throw error("`\(key)` is missing", remedy: "Add `\(key): …`") }
    return value
  }

  /// The value on one line, as a person would name it.
  func label() throws -> String {
    if isMapping {
      return try entries().map { "\($0.key.text) \(try $0.value.label())" }.joined(separator: ", ")
    }
    return isList ? "[\(try list().map { try $0.label() }.joined(separator: "; "))]" : try string()
  }
}
