import Autograd
import Corpora
import Files
import Foundation
import Models
import Training

/// A model in the files of the library transformers, as one of Isoflop with the same logits: Llama, Mistral or GPT-2.
public struct PretrainedModel {
  /// The model. Its configuration names the folder as its corpus, and no training.
  public let model: TrainedModel

  /// The longest window of a model whose files allow longer ones, unless another is asked for.
  public static let usualContext = 1024

  /// Reads a folder with `config.json`, `tokenizer.json`, and `model.safetensors` or the files of its index.
  ///
  /// - Parameter context: The tokens of a window; nil for as many as the model has positions, at most `usualContext`.
  /// - Throws: `InputError` if a file is missing or damaged, or the model is none that Isoflop computes.
  public init(folder: String, context: Int? = nil) throws {
    let settings = try PretrainedConfiguration(folder: folder)
    let layout = try Self.layout(settings, context: context)
    let configuration = layout.configuration
    let tokenizer = try PretrainedTokenizer(folder: folder, vocabulary: configuration.vocabulary).tokenizer
    let weights = try PretrainedWeights(folder: folder)
    // Damaged settings must not ask for more memory than the files account for: a block has at least six weights.
    guard configuration.depth <= weights.names.count / 6, case let transformer = Transformer(configuration),
      transformer.layout.count <= weights.byteCount / 2
    else {
      throw InputError(
        "the weights are fewer than config.json asks for", file: folder, remedy: "Download them again")
    }
    let parameters = FloatBuffer(count: transformer.layout.bufferCount)
    var unused = weights.names.filter { name in !layout.constants.contains { name.hasSuffix($0) } }
    if configuration.tiedHead { unused.remove("lm_head.weight") }
    for parameter in transformer.layout.parameters {
      let matrix = try layout.weight(parameter.name) { name, shape in
        let stored = weights.storedName(of: name)
        unused.remove(stored)
        return try weights.matrix(stored, shape)
      }
      precondition(matrix.values.count == parameter.count, "\(parameter.name): \(matrix.values.count) values")
      for (index, value) in zip(parameter.range, matrix.values) { parameters[index] = value }
    }
    if let name = unused.min() {
      throw InputError(
        "has the weight `\(name)`, which a model of this `model_type` does not have", file: folder,
        remedy: "`isoflop import` reads Llama, Mistral and GPT-2 in their usual forms")
    }
    model = TrainedModel(
      configuration: RunConfiguration(
        corpus: CorpusConfiguration(source: folder),
        corpusFingerprint: checksum(parameters.data(0..<parameters.count)),
        model: configuration, training: TrainingConfiguration(tokens: 0), seed: 0),
      transformer: transformer, parameters: parameters, tokenizer: tokenizer)
  }
}

extension PretrainedModel {
  /// The layout of the class that the settings name.
  ///
  /// - Throws: `InputError` if Isoflop does not compute it.
  fileprivate static func layout(_ settings: PretrainedConfiguration, context: Int?) throws
    -> any PretrainedLayout
  {
    switch settings.text("model_type") {
    case "llama", "mistral": try LlamaLayout(settings, context: context)
    case "gpt2": try GPT2Layout(settings, context: context)
    default: throw settings.refusal("model_type", "Isoflop computes llama, mistral and gpt2")
    }
  }

  /// The model that the settings describe.
  ///
  /// - Throws: `InputError` if Isoflop does not compute it.
  package static func configuration(_ settings: PretrainedConfiguration) throws -> ModelConfiguration {
    try layout(settings, context: nil).configuration
  }
}

/// Where the weights of Isoflop's layers lie in the files of a class.
protocol PretrainedLayout {
  var configuration: ModelConfiguration { get }
  /// The ends of names of arrays that are no weights, such as masks.
  var constants: [String] { get }
  /// A weight under its name in Isoflop.
  ///
  /// - Parameter read: Reads a weight of the file by its name and shape.
  func weight(_ name: String, read: (_ name: String, _ shape: [Int]) throws -> Matrix) throws -> Matrix
}

/// The parts of a weight's name: the number of its block, and what follows.
private func place(_ name: String) -> (block: Int, part: String)? {
  let words = name.split(separator: ".", maxSplits: 2)
  guard words.count == 3, words[0] == "blocks", let block = Int(words[1]) else { return nil }
  return (block, String(words[2]))
}

/// Checks the settings that the error for a model names by the keys of experiment files.
private func checked(_ make: () throws -> ModelConfiguration) throws -> ModelConfiguration {
  do { return try make() } catch let fault as SettingFault {
    throw InputError(fault.message, remedy: "Isoflop cannot compute a model of this shape. \(fault.remedy)")
  }
}

/// Llama and Mistral.
struct LlamaLayout: PretrainedLayout {
  let configuration: ModelConfiguration
  let constants = ["rotary_emb.inv_freq"]

  init(_ settings: PretrainedConfiguration, context: Int?) throws {
    try settings.require(["attention_bias": false, "mlp_bias": false])
    guard settings.text("hidden_act") ?? "silu" == "silu" else {
      throw settings.refusal("hidden_act", "Isoflop computes only silu")
    }
    let heads = try settings.integer("num_attention_heads")
    let width = try settings.integer("hidden_size")
    let positions = try settings.integer("max_position_embeddings", default: 2048)
    let isMistral = settings.text("model_type") == "mistral"
    let window = isMistral ? try settings.integer("sliding_window", default: positions) : positions
    let context = context ?? min(positions, PretrainedModel.usualContext)
    let depth = try settings.integer("num_hidden_layers")
    configuration = try checked {
      var c = try ModelConfiguration(
        architecture: .llama, width: width, depth: depth, heads: heads,
        headWidth: settings.integer("head_dim", default: width / heads),
        kvHeads: settings.integer("num_key_value_heads", default: heads),
        layers: window < context ? String(repeating: "W", count: depth) : nil, window: window,
        context: context, vocabulary: settings.integer("vocab_size"), positions: .rotary,
        tiedHead: settings.boolean("tie_word_embeddings", default: false), parametrisation: .standard)
      c.rotaryBase = try settings.rotaryBase(default: 10_000)
      c.normEpsilon = try settings.number("rms_norm_eps", default: 1e-6)
      c.feedForward = try settings.integer("intermediate_size")
      try c.check()
      return c
    }
  }

