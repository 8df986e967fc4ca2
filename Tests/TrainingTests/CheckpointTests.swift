import Corpora
import Files
import Foundation
import Models
import Testing
import Training

@Suite struct CheckpointTests {
  @Test("Safetensors are read as they were written, and their header is JSON")
  func roundTrip() throws {
    let folder = try ScratchFolder()
    let note = "a \"quoted\" \\ text,\n\u{0}\u{1f}\u{7f} naïve 🙂"
    var writer = SafetensorsWriter(metadata: [("note", note), ("step", "12")])
    writer.add("b", shape: [2, 3], Data((0..<24).map { UInt8($0) }))
    writer.add("a", shape: [], Data([1, 2, 3, 4]))
    writer.add("none", shape: [3, 0], Data())
    let path = "\(folder.path)/x.safetensors"
    try writer.write(to: path)
    let file = try Safetensors(contentsOf: path)
    #expect(file.metadata("note") == note && file.metadata("step") == "12" && file.metadata("no") == nil)
    var arrays = file.arrays()
    for (name, shape, data) in [
      ("b", [2, 3], Data((0..<24).map { UInt8($0) })), ("a", [], Data([1, 2, 3, 4])),
    ] {
      let next = arrays.next()
      let array = try #require(next)
      #expect(array.name == name && array.shape == shape && array.data == data)
    }
    #expect(arrays.next()?.shape == [3, 0] && arrays.next() == nil)

    let bytes = try FileAccess.read(path)
    let header = bytes[8..<8 + Int(bytes[0]) + 256 * Int(bytes[1])]
    #expect(header.count.isMultiple(of: 8))
    let json = try #require(JSONSerialization.jsonObject(with: header) as? [String: [String: Any]])
    #expect(json["__metadata__"]?["note"] as? String == note)
    #expect(json["b"]?["shape"] as? [Int] == [2, 3] && json["b"]?["data_offsets"] as? [Int] == [0, 24])
  }

  @Test("Every changed byte and every truncation of a file is detected")
  func damage() throws {
    let folder = try ScratchFolder()
    var writer = SafetensorsWriter(metadata: [("step", "12")])
    writer.add("weight", shape: [4], Data(repeating: 7, count: 16))
    let path = "\(folder.path)/x.safetensors"
    let bytes = writer.encoded()
    for index in bytes.indices {
      var damaged = bytes
      damaged[index] ^= 0x20
      #expect(throws: InputError.self, "byte \(index)") { try Safetensors(damaged, path: path) }
      #expect(throws: InputError.self, "cut at \(index)") { try Safetensors(bytes.prefix(index), path: path) }
    }
    _ = try Safetensors(bytes, path: path)
  }

  @Test("A header that does not fit its file is rejected, even with a correct checksum")
  func forged() throws {
    var writer = SafetensorsWriter(metadata: [("step", "12")])
    writer.add("weight", shape: [4], Data(repeating: 7, count: 16))
    let text = String(decoding: writer.encoded(), as: UTF8.self)
    for (part, claim) in [
      ("[4]", "[5]"), ("[4]", "[4,4611686018427387904]"), ("[4]", "[-4]"), ("[4]", "[4"),
      ("[4]", "[1,1,1,1,1,1,1,4,1]"),
      ("[0,16]", "[4,16]"), ("[0,16]", "[0,99]"), ("F32", "F64"), ("\"step\"", "step\""), ("}}", "}"),
      ("}}", "}} x"),
      ("\"12\"", "12"), ("\"12\"", "\"12\\\""),
    ] {
      var file = Data(text.replacing(part, with: claim).utf8)
      let count = UInt64(file.count - 8 - 16)
      file.replaceSubrange(0..<8, with: withUnsafeBytes(of: count.littleEndian) { Data($0) })
      let sum = checksum(file[Safetensors.digits.upperBound...])
      file.replaceSubrange(Safetensors.digits, with: Data(sum.utf8))
      #expect(throws: InputError.self, "\(claim)") { try Safetensors(file, path: "forged") }
    }
    for claim in [UInt64.max, 1 << 62, 1000, 1, 0] {
      let file = withUnsafeBytes(of: claim.littleEndian) { Data($0) } + writer.encoded().dropFirst(8)
      #expect(throws: InputError.self) { try Safetensors(file, path: "forged") }
    }
  }

  /// `EarlierVersion` was made by a version that had only AdamW, with `isoflop train --width 8 --depth 1 --context 16
  /// --validation-tokens 2048 --tokens 8192 --batch 256 --learning-rate 0.02`.
  @Test("The weights, moments and position in a checkpoint of an earlier version are read")
  func earlierVersion() throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("EarlierVersion/checkpoint.safetensors").path
    let model = try TrainedModel(checkpoint: path)
    let run = model.configuration
    let corpus = try TokenizedCorpus(run.corpus, context: run.model.context)
    let (read, trained) = (try Trainer(run, corpus: corpus), try Trainer(run, corpus: corpus))
    try Checkpoint(run, read.transformer).read(path, into: read.state)
    #expect((0..<model.parameters.count).allSatisfy { read.state.parameters[$0] == model.parameters[$0] })
    // The loss that the earlier version recorded. Other processors round differently.
    #expect(abs(read.evaluate().loss - 2.992371468571946) < 1e-4)

    // The same training by this version, and one more step of both at full rate, which depends on the moments.
    let branch = run.training.schedule.branchPoint(tokens: run.training.tokens)
    while trained.state.tokens < run.training.tokens {
      if trained.state.branched == nil, trained.state.tokens >= branch {
        trained.state.branched = trained.state.tokens
      }
      _ = trained.step(of: run.training.tokens)
    }
    #expect(read.state.tokens == trained.state.tokens && read.state.step == trained.state.step)
    #expect(read.state.branched == trained.state.branched)
    for trainer in [read, trained] {
      trainer.state.branched = nil
      #expect(trainer.step(of: .max).learningRate > 0.006)
    }
    for parameter in read.transformer.layout.parameters {
      for index in parameter.range {
        #expect(abs(read.state.parameters[index] - trained.state.parameters[index]) < 1e-3)
      }
    }
  }
}
