import Analysis
import ArgumentParser
import Execution
import Foundation
import Plans

/// `isoflop ls`: the content of a folder of runs.
struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls", abstract: "Lists the experiments and the runs of a folder.",
    discussion:
      "By corpus, size, tokens and seed. With --json, a run has all columns of results.csv, and those of its experiments, "
      + "timing and provenance.")

  @Argument(help: "An experiment, to list only the runs in its results.csv.", completion: .experiment)
  var experiment: String?
  @Option(name: .shortAndLong, help: "The folder of runs and results.", completion: .directory)
  var output = "runs"
  @Option(
    name: .customLong("where"),
    help:
      "A condition on runs, such as width>=32, status=diverged or 'N<1e8 or D>=1e10'. If repeated, all must hold."
  )
  var conditions: [String] = []
  @Flag(help: "Prints JSON instead of tables.")
  var json = false

  func run() throws {
    let conditions = try conditions.map { try RowFilter($0) }
    let all = try StoredRun.all(in: output)
    let experiments =
      try experiment.map { [try StoredExperiment.named($0, in: output)] }
      ?? (try StoredExperiment.all(in: output))
    let mentioned = Set(experiments.flatMap { $0.runs ?? [] })
    let runs = try all.filter { experiment == nil || mentioned.contains($0.identifier) }
      .filtered(where: conditions)
    if !json, !experiments.isEmpty {
      Table(of: experiments, among: all).print()
    }
    try Table(runs, experiments).print(json: json)
    if runs.isEmpty { complain("no runs") }
  }
}

extension Table {
  /// Experiments and their progress.
  fileprivate init(of experiments: [StoredExperiment], among runs: [StoredRun]) {
    let finished = Set(runs.filter(\.isFinished).map(\.identifier))
    self.init(
      ["experiment", "runs", "finished"],
      experiments.map { experiment in
        [
          Cell(experiment.name),
          Cell(experiment.runs?.count, text: experiment.runs.map { "\($0.count)" } ?? ""),
          experiment.runs == nil
            ? "results.csv is not a table" : Cell(experiment.runs?.count(where: finished.contains)),
        ]
      })
  }

  /// Runs, a line each.
  fileprivate init(_ runs: [StoredRun], _ experiments: [StoredExperiment]) {
    let hasExperts = runs.contains { $0["experts"].number ?? 1 > 1 }
    let shown: [Column] =
      ["run", "status", "corpus", "width", "depth"] + (hasExperts ? ["experts"] : [])
      + [Column("d_tokens", title: "tokens"), "seed", "loss", Column("c_exact", title: "FLOPs")]
    let columns = Analysis.Column.all(settings: Setting.columns, tasks: runs.tasks)
    let hidden = columns.map(\.name).filter { name in
      !shown.contains { $0.key == name }
    }
    let others: [Column] = ["seconds", "commit", "date"]
    let silent = ["trunk_seconds", "tokens_per_second", "cpu", "kernels", "blas_kernel", "experiments"]
    self.init(
      shown + others + (hidden + silent).map { Column($0, title: nil) },
      runs.map { run in
        shown.map { $0.key == "corpus" ? Cell(corpusOf: run) : Cell(run[$0.key]) }
          + [
            Cell(run.time?.seconds, text: run.time.map { String(format: "%.1f", $0.seconds) } ?? ""),
            Cell(run.provenance?.commit),
            Cell(
              run.date?.formatted(.iso8601), text: run.date?.formatted(.iso8601.year().month().day()) ?? ""),
          ] + hidden.map { Cell(run[$0]) }
          + [
            Cell(run.time?.trunkSeconds), Cell(run.time?.tokensPerSecond), Cell(run.provenance?.cpu),
            Cell(run.provenance?.kernelNames), Cell(run.provenance?.blasKernel),
            Cell(experimentsOf: run, among: experiments),
          ]
      })
  }
}

extension Table.Cell {
  /// A value of `results.csv`.
  init(_ cell: Analysis.Cell) {
    switch cell {
    case .text(let text): self.init(text.isEmpty ? nil : text)
    case .integer(let integer): self.init(integer)
    case .number(let number): self.init(number)
    case .none: self.init(nil, text: "")
    }
  }

  /// A corpus is shown without its folder.
  fileprivate init(corpusOf run: StoredRun) {
    let source = run.configuration?.corpus.source
    self.init(source, text: source.map { URL(fileURLWithPath: $0).lastPathComponent } ?? "")
  }

  fileprivate init(experimentsOf run: StoredRun, among experiments: [StoredExperiment]) {
    let names = experiments.filter { $0.runs?.contains(run.identifier) ?? false }.map(\.name)
    self.init(names, text: names.joined(separator: ", "))
  }
}