  func weight(_ name: String, read: (_ name: String, _ shape: [Int]) throws -> Matrix) throws -> Matrix {
    let c = configuration
    let embedding = [c.vocabulary, c.width]
    guard let (block, part) = place(name) else {
      switch name {
      case "embedding.weight": return try read("model.embed_tokens.weight", embedding)
      case "head.weight": return try read("lm_head.weight", embedding)
      default: return try read("model.norm.weight", [c.width])
      }
    }
    let prefix = "model.layers.\(block)"
    func rows(_ map: String, _ outputs: Int, inputs: Int) throws -> Matrix {
      try read("\(prefix).\(map).weight", [outputs, inputs])
    }
    switch part.split(separator: ".", maxSplits: 1).last {
    case "norm.gain":
      let norm = part.hasPrefix("feedForward") ? "post_attention_layernorm" : "input_layernorm"
      return try read("\(prefix).\(norm).weight", [c.width])
    case "qkv.weight":
      return try Matrix.stacking([
        rows("self_attn.q_proj", c.attentionWidth, inputs: c.width),
        rows("self_attn.k_proj", c.keyValueWidth, inputs: c.width),
        rows("self_attn.v_proj", c.keyValueWidth, inputs: c.width),
      ]).transposed
    case "out.weight": return try rows("self_attn.o_proj", c.width, inputs: c.attentionWidth).transposed
    case "up.weight":
      return try Matrix.stacking([
        rows("mlp.gate_proj", c.feedForwardWidth, inputs: c.width),
        rows("mlp.up_proj", c.feedForwardWidth, inputs: c.width),
      ]).transposed
    default: return try rows("mlp.down_proj", c.width, inputs: c.feedForwardWidth).transposed
    }
  }
}

/// GPT-2, whose maps are (inputs, outputs), as those of Isoflop are.
struct GPT2Layout: PretrainedLayout {
  let configuration: ModelConfiguration
  /// Masks in files of earlier versions.
  let constants = [".attn.bias", ".attn.masked_bias"]
  private let positions: Int

  init(_ settings: PretrainedConfiguration, context: Int?) throws {
    try settings.require([
      "scale_attn_weights": true, "scale_attn_by_inverse_layer_idx": false, "add_cross_attention": false,
    ])
    let activation = settings.text("activation_function") ?? "gelu_new"
    guard ["gelu_new", "gelu_pytorch_tanh"].contains(activation) else {
      throw settings.refusal("activation_function", "Isoflop computes only gelu_new")
    }
    let width = try settings.integer("n_embd", default: 768)
    let positions = try settings.integer("n_positions", default: 1024)
    self.positions = positions
    if let context, context > positions {
      throw InputError(
        "a window of \(context) tokens is longer than the \(positions) positions that the model has learned",
        remedy: "Give a context of at most \(positions)")
    }
    configuration = try checked {
      var c = try ModelConfiguration(
        architecture: .gpt2, width: width, depth: settings.integer("n_layer", default: 12),
        heads: settings.integer("n_head", default: 12),
        context: context ?? min(positions, PretrainedModel.usualContext),
        vocabulary: settings.integer("vocab_size", default: 50_257), positions: .learned,
        tiedHead: settings.boolean("tie_word_embeddings", default: true), parametrisation: .standard)
      c.normEpsilon = try settings.number("layer_norm_epsilon", default: 1e-5)
      c.feedForward = try settings.integer("n_inner", default: 4 * width)
      try c.check()
      return c
    }
  }

  func weight(_ name: String, read: (_ name: String, _ shape: [Int]) throws -> Matrix) throws -> Matrix {
    let c = configuration
    func stored(_ name: String, _ shape: [Int]) throws -> Matrix { try read("transformer.\(name)", shape) }
    guard let (block, part) = place(name) else {
      switch name {
      case "embedding.weight": return try stored("wte.weight", [c.vocabulary, c.width])
      case "positions.weight": return try stored("wpe.weight", [positions, c.width])[rows: 0..<c.context]
      case "head.weight": return try read("lm_head.weight", [c.vocabulary, c.width])
      default: return try stored(name == "norm.gain" ? "ln_f.weight" : "ln_f.bias", [c.width])
      }
    }
    let words = part.split(separator: ".").map(String.init)
    let (layer, map, kind) = (words[0], words[1], words[2])
    let isAttention = layer == "attention"
    let (theirs, inputs, outputs) =
      switch map {
      case "norm": (isAttention ? "ln_1" : "ln_2", 0, c.width)
      case "qkv": ("attn.c_attn", c.width, 3 * c.width)
      case "out": ("attn.c_proj", c.width, c.width)
      case "up": ("mlp.c_fc", c.width, c.feedForwardWidth)
      default: ("mlp.c_proj", c.feedForwardWidth, c.width)
      }
    if kind == "weight" { return try stored("h.\(block).\(theirs).weight", [inputs, outputs]) }
    return try stored("h.\(block).\(theirs).\(kind == "gain" ? "weight" : "bias")", [outputs])
  }
}
