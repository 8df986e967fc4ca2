import Analysis
import ArgumentParser
import Exports
import Files
import Foundation
import Plans
import Training

/// `isoflop export`: a trained model, or the results of an experiment, in the files of other programs.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes a trained model, or the results of an experiment, for other programs.",
    discussion: """
      `--to transformers` writes config.json, model.safetensors, tokenizer.json and tokenizer_config.json. The Python \
      library transformers loads them with `AutoModelForCausalLM.from_pretrained` and `AutoTokenizer.from_pretrained`: \
      its logits and tokens are those of `isoflop sample`. Factors of μP are folded into the weights. A model that no \
      class of the library computes is refused with the reason.

      The other formats hold the results of an experiment, a row for each run, and the logs of its runs, a row for each \
      step or evaluation. `jsonl` and `parquet` are two tables, `tensorboard` a folder of events for each run, `wandb` \
      offline runs for `wandb sync`. All but `jsonl` are written by a Python library: duckdb, tensorboard or wandb.
      """)

  /// The programs that files are written for.
  enum Format: ExpressibleByArgument, CaseIterable {
    case transformers
    case tables(ExperimentTables.Format)

    static var allCases: [Format] { [.transformers] + ExperimentTables.Format.allCases.map(tables) }

    init?(argument: String) {
      guard let format = Self.allCases.first(where: { $0.defaultValueDescription == argument }) else {
        return nil
      }
      self = format
    }

    var defaultValueDescription: String {
      switch self {
      case .transformers: "transformers"
      case .tables(let format): format.rawValue
      }
    }
  }

  @Argument(
    help: """
      For transformers a checkpoint.safetensors, or the folder of a run that has one; otherwise an experiment: its \
      name, its file or its folder of results.
      """, completion: .experiment)
  var source: String
  @Option(name: .customLong("to"), help: "The program or the format.")
  var format = Format.transformers
  @Argument(help: "The folder to write, which must be new or empty.", completion: .directory)
  var folder: String
  @Option(name: .shortAndLong, help: "The folder of runs and results.", completion: .directory)
  var output = "runs"
  @Flag(help: "Prints what was written as JSON.")
  var json = false

  func run() throws {
    switch format {
    case .transformers: try exportModel()
    case .tables(let format): try exportTables(format)
    }
  }

  /// What `--json` prints of a model.
  private struct Model: Encodable {
    let className: String
    let weights: Int
    let files: [String]
    let notes: [String]
  }

  private func exportModel() throws {
    let trained = try TrainedModel(checkpoint: RunFolder.checkpoint(named: source))
    let model = try TransformersModel(trained)
    try model.write(to: folder)
    if json {
      let files = TransformersModel.files.map { "\(folder)/\($0)" }
      return try printJSON(
        Model(className: model.className, weights: model.weightCount, files: files, notes: model.notes))
    }
    complain(notes: model.notes)
    print("class    \(model.className)")
    print("weights  \(model.weightCount)")
    print("folder   \(folder)")
  }

  private func exportTables(_ format: ExperimentTables.Format) throws {
    let path = try resultsPath(of: source, in: output)
    // A folder of results is beside the store of its runs.
    let results = URL(fileURLWithPath: path).deletingLastPathComponent()
    let store = results.deletingLastPathComponent().appendingPathComponent("store").path
    let tables = ExperimentTables(
      name: results.lastPathComponent, results: try ResultsTable(contentsOf: path)
    ) { "\(store)/\($0)/metrics.jsonl" }
    let progress = ProgressLine(total: 1, isShown: !json)
    let written = try progress.measure("export") {
      try tables.write(format, to: folder, progress: progress.reach)
    }
    if written.withoutLog > 0 {
      complain(
        "\(written.withoutLog) of \(written.runs) runs have no log: they were removed from the folder of runs"
      )
    }
    if json { return try printJSON(written) }
    print("runs     \(written.runs)")
    print("points   \(written.points)")
    print("folder   \(folder)")
  }
}
