import Corpora
import Exports
import Files
import Foundation
import TestSupport
import Testing
import Training

@Suite struct ImportTests {
  /// The greatest difference of a logit of the first window.
  private func difference(_ model: TrainedModel, _ tokens: [Int], _ expected: [[Float]]) -> Float {
    zip(model.logits(of: Array(tokens.prefix(expected.count))), expected).reduce(0) { most, rows in
      zip(rows.0, rows.1).reduce(most) { max($0, abs($1.0 - $1.1)) }
    }
  }

  @Test(
    "An exported model is imported with the same logits, tokens and tokenizer, also from its checkpoint",
    arguments: exportedModels.filter {
      ["LlamaForCausalLM", "MistralForCausalLM", "GPT2LMHeadModel"].contains($0.className)
    })
  func roundTrip(_ example: ExampleModel) throws {
    let folder = try TemporaryFolder()
    let model = try example.model()
    try TransformersModel(model).write(to: "\(folder.path)/model")
    let imported = try PretrainedModel(folder: "\(folder.path)/model").model
    let path = "\(folder.path)/checkpoint.safetensors"
    try imported.write(to: path)
    let tokens = try model.tokenizer.encode(ExampleModel.page)
    let context = model.configuration.model.context
    let window = tokens.prefix(context).map(Int.init)
    let logits = model.logits(of: window)
    for read in [imported, try TrainedModel(checkpoint: path)] {
      #expect(difference(read, window, logits) < 1e-5)
      #expect(try read.tokenizer.encode(ExampleModel.page) == tokens)
      #expect(type(of: read.tokenizer) == type(of: model.tokenizer))
      #expect(read.configuration.model.layers == model.configuration.model.layers)
    }
  }

