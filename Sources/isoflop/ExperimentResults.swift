import Corpora
import Experiments
import Files
import Foundation
import Reports
import Training

/// What an experiment's finished runs amount to: tables, fits and a report, written to its folder and printed.
struct ExperimentResults {
  private let plan: Plan
  private let store: RunStore
  private let corpora: CorpusCache

  init(_ plan: Plan, store: RunStore, corpora: CorpusCache) {
    self.plan = plan
    self.store = store
    self.corpora = corpora
  }

  func writeAndPrint(to folder: String) throws {
    try FileAccess.makeFolder(folder)
    let records = store.records(of: plan)
    let table = ResultsTable(plan) { records[$0.configuration.identifier]?.result }
    try table.write(to: "\(folder)/results.csv")
    try writeTimings(to: "\(folder)/timings.csv")
    let progress = ProgressLine(total: 1)
    let fits = Fits(
      of: table, requests: plan.experiment.fits, comparisons: plan.experiment.comparisons,
      progress: progress.reach)
    progress.finish()
    try fits.write(to: "\(folder)/fits.json")
    printFits(fits)
    let verdicts = plan.experiment.expectations.map { $0.check(fits: fits, results: table) }
    if !verdicts.isEmpty { printVerdicts(verdicts) }
    let report = Report(
      of: plan.experiment, table: table, fits: fits, verdicts: verdicts,
      curves: try curves(), nGrams: try nGrams(),
      provenance: records.values.map(\.provenance))
    try report.write(to: folder)
    print("report  \(folder)/report.html")
  }

  /// The part of the results that no two runs have in common.
  private func writeTimings(to path: String) throws {
    let lines = plan.runs.map { run in
      let time = store.folder(of: run.configuration).time()
      let seconds = time.map { String(format: "%.3f", $0.seconds) } ?? ""
      let rate = time.map { String(format: "%.0f", $0.tokensPerSecond) } ?? ""
      return "\(run.configuration.identifier),\(seconds),\(rate)\n"
    }
    try FileAccess.write(Data(("run,seconds,tokens_per_second\n" + lines.joined()).utf8), to: path)
  }

  private func curves() throws -> [String: [CurvePoint]] {
    var curves: [String: [CurvePoint]] = [:]
    for run in plan.runs {
      let folder = store.folder(of: run.configuration)
      if FileManager.default.fileExists(atPath: folder.metrics) {
        curves[run.configuration.identifier] = try folder.curve()
      }
    }
    return curves
  }

  /// The n-gram baselines of the first run's corpus, counted on as much text as its longest run saw, up to 4M tokens.
  private func nGrams() throws -> [Double] {
    guard let run = plan.runs.max(by: { $0.tokens < $1.tokens })?.configuration else { return [] }
    let corpus = try corpora.corpus(run.corpus, context: run.model.context)
    return NGrams.losses(
      training: try corpus.training(tokens: min(run.training.tokens, 4_000_000)),
      validation: corpus.validation,
      vocabulary: corpus.vocabulary)
  }
}
