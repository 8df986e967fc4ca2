import Foundation
import Testing

/// Tests of `isoflop export`.
@Suite struct ExportCommandTests {
  private let folder: ScratchFolder
  private let run: String

  init() throws {
    folder = try ScratchFolder()
    try folder.write(smallText(words: 10_000), to: "text.txt")
    let command = try Command(
      "train", "--corpus", "text.txt", "--width", "8", "--depth", "1", "--context", "32", "--tokens", "60k",
      "--validation-tokens", "2048", "-o", "runs", in: folder.path)
    #expect(command.status == 0, "\(command.errors)")
    let files = try FileManager.default.subpathsOfDirectory(atPath: "\(folder.path)/runs")
    let checkpoint = try #require(files.first { $0.hasSuffix("/checkpoint.safetensors") })
    run = "runs/" + checkpoint.dropLast("/checkpoint.safetensors".count)
  }

  @Test("A run's folder or its checkpoint is exported")
  func export() throws {
    let text = try Command("export", run, "--to", "transformers", "a/b", in: folder.path)
    #expect(text.status == 0 && text.errors.isEmpty, "\(text.errors)")
    #expect(
      text.output.contains("class    Starcoder2ForCausalLM\n") && text.output.contains("folder   a/b\n"))

    let file = "\(run)/checkpoint.safetensors"
    let json = try Command("export", file, "--to", "transformers", "c", "--json", in: folder.path)
    let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
    #expect(object?["class_name"] as? String == "Starcoder2ForCausalLM" && object?["weights"] is Int)
    let files = try #require(object?["files"] as? [String])
    #expect(files.count == 4 && files.contains("c/config.json"))
    for file in files {
      let other = "a/b/" + file.dropFirst(2)
      #expect(
        FileManager.default.contentsEqual(
          atPath: "\(folder.path)/\(file)", andPath: "\(folder.path)/\(other)"))
    }
  }

  @Test("Mistakes give one line with a remedy, and write nothing")
  func mistakes() throws {
    try FileManager.default.createDirectory(atPath: "\(folder.path)/full", withIntermediateDirectories: true)
    try folder.write("x", to: "full/file")
    var bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/\(run)/checkpoint.safetensors"))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(fileURLWithPath: "\(folder.path)/damaged.safetensors"))
    for (arguments, message) in [
      ([run, "full"], "full: the folder is not empty. Name a new folder, or remove this one."),
      ([run, "text.txt"], "text.txt: is a file, not a folder. Name a new folder."),
      (["none", "new"], "none: no such file. Check the path."),
      (["runs", "new"], "runs: has no checkpoint.safetensors. Train the run with `isoflop train`"),
      (["text.txt", "new"], "text.txt: is not a checkpoint of Isoflop, or is damaged. Name a checkpoint"),
      (["damaged.safetensors", "new"], "damaged.safetensors: is damaged. Name a checkpoint.safetensors."),
      ([run, "new", "--to", "onnx"], "transformers"), ([run], "<folder>"),
    ] {
      let command = try Command(all: ["export"] + arguments, in: folder.path)
      #expect(command.status == 2 && command.output.isEmpty, "\(arguments): \(command.output)")
      #expect(command.errors.contains(message), "\(arguments): \(command.errors)")
      #expect(command.errors.split(separator: "\n").count == 1, "\(command.errors)")
      #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/new"))
    }
  }
}
