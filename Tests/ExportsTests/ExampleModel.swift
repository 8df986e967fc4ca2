import Autograd
import Corpora
import Foundation
import Models
import RandomNumbers
import TestSupport
import Testing
import Training

/// A small model whose weights, gains and biases included, all differ from their usual initial values.
struct ExampleModel: CustomTestStringConvertible {
  let name: String
  /// The class that it is exported to; nil where it is refused.
  let className: String?
  /// Part of the reason why it is refused.
  let reason: String
  let tokenizer: TokenizerConfiguration
  let configuration: @Sendable (_ vocabulary: Int) throws -> ModelConfiguration

  init(
    _ name: String, _ className: String?, reason: String = "", _ tokenizer: TokenizerConfiguration = .bytes,
    _ configuration: @escaping @Sendable (_ vocabulary: Int) throws -> ModelConfiguration
  ) {
    (self.name, self.className, self.reason) = (name, className, reason)
    (self.tokenizer, self.configuration) = (tokenizer, configuration)
  }

  var testDescription: String { name }

  /// A page with characters of one to four bytes, long runs of letters, signs and spaces, and control characters.
  static let page: String = {
    let readme = (try? String(contentsOfFile: "\(packageFolder)/README.md", encoding: .utf8)) ?? ""
    let runs = ["x", "ü", "雪", "-", " ", "7"].map { String(repeating: $0, count: 150) }
    let rare = "don't I'll 'tis \u{a0}\u{a0} a\u{85}b\u{2003}\u{b} Ⅷ½ ٣٤ e\u{301} 👍🏽 日本、 _\n\n\n  x"
    return readme + runs.joined(separator: " \t ") + rare + " end\r\n\u{7f}\u{0} "
  }()

  func model() throws -> TrainedModel {
    let bytes = Array(Self.page.utf8)
    let tokenizer: any Tokenizer =
      switch self.tokenizer {
      case .bytes, .imported: ByteTokenizer()
      case .characters: try CharacterTokenizer(charactersOf: [bytes])
      case .bytePairs(let vocabulary): BytePairTokenizer(trainedOn: [bytes], vocabulary: vocabulary)
      }
    let transformer = Transformer(try configuration(tokenizer.vocabulary))
    let parameters = transformer.initialParameters(seed: 1)
    var random = SplitMix64(seed: 2, stream: 0)
    for parameter in transformer.layout.parameters {
      for index in parameter.range { parameters[index] += Float(0.1 * random.normal()) }
    }
    return TrainedModel(
      configuration: RunConfiguration(
        corpus: CorpusConfiguration(source: "README.md"), corpusFingerprint: "",
        model: transformer.configuration, training: TrainingConfiguration(tokens: 1), seed: 1),
      transformer: transformer, parameters: parameters, tokenizer: tokenizer)
  }
}

extension TrainedModel {
  /// The logits of a whole window, a list for each position.
  func logits(of tokens: [Int]) -> [[Float]] {
    let (program, inputs) = transformer.logitsProgram()
    let arena = Arena(for: program)
    for (index, token) in tokens.enumerated() { arena.integers(inputs)[index] = Int32(token) }
    program.forward(arena, parameters: parameters)
    let vocabulary = transformer.configuration.vocabulary
    return tokens.indices.map { Array(arena.output[$0 * vocabulary..<($0 + 1) * vocabulary]) }
  }
}

