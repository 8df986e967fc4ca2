import Autograd
import Corpora
import Foundation
import Models
import Training

extension FuzzedParser {
  /// The initial inputs: the repository's own files of the kind, and those of `Seeds/PARSER`, including every
  /// input that has found a fault.
  package var seeds: [Data] {
    let own: [Data] =
      switch self {
      case .experiment: Self.files(in: "experiments", ending: ".yaml")
      // Recipes with small tables are read a hundred times faster. The others vary the recipe with large tables.
      case .recipe:
        Self.files(in: "corpora", ending: "village.yaml").map { recipe in
          Data(String(decoding: recipe, as: UTF8.self).replacing("000", with: "").utf8)
        }
      case .safetensors, .pretrainedWeights: [Seeds.tensors]
      default: []
      }
    return own + Self.files(in: "Tests/Fuzzing/Seeds/\(rawValue)")
  }

  /// Writes the seeds as files for libFuzzer.
  package func writeSeeds(to folder: String) throws {
    for (index, seed) in seeds.enumerated() {
      try seed.write(to: URL(fileURLWithPath: "\(folder)/seed-\(index)"))
    }
  }

  private static func files(in folder: String, ending: String = "") -> [Data] {
    let path = "\(root)/\(folder)"
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    return names.filter { $0.hasSuffix(ending) }.compactMap {
      try? Data(contentsOf: URL(fileURLWithPath: "\(path)/\($0)"))
    }
  }
}

enum Seeds {
  /// The metadata of a checkpoint, with a name and a value on each line; `\n` represents a line feed.
  static func metadata(of text: String) -> [(name: String, value: String)] {
    text.split(separator: "\n").compactMap { line in
      let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
      return parts.count == 2 ? (parts[0], parts[1].replacing("\\n", with: "\n")) : nil
    }
  }

  static let tensors: Data = {
    var file = SafetensorsWriter(metadata: [("format", "isoflop checkpoint 2"), ("text", "two \"lines\"\n")])
    file.add("a", shape: [2, 3], Data(count: 24))
    file.add("b.c", shape: [], Data(count: 4))
    return file.encoded()
  }()

  /// A checkpoint of the smallest model with these metadata, its weights all zero.
  static func checkpoint(metadata: [(name: String, value: String)]) -> Data {
    var file = SafetensorsWriter(metadata: metadata)
    let model = try? ModelConfiguration(width: 4, depth: 1, context: 16, vocabulary: 256)
    for prefix in ["", "moment1.", "moment2."] {
      for parameter in model.map({ Transformer($0).layout.parameters }) ?? [] {
        file.add(prefix + parameter.name, shape: parameter.tensor.shape, Data(count: 4 * parameter.count))
      }
    }
    return file.encoded()
  }
}
