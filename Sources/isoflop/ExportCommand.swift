import ArgumentParser
import Exports
import Training

/// `isoflop export`: a trained model in the files of another program.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Writes a trained model for other programs.",
    discussion: """
      `--to transformers` writes config.json, model.safetensors, tokenizer.json and tokenizer_config.json. The Python \
      library transformers loads them with `AutoModelForCausalLM.from_pretrained` and `AutoTokenizer.from_pretrained`: \
      its logits and tokens are those of `isoflop sample`. Factors of μP are folded into the weights. A model that no \
      class of the library computes is refused with the reason.
      """)

  /// The formats that models are written in.
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case transformers
  }

  @Argument(
    help: "A checkpoint.safetensors, or the folder of a run that has one.",
    completion: .file(extensions: ["safetensors"]))
  var checkpoint: String
  @Option(name: .customLong("to"), help: "The program that reads the files.")
  var format = Format.transformers
  @Argument(help: "The folder to write, which must be new or empty.", completion: .directory)
  var folder: String
  @Flag(help: "Prints JSON: the class, the number of weights, the files and notes.")
  var json = false

  /// What `--json` prints.
  private struct Output: Encodable {
    let className: String
    let weights: Int
    let files: [String]
    let notes: [String]
  }

  func run() throws {
    let trained = try TrainedModel(checkpoint: RunFolder.checkpoint(named: checkpoint))
    let model = try TransformersModel(trained)
    try model.write(to: folder)
    if json {
      let files = TransformersModel.files.map { "\(folder)/\($0)" }
      return try printJSON(
        Output(className: model.className, weights: model.weightCount, files: files, notes: model.notes))
    }
    complain(notes: model.notes)
    print("class    \(model.className)")
    print("weights  \(model.weightCount)")
    print("folder   \(folder)")
  }
}