/// A model for each class, and for each way to it that differs.
let exportedModels: [ExampleModel] = [
  ExampleModel("llama, grouped queries", "LlamaForCausalLM") {
    try ModelConfiguration(
      architecture: .llama, width: 24, depth: 2, heads: 3, kvHeads: 1, context: 40, vocabulary: $0,
      parametrisation: .standard)
  },
  ExampleModel("llama, μP, wide heads, tied head", "LlamaForCausalLM", .bytePairs(vocabulary: 500)) {
    try ModelConfiguration(
      architecture: .llama, width: 48, depth: 3, heads: 4, headWidth: 16, kvHeads: 2, context: 40,
      vocabulary: $0, tiedHead: true)
  },
  ExampleModel("llama, windows", "MistralForCausalLM", .characters) {
    try ModelConfiguration(
      architecture: .llama, width: 24, layers: "WW", window: 7, context: 40, vocabulary: $0)
  },
  ExampleModel("llama, windows in some layers", "SmolLM3ForCausalLM") {
    try ModelConfiguration(
      architecture: .llama, width: 24, layers: "AWA", window: 7, context: 40, vocabulary: $0)
  },
  ExampleModel("llama without positions", "SmolLM3ForCausalLM") {
    try ModelConfiguration(architecture: .llama, width: 24, context: 40, vocabulary: $0, positions: .none)
  },
  ExampleModel("gpt2, learned positions", "GPT2LMHeadModel", .bytePairs(vocabulary: 400)) {
    try ModelConfiguration(
      width: 48, depth: 3, heads: 3, context: 40, vocabulary: $0, positions: .learned)
  },
  ExampleModel("gpt2 without positions, untied head", "GPT2LMHeadModel", .characters) {
    try ModelConfiguration(
      width: 24, context: 40, vocabulary: $0, positions: .none, tiedHead: false, parametrisation: .standard)
  },
  ExampleModel("gpt2, rotary positions, grouped queries", "Starcoder2ForCausalLM") {
    try ModelConfiguration(width: 40, headWidth: 12, kvHeads: 2, context: 40, vocabulary: $0)
  },
  ExampleModel("gpt2, rotary positions, windows", "Starcoder2ForCausalLM") {
    try ModelConfiguration(width: 24, layers: "WW", window: 9, context: 40, vocabulary: $0, tiedHead: false)
  },
  ExampleModel("routed, a softmax over the chosen", "MixtralForCausalLM") {
    try ModelConfiguration(
      architecture: .llama, width: 24, kvHeads: 1, context: 40, vocabulary: $0,
      moe: MoE(experts: 4, topK: 2, granularity: 2, gate: .choiceFirst))
  },
  ExampleModel("routed, shared experts, every other block", "Qwen2MoeForCausalLM") {
    try ModelConfiguration(
      architecture: .llama, width: 24, depth: 4, context: 40, vocabulary: $0,
      moe: MoE(experts: 4, topK: 2, granularity: 2, shared: 1, placement: .everyOther))
  },
  ExampleModel("routed, top 1, windows in some layers", "Qwen2MoeForCausalLM") {
    try ModelConfiguration(
      architecture: .llama, width: 24, layers: "WA", window: 5, context: 40, vocabulary: $0,
      moe: MoE(experts: 4))
  },
  ExampleModel("mamba", "MambaForCausalLM", .characters) {
    try ModelConfiguration(
      architecture: .llama, width: 40, layers: "MM", state: 4, expansion: 3, context: 40, vocabulary: $0)
  },
]

/// Models that no class computes.
let refusedModels: [ExampleModel] = [
  ExampleModel("low precision", nil, reason: "low-precision formats") {
    try ModelConfiguration(width: 24, vocabulary: $0, formats: NumberFormats(weights: .int4))
  },
  ExampleModel("squared ReLU", nil, reason: "other activations, or hidden units that become 0") {
    try ModelConfiguration(width: 24, vocabulary: $0, activation: .squaredReLU)
  },
  ExampleModel("linear attention", nil, reason: "linear attention (layers L). Export a model with attention")
  {
    try ModelConfiguration(width: 24, layers: "LA", vocabulary: $0)
  },
  ExampleModel("delta rule", nil, reason: "the delta rule") {
    try ModelConfiguration(architecture: .llama, width: 24, layers: "DD", vocabulary: $0)
  },
  ExampleModel("hybrid", nil, reason: "selective scans beside attention (layers MA)") {
    try ModelConfiguration(architecture: .llama, width: 24, layers: "MA", vocabulary: $0)
  },
  ExampleModel("scans with layer norm", nil, reason: "Train with architecture mamba") {
    try ModelConfiguration(width: 24, layers: "MM", vocabulary: $0)
  },
  ExampleModel("llama, learned positions", nil, reason: "RMS norm and learned positions") {
    try ModelConfiguration(architecture: .llama, width: 24, vocabulary: $0, positions: .learned)
  },
  ExampleModel("gpt2, learned positions, grouped queries", nil, reason: "has no grouped queries (kv_heads)") {
    try ModelConfiguration(width: 24, kvHeads: 1, vocabulary: $0, positions: .learned)
  },
  ExampleModel("gpt2, learned positions, wide heads", nil, reason: "wider or narrower than the model") {
    try ModelConfiguration(width: 28, vocabulary: $0, positions: .learned)
  },
  ExampleModel("gpt2, learned positions, windows", nil, reason: "has no windows") {
    try ModelConfiguration(width: 24, layers: "AW", vocabulary: $0, positions: .learned)
  },
  ExampleModel("gpt2, windows in some layers", nil, reason: "windows in some layers") {
    try ModelConfiguration(width: 24, layers: "AW", vocabulary: $0)
  },
  ExampleModel("gpt2, routed", nil, reason: "experts with GELU and biases. Train experts with") {
    try ModelConfiguration(width: 24, vocabulary: $0, moe: MoE(experts: 4))
  },
  ExampleModel("routed, balanced by biases", nil, reason: "by a bias on the logits") {
    try ModelConfiguration(
      architecture: .llama, width: 24, vocabulary: $0, moe: MoE(experts: 4, balance: .bias))
  },
  ExampleModel("routed, limited capacity", nil, reason: "limits the load of an expert") {
    try ModelConfiguration(
      architecture: .llama, width: 24, vocabulary: $0, moe: MoE(experts: 4, capacityFactor: 1))
  },
  ExampleModel("routed without positions", nil, reason: "experts and no positions") {
    try ModelConfiguration(
      architecture: .llama, width: 24, vocabulary: $0, positions: .none, moe: MoE(experts: 4))
  },
]