  @Test(
    "Models that the library transformers makes are imported with the same logits and tokens",
    .enabled(if: hasTransformers, "transformers is not installed: scripts/check-transformers --install"))
  func library() throws {
    struct Reference: Decodable {
      let tokens: [Int]
      let logits: [[Float]]
    }
    let folder = try TemporaryFolder()
    let page = try folder.write(ExampleModel.page, to: "page.txt")
    try checkTransformers("--make", "\(folder.path)/models", page)
    let names = try FileAccess.names(in: "\(folder.path)/models")
    #expect(names.count == 5)
    for name in names {
      let path = "\(folder.path)/models/\(name)"
      let reference = try JSONDecoder().decode(
        Reference.self, from: FileAccess.read("\(path)/reference.json"))
      let imported = try PretrainedModel(folder: "\(path)/model").model
      let file = "\(path)/checkpoint.safetensors"
      try imported.write(to: file)
      let model = try TrainedModel(checkpoint: file)
      #expect(difference(model, reference.tokens, reference.logits) < 1e-4, "\(name)")
      #expect(reference.logits[0].contains { abs($0) > 0.1 })
      let tokens = try model.tokenizer.encode(ExampleModel.page)
      let place = zip(tokens, reference.tokens).enumerated().first { Int($1.0) != $1.1 }
      #expect(
        tokens.count == reference.tokens.count && place == nil,
        "\(name): the first other token is \(String(describing: place))")
      #expect(model.tokenizer.decode(tokens) == ExampleModel.page, "\(name)")
      // A part of the positions.
      let short = try PretrainedModel(folder: "\(path)/model", context: 16).model
      #expect(difference(short, reference.tokens, Array(reference.logits.prefix(16))) < 1e-4, "\(name)")
    }
  }

  @Test(
    "What cannot be imported is refused by its key",
    arguments: [
      ("config.json", #""model_type" : "llama""#, #""model_type" : "bert""#, #"`model_type` is "bert""#),
      (
        "config.json", #""rope_type" : "default""#, #""rope_type" : "yarn""#,
        "Isoflop rotates positions without scaling only"
      ),
      ("config.json", #""attention_bias" : false"#, #""attention_bias" : true"#, "`attention_bias` is true"),
      ("config.json", #""hidden_act" : "silu""#, #""hidden_act" : "gelu""#, #"`hidden_act` is "gelu""#),
      ("config.json", #""hidden_size" : 24"#, #""hidden_siz" : 24"#, "`hidden_size` is missing"),
      ("config.json", #""hidden_size" : 24"#, #""hidden_size" : 2.5"#, "`hidden_size` is 2.5"),
      ("config.json", #""hidden_size" : 24"#, #""hidden_size" : 48"#, "has the shape [256, 24]"),
      (
        "config.json", #""num_hidden_layers" : 2"#, #""num_hidden_layers" : 60000"#,
        "the weights are fewer than config.json asks for"
      ),
      (
        "config.json", #""num_hidden_layers" : 2"#, #""num_hidden_layers" : 1"#,
        "has the weight `model.layers.1"
      ),
      ("config.json", #""head_dim" : 8"#, #""head_dim" : 6"#, "a head's width must be a multiple of 4"),
      ("config.json", #""vocab_size" : 256"#, #""vocab_size" : 70000"#, "at most 65536"),
      ("config.json", "{", "", "config.json: is not JSON, or is damaged"),
      ("tokenizer.json", #""type":"BPE""#, #""type":"Unigram""#, "`model.type` is set"),
      ("tokenizer.json", #""normalizer":null"#, #""normalizer":{"type":"NFKC"}"#, "`normalizer` is set"),
      ("tokenizer.json", #""add_prefix_space":false"#, #""add_prefix_space":true"#, "the step ByteLevel"),
      ("tokenizer.json", #""A":65"#, #""A":300"#, "has the number 300, and the model has 256 tokens"),
      ("tokenizer.json", #""A":65"#, #""AB":65"#, "with a token for each byte"),
      ("model.safetensors", #""dtype":"F32""#, #""dtype":"F64""#, "is of type F64"),
      ("model.safetensors", "model.norm.weight", "model.morn.weight", "has no weight `model.norm.weight`"),
      ("model.safetensors", "__metadata__", "__m\u{1}tadata__", "is not a safetensors file, or is damaged"),
    ])
  func refusals(_ file: String, _ part: String, _ other: String, _ message: String) throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/model"
    try TransformersModel(exportedModels[0].model()).write(to: path)
    var data = try FileAccess.read("\(path)/\(file)")
    let range = try #require(data.firstRange(of: Data(part.utf8)), "no \(part)")
    data.replaceSubrange(range, with: Data(other.utf8))
    try FileAccess.write(data, to: "\(path)/\(file)")
    let error = #expect(throws: InputError.self) { try PretrainedModel(folder: path) }
    let text = error?.description ?? ""
    #expect(text.contains(message) && error?.remedy != nil, "\(text)")
  }

  @Test("A missing file is named, with the way to get it, and too long a window is refused")
  func missing() throws {
    for (file, message) in [
      ("config.json", "has no config.json"), ("tokenizer.json", "has no tokenizer.json"),
      ("model.safetensors", "has neither model.safetensors nor model.safetensors.index.json"),
    ] {
      let folder = try TemporaryFolder()
      try TransformersModel(exportedModels[0].model()).write(to: "\(folder.path)/model")
      try FileAccess.remove("\(folder.path)/model/\(file)")
      let error = #expect(throws: InputError.self) { try PretrainedModel(folder: "\(folder.path)/model") }
      #expect(error?.message == message && error?.remedy != nil)
    }
    let folder = try TemporaryFolder()
    let learned = try #require(exportedModels.first { $0.className == "GPT2LMHeadModel" })
    try TransformersModel(learned.model()).write(to: "\(folder.path)/model")
    let long = #expect(throws: InputError.self) {
      try PretrainedModel(folder: "\(folder.path)/model", context: 41)
    }
    #expect(long?.remedy == "Give a context of at most 40")
    let error = #expect(throws: InputError.self) { try PretrainedModel(folder: "/none") }
    #expect(error?.description == "/none: no such folder. Check the path.")
  }
}
