import Foundation
import Testing

/// Tests of `isoflop evaluate` and `isoflop import`.
@Suite struct EvaluateTests {
  private let folder: ScratchFolder
  private let run: String

  init() throws {
    folder = try ScratchFolder()
    try folder.write(smallText(words: 10_000), to: "text.txt")
    let command = try Command(
      "train", "--corpus", "text.txt", "--architecture", "llama", "--width", "8", "--depth", "1", "--context",
      "32", "--tokens", "60k", "--validation-tokens", "5000", "-o", "runs", in: folder.path)
    #expect(command.status == 0, "\(command.errors)")
    let files = try FileManager.default.subpathsOfDirectory(atPath: "\(folder.path)/runs")
    let checkpoint = try #require(files.first { $0.hasSuffix("/checkpoint.safetensors") })
    run = "runs/" + checkpoint.dropLast("/checkpoint.safetensors".count)
  }

  private struct Output: Decodable {
    let corpus: String
    let loss: Double
    let loss_standard_error: Double
    let loss_bits_per_byte: Double
    let entropy: Double?
    let tokens: Int
    let bytes_per_token: Double
  }

  private func evaluate(_ arguments: String...) throws -> Output {
    let command = try Command(all: ["evaluate"] + arguments + ["--json"], in: folder.path)
    #expect(command.status == 0, "\(command.errors)")
    return try JSONDecoder().decode(Output.self, from: Data(command.output.utf8))
  }

  @Test("On its own corpus a model has the loss that its training measured")
  func own() throws {
    struct Record: Decodable {
      struct Inner: Decodable {
        struct Result: Decodable {
          let loss: Double
          let lossStandardError: Double
        }
        let result: Result
      }
      let record: Inner
    }
    let file = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/\(run)/result.json"))
    let result = try JSONDecoder().decode(Record.self, from: file).record.result
    let output = try evaluate(run)
    #expect(output.loss == result.loss && output.loss_standard_error == result.lossStandardError)
    #expect(output.tokens == 5024 && output.bytes_per_token == 1 && output.entropy == nil)
    #expect(try evaluate(run, "--threads", "2", "--corpus", "text.txt").loss == result.loss)
    #expect(try evaluate(run, "--validation-tokens", "64").tokens == 64)
    let text = try Command("evaluate", run, in: folder.path)
    #expect(text.output.contains(" nats per token\n") && text.output.contains(" bits per byte\n"))
    #expect(text.output.contains("tokens        5024, of 1 bytes"), "\(text.output)")
  }

  @Test("With lower precision the loss grows, and a run is evaluated as it was")
  func formats() throws {
    let losses = try ["float32", "int8", "int4", "int2"].map { try evaluate(run, "--weights", $0).loss }
    #expect(losses[0] == (try evaluate(run).loss))
    #expect(abs(losses[1] - losses[0]) < 0.01 && losses[2] > losses[1] && losses[3] > losses[2])
    #expect(try evaluate(run, "--weights", "int4", "--activations", "fp8_e4m3").loss != losses[2])
    #expect(try evaluate(run, "--cache", "int3").loss != losses[0])
    let pruned = try ["0.1", "0.5", "0.9"].map { try evaluate(run, "--prune", $0).loss }
    #expect(pruned[0] != losses[0] && pruned[2] > pruned[1] && pruned[2] > losses[0])
    let both = try evaluate(run, "--prune", "2:4", "--weights", "int8").loss
    #expect(both != losses[1])
    // The checkpoint of a run with such weights gives the loss of its record.
    let command = try Command(
      "train", "--corpus", "text.txt", "--architecture", "llama", "--width", "8", "--depth", "1", "--context",
      "32", "--tokens", "60k", "--validation-tokens", "5000", "--quantised", "int8", "--pruned", "2:4", "-o",
      "rounded", in: folder.path)
    #expect(command.status == 0, "\(command.errors)")
    let own = try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/rounded")
    let name = try #require(own.first { $0.count == 16 })
    #expect(try evaluate("rounded/\(name)").loss == both)
    let wrong = try Command("evaluate", run, "--weights", "int9", in: folder.path)
    #expect(wrong.status == 2 && wrong.errors.contains("int8"), "\(wrong.errors)")
  }

  @Test("An imported model has the same loss, on any corpus")
  func imported() throws {
    #expect(try Command("export", run, "model", in: folder.path).status == 0)
    let json = try Command("import", "model", "-o", "imported", "--json", in: folder.path)
    let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
    let imported = try #require(object?["folder"] as? String, "\(json.errors)")
    #expect(imported.hasPrefix("imported/") && object?["context"] as? Int == 32)
    let options = ["--corpus", "text.txt", "--validation-tokens", "5000"]
    let expected = try evaluate(run, options[0], options[1], options[2], options[3])
    let found = try evaluate(imported, options[0], options[1], options[2], options[3])
    #expect(abs(found.loss - expected.loss) < 1e-6 && found.tokens == expected.tokens)

    // A text of known entropy, and a short one, which is read whole.
    let village = try evaluate(imported, "--corpus", "village", "--validation-tokens", "2k")
    #expect(try village.entropy ?? 0 > 0.2 && village.loss > #require(village.entropy))
    try folder.write(String(repeating: "naïve. ", count: 30), to: "short.txt")
    let short = try evaluate(imported, "--corpus", "short.txt")
    #expect(short.tokens == 224 && short.corpus == "short.txt")
    #expect(abs(short.loss_bits_per_byte - short.loss / log(2)) < 1e-9)

    let sample = try Command("sample", imported, "--prompt", "the ", "--tokens", "9", in: folder.path)
    #expect(sample.status == 0 && sample.output.hasPrefix("the "), "\(sample.errors)")
    try folder.write("few", to: "few.txt")
    for (arguments, message) in [
      (
        ["evaluate", imported],
        "was trained by another program, on a text that is not known here. Name a corpus"
      ),
      (
        ["evaluate", imported, "--corpus", "few.txt"],
        "few.txt: the text has 3 tokens, and 33 are needed. Give"
      ),
      (["evaluate", imported, "--corpus", "none.txt"], "there is no corpus `none.txt`"),
      (["evaluate", "runs"], "runs: has no checkpoint.safetensors. Train the run with"),
      (["evaluate", run, "--threads", "0"], "--threads must be from 1 to 1024."),
      (["import", "none"], "none: no such folder. Check the path."),
      (["import", run], "`model_type` is missing, and Isoflop computes llama, mistral and gpt2"),
      (["import", "model", "--context", "0"], "Write a whole number from 1 on"),
    ] {
      let command = try Command(all: arguments, in: folder.path)
      #expect(command.status == 2 && command.errors.contains(message), "\(arguments): \(command.errors)")
      #expect(command.errors.split(separator: "\n").count == 1, "\(command.errors)")
    }
  }
}
