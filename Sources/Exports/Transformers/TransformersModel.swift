import Files
import Foundation
import Models
import Training

/// A trained model as a model of the Python library transformers: its class, its configuration and its weights, which
/// give the same logits. Factors of μP are folded into weights.
///
/// | model | class |
/// |---|---|
/// | llama | Llama; Mistral if all layers have a window; SmolLM3 if some have, or without positions |
/// | llama, routed | Mixtral, or Qwen2-MoE for probabilities of all experts, shared experts, or dense blocks between |
/// | llama, all layers selective scans | Mamba |
/// | gpt2, learned positions or none | GPT-2 |
/// | gpt2, rotary positions | Starcoder2 |
///
/// GPT-NeoX also rotates positions, but has neither grouped queries, nor heads that are together wider than the model,
/// nor windows. Starcoder2 has all of them.
public struct TransformersModel {
  /// A weight under its name in the library.
  struct NamedTensor {
    let name: String
    let shape: [Int]
    let values: [Float]
  }

  /// The class, such as `LlamaForCausalLM`.
  public let className: String
  /// What a user of the files should know.
  public let notes: [String]
  let configuration: [String: JSONValue]
  let tensors: [NamedTensor]
  private let tokenizer: TokenizerJSON
  private let context: Int

  /// The names of the files, in the order in which they are written.
  public static let files = ["tokenizer.json", "tokenizer_config.json", "model.safetensors", "config.json"]

  /// Converts a model.
  ///
  /// - Throws: `InputError` with the reason if no class computes the same.
  public init(_ model: TrainedModel) throws {
    let c = model.configuration.model
    tokenizer = try TokenizerJSON(model.tokenizer)
    context = c.context
    let weights = NamedWeights(model.transformer, model.parameters)
    let letters = Set(c.layers ?? "A")
    let converted: Conversion
    switch c.architecture {
    case _ where c.formats != nil: throw Self.refusal("low-precision formats (weight_format and its like)")
    case _ where c.hasSparseHidden: throw Self.refusal("other activations, or hidden units that become 0")
    case _ where letters.contains("L"):
      throw Self.refusal("linear attention (layers L)")
    case _ where letters.contains("D"):
      throw Self.refusal(
        "the delta rule in this form (layers D): Qwen3-Next has it only together with other layers")
    case _ where letters == ["M"]:
      converted = try MambaConversion(c, weights).conversion
    case _ where letters.contains("M"):
      throw Self.refusal(
        "selective scans beside attention (layers \(c.layers ?? "")): those of Jamba normalise step, B and C")
    case .llama:
      converted = try LlamaConversion(c, weights).conversion
    case .gpt2:
      converted = try GPT2Conversion(c, weights).conversion
    }
    className = converted.className
    tensors = converted.tensors
    notes = converted.notes
    configuration = Self.common(c, converted).merging(converted.configuration) { $1 }
  }

  /// The error for a model that no class computes.
  static func refusal(_ what: String) -> InputError {
    InputError(
      "no class of transformers has \(what)",
      remedy:
        "Export a model with attention (layers A or W), or with selective scans alone (architecture mamba)")
  }

  /// The settings that all classes have. There are no special tokens: without `null`, classes have defaults, at which
  /// generation would stop.
  private static func common(_ c: ModelConfiguration, _ converted: Conversion) -> [String: JSONValue] {
    [
      "architectures": [.text(converted.className)], "model_type": .text(converted.modelType),
      "vocab_size": .integer(c.vocabulary), "tie_word_embeddings": .boolean(c.tiedHead),
      "torch_dtype": "float32", "bos_token_id": .null, "eos_token_id": .null, "pad_token_id": .null,
    ]
  }

  /// Writes the files into a folder, `config.json` last.
  ///
  /// - Throws: `InputError` if the folder exists and is not empty, or cannot be written.
  public func write(to folder: String) throws {
    try FileAccess.makeNewFolder(folder)
    var weights = SafetensorsWriter(metadata: [("format", "pt")])
    for tensor in tensors {
      weights.add(tensor.name, shape: tensor.shape, tensor.values.withUnsafeBytes { Data($0) })
    }
    try FileAccess.write(Data(tokenizer.text.utf8), to: "\(folder)/tokenizer.json")
    try FileAccess.write(
      plainJSON(
        JSONValue.object([
          "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": .integer(context),
          "clean_up_tokenization_spaces": false,
        ])), to: "\(folder)/tokenizer_config.json")
    try weights.write(to: "\(folder)/model.safetensors")
    try FileAccess.write(plainJSON(JSONValue.object(configuration)), to: "\(folder)/config.json")
  }

  /// The number of weights in the files.
  public var weightCount: Int { tensors.reduce(0) { $0 + $1.values.count } }
}

/// What the conversion to a class adds to the settings that all classes have.
struct Conversion {
  let className: String
  let modelType: String
  private(set) var configuration: [String: JSONValue]
  private(set) var tensors: [TransformersModel.NamedTensor] = []
  var notes: [String] = []

  init(_ className: String, modelType: String, _ configuration: [String: JSONValue]) {
    (self.className, self.modelType, self.configuration) = (className, modelType, configuration)
  }

  /// Adds a matrix.
  mutating func add(_ name: String, _ matrix: Matrix) {
    add(name, matrix, shape: [matrix.rows, matrix.columns])
  }

  /// Adds a vector.
  mutating func add(vector name: String, _ vector: Matrix) {
    add(name, vector, shape: [vector.values.count])
  }

  /// Adds a tensor of another shape.
  mutating func add(_ name: String, _ values: Matrix, shape: [Int]) {
    tensors.append(.init(name: name, shape: shape, values: values.values))
  }
}
