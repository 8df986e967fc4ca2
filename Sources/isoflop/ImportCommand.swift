import ArgumentParser
import Exports
import Files
import Training

/// `isoflop import`: a model of another program as a checkpoint.
struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Reads a model of the Python library transformers.",
    discussion: """
      Writes a checkpoint that `isoflop evaluate` and `isoflop sample` read, with the same logits and tokens. The folder \
      has config.json, tokenizer.json, and model.safetensors or the files of its index. Models are Llama, Mistral or \
      GPT-2; tokenizers are byte-level byte pairs, such as that of GPT-2, or those of `isoflop export`. What differs is \
      refused by the key that says so.
      """)

  @Argument(help: "The folder of the model.", completion: .directory)
  var model: String
  @Option(
    help: "The tokens of a window: by default the model's positions, at most 1024.",
    transform: Count.init(_:))
  var context: Count?
  @Option(
    name: .shortAndLong, help: "The folder in which to write a folder with the checkpoint.",
    completion: .directory)
  var output = "runs/import"
  @Flag(help: "Prints JSON: the folder, the number of weights, the context and the vocabulary.")
  var json = false

  /// What `--json` prints.
  private struct Output: Encodable {
    let folder: String
    let weights: Int
    let context: Int
    let vocabulary: Int
  }

  func run() throws {
    let model = try PretrainedModel(folder: model, context: context?.value).model
    let folder = RunFolder("\(output)/\(model.configuration.identifier)")
    try FileAccess.makeFolder(folder.path)
    try model.write(to: folder.checkpoint)
    let configuration = model.configuration.model
    let weights = model.transformer.layout.count
    if json {
      return try printJSON(
        Output(
          folder: folder.path, weights: weights, context: configuration.context,
          vocabulary: configuration.vocabulary))
    }
    print("weights     \(weights)")
    print("context     \(configuration.context)")
    print("vocabulary  \(configuration.vocabulary)")
    print("folder      \(folder.path)")
  }
}
