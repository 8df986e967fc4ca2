import Analysis
import Corpora
import Execution
import Files
import Foundation
import Plans
import Reports
import Training

/// The results of an experiment's finished runs: tables, fits and a report.
struct ExperimentResults {
  let fits: Fits
  let verdicts: [Verdict]
  /// The report's key number and figure.
  let highlight: Report.Highlight
  /// The number of unfinished runs, which the results do not include.
  let missing: Int

  /// Fits the runs of a plan, reading each record once, and publishes all results together in the experiment's folder. If
  /// the process loses its claim meanwhile, it starts again.
  ///
  /// - Parameters:
  ///   - renderer: Draws the figures; nil for none.
  ///   - neighbours: The links to the pages before and after, if the page belongs to a book.
  static func write(
    of plan: Plan, in store: RunStore, corpora: CorpusCache, renderer: Renderer?,
    neighbours: Page.Neighbours? = nil, label: String = "", isProgressShown: Bool = true
  ) throws -> ExperimentResults {
    try store.alone(with: plan.experiment) { claim in
      try writeAlone(
        of: plan, in: store, claim, corpora: corpora, renderer: renderer, neighbours: neighbours,
        label: label, isProgressShown: isProgressShown)
    }
  }

  private static func writeAlone(
    of plan: Plan, in store: RunStore, _ claim: Claim, corpora: CorpusCache, renderer: Renderer?,
    neighbours: Page.Neighbours?, label: String, isProgressShown: Bool
  ) throws -> ExperimentResults {
    let set = try ResultSet(store.folder(of: plan.experiment))
    defer { set.remove() }
    let records = try store.records(of: plan)
    let times = try plan.runs.reduce(into: [String: RunTiming]()) { times, run in
      times[run.configuration.identifier] = try store.folder(of: run.configuration).time()
    }
    let table = ResultsTable(plan, times: times) { records[$0.configuration.identifier]?.result }
    try table.write(to: "\(set.path)/results.csv")
    try writeTimings(times, of: plan, to: "\(set.path)/timings.csv")
    let progress = ProgressLine(total: 1, isShown: isProgressShown)
    let fits = progress.measure(label) {
      Fits(
        of: table, requests: plan.experiment.fits, comparisons: plan.experiment.comparisons,
        sweeps: plan.experiment.sweeps, progress: progress.reach)
    }
    try fits.write(to: "\(set.path)/fits.json")
    let report = Report(
      of: plan.experiment, table: table, fits: fits,
      verdicts: plan.experiment.check(fits: fits, results: table),
      curves: try curves(of: plan, in: store), nGrams: try nGrams(of: plan, corpora),
      provenance: records.values.map(\.provenance))
    let highlight = Result { try report.write(to: set.path, neighbours: neighbours, renderer: renderer) }
    try ForecastFile.update(of: plan, records, in: set.folder, claim)
    try set.publish(claim.check)
    return ExperimentResults(
      fits: fits, verdicts: report.verdicts, highlight: try highlight.mapError(set.located).get(),
      missing: plan.runs.count - records.count)
  }

  func print() {
    printFits(fits)
    if !verdicts.isEmpty { Table(.verdicts(verdicts)).print() }
  }

  /// Writes the times, which differ each time a run is trained, to a file of their own.
  private static func writeTimings(_ times: [String: RunTiming], of plan: Plan, to path: String) throws {
    func cell(_ value: Double?, decimals: Int) -> String {
      value.map { String(format: "%.\(decimals)f", $0) } ?? ""
    }
    let lines = plan.runs.map { run in
      let time = times[run.configuration.identifier]
      let cells = [
        run.configuration.identifier, cell(time?.seconds, decimals: 3), cell(time?.trunkSeconds, decimals: 3),
        cell(time?.tokensPerSecond, decimals: 0),
        cell(time?.decodingSeconds.map { 1000 * $0 }, decimals: 4),
      ]
      return cells.joined(separator: ",") + "\n"
    }
    let header = "run,seconds,trunk_seconds,tokens_per_second,decoding_ms\n"
    try FileAccess.write(Data((header + lines.joined()).utf8), to: path)
  }

  private static func curves(of plan: Plan, in store: RunStore) throws -> [String: [CurvePoint]] {
    var curves: [String: [CurvePoint]] = [:]
    for run in plan.runs {
      let curve = try store.folder(of: run.configuration).curve()
      if !curve.isEmpty { curves[run.configuration.identifier] = curve }
    }
    return curves
  }

  /// The n-gram baselines of the corpus of the longest run, counted on as much text as it saw, up to 4M tokens.
  private static func nGrams(of plan: Plan, _ corpora: CorpusCache) throws -> [Double] {
    guard let run = plan.runs.max(by: { $0.tokens < $1.tokens })?.configuration else { return [] }
    let corpus = try corpora.corpus(of: run)
    return NGrams.losses(
      training: try corpus.training(tokens: min(run.training.tokens, 4_000_000)),
      validation: corpus.validation, vocabulary: corpus.vocabulary)
  }
}
