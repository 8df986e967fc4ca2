import Corpora
import Exports
import Files
import Foundation
import TestSupport
import Testing
import Training

@Suite struct TransformersTests {
  /// What `scripts/check-transformers` prints for a folder, and what it reads there.
  private struct Check: Decodable {
    let `class`: String
    let missing: [String]
    let unexpected: [String]
    let difference: Double
    let largest: Double
    let tokens: Bool
    let text: Bool
  }
  private struct Reference: Encodable {
    let text: String
    let tokens: [Int]
    let logits: [[Float]]
  }

  @Test(
    "The library transformers loads every class, with the same tokens and logits",
    .enabled(if: hasTransformers, "transformers is not installed: scripts/check-transformers --install"))
  func library() throws {
    let folder = try TemporaryFolder()
    for (index, example) in exportedModels.enumerated() {
      let model = try example.model()
      try TransformersModel(model).write(to: "\(folder.path)/\(index)/model")
      let tokens = try model.tokenizer.encode(ExampleModel.page).map(Int.init)
      let window = Array(tokens.prefix(model.configuration.model.context))
      let reference = Reference(text: ExampleModel.page, tokens: tokens, logits: model.logits(of: window))
      try FileAccess.write(
        JSONEncoder().encode(reference), to: "\(folder.path)/\(index)/reference.json")
    }
    let lines = try checkTransformers(exportedModels.indices.map { "\(folder.path)/\($0)" })
    try #require(lines.count == exportedModels.count)
    for (example, line) in zip(exportedModels, lines) {
      let check = try JSONDecoder().decode(Check.self, from: Data(line.utf8))
      #expect(check.class == example.className, "\(example.name)")
      #expect(check.missing.isEmpty && check.unexpected.isEmpty, "\(example.name): \(line)")
      #expect(check.difference < 1e-4 && check.largest > 0.5, "\(example.name): \(line)")
      #expect(check.tokens && check.text, "\(example.name): \(line)")
    }
  }

  @Test("All files are written, and each is complete", arguments: exportedModels)
  func files(_ example: ExampleModel) throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/new/model"
    let model = try TransformersModel(example.model())
    #expect(model.className == example.className)
    try model.write(to: path)
    #expect(try FileAccess.names(in: path) == TransformersModel.files.sorted())
    func object(_ name: String) throws -> [String: Any] {
      let json = try JSONSerialization.jsonObject(with: FileAccess.read("\(path)/\(name)"))
      return try #require(json as? [String: Any])
    }
    let configuration = try object("config.json")
    #expect(configuration["architectures"] as? [String] == [try #require(example.className)])
    #expect(configuration["eos_token_id"] is NSNull)
    let tokenizer = try #require(try object("tokenizer.json")["model"] as? [String: Any])
    #expect((tokenizer["vocab"] as? [String: Int])?.count == configuration["vocab_size"] as? Int)
    #expect(try object("tokenizer_config.json")["model_max_length"] as? Int == 40)
    let weights = try Safetensors(contentsOf: "\(path)/model.safetensors")
    #expect(weights.metadata("format") == "pt")
    var (arrays, names, count) = (weights.arrays(), Set<String>(), 0)
    while let array = arrays.next() {
      #expect(names.insert(array.name).inserted, "\(array.name) twice")
      count += array.data.count / 4
    }
    #expect(count == model.weightCount)

    let again = #expect(throws: InputError.self) { try model.write(to: path) }
    #expect(again?.description.contains("the folder is not empty. Name a new folder") == true)
  }

  @Test("A model that no class computes is refused with the reason", arguments: refusedModels)
  func refusals(_ example: ExampleModel) throws {
    let model = try example.model()
    let error = #expect(throws: InputError.self) { try TransformersModel(model) }
    #expect(error?.description.contains(example.reason) == true, "\(error?.description ?? "")")
  }
}
