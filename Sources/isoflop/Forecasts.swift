import Analysis
import ArgumentParser
import Execution
import Files
import Foundation
import Plans
import ScalingLaws
import Training

/// What fits predict of runs that they are not fitted to, and from which runs: the file `forecast.json`.
struct ForecastFile: Codable {
  /// What the predictions follow from.
  struct Origin: Codable, Equatable {
    /// The identifiers of the runs, in order.
    let runs: [String]
    /// The checksum of their results.
    let results: String
  }

  let from: Origin
  /// How many of the runs that are predicted were finished at that time. Their results are no part of the predictions.
  let finishedBefore: Int
  /// By the names of the fits.
  let forecasts: [String: Forecast]

  /// Predicts the runs of the plan's last stage.
  ///
  /// - Parameter records: Those of all finished runs.
  /// - Returns: Nil as long as a run is missing from which they are predicted.
  fileprivate init?(of plan: Plan, _ records: [String: RunRecord]) throws {
    let stages = plan.stages
    guard stages.count > 1, let from = try Self.origin(of: plan, records) else { return nil }
    let table = ResultsTable(plan) { run in
      from.runs.contains(run.configuration.identifier) ? records[run.configuration.identifier]?.result : nil
    }
    self.from = from
    finishedBefore = stages[1...].flatMap(\.runs).count { records[$0.configuration.identifier] != nil }
    forecasts = Fits(of: table, requests: plan.experiment.forecastingFits).forecasts
  }

  /// The runs that come before those that are predicted; nil where not all are finished.
  private static func origin(of plan: Plan, _ records: [String: RunRecord]) throws -> Origin? {
    let runs = plan.stages[0].runs.map(\.configuration.identifier).sorted()
    let results = runs.compactMap { records[$0]?.result }
    guard results.count == runs.count else { return nil }
    return Origin(runs: runs, results: checksum(try canonicalJSON(results)))
  }

  /// Writes the forecast of a plan, unless that is done already: before the first of the runs that it predicts is
  /// finished, and again where the runs have changed from which it follows.
  ///
  /// - Parameters:
  ///   - records: Those of all finished runs.
  ///   - claim: That on the experiment's results.
  /// - Returns: The file's path, if it has been written.
  @discardableResult
  static func update(
    of plan: Plan, _ records: [String: RunRecord], in folder: String, _ claim: Claim
  ) throws -> (path: String, file: ForecastFile)? {
    let stages = plan.stages
    guard stages.count > 1, let origin = try origin(of: plan, records) else { return nil }
    let path = "\(folder)/forecast.json"
    let last = try unlessDamaged { try ForecastFile(contentsOf: path) }
    if last?.from == origin { return nil }
    // A file of an earlier version does not name its runs, and a prediction made afterwards is not a forecast.
    let isLate = stages[1...].flatMap(\.runs).contains { records[$0.configuration.identifier] != nil }
    if last == nil, isLate { return nil }
    guard let file = try ForecastFile(of: plan, records) else { return nil }
    try FileAccess.write(recordJSON(file), to: path, mayReplace: claim.check)
    return (path, file)
  }

  /// Reads a forecast; nil if it is absent.
  private init?(contentsOf path: String) throws {
    guard let data = try FileAccess.readIfPresent(path) else { return nil }
    self = try decodeRecord(
      ForecastFile.self, from: data, path: path, remedy: "It is written again if possible")
  }
}

/// Says, before the held-out runs of an experiment are trained, what its fits predict of them, and writes that to
/// `forecast.json`.
///
/// - Parameters:
///   - plan: all runs.
///   - stage: those that are held out.
func announceForecasts(of plan: Plan, before stage: Plan, store: RunStore, _ out: OutputOptions) throws {
  guard try store.missing(stage.runs) > 0 else { return }
  let records = try store.records(of: plan)
  let table = ResultsTable(plan) { records[$0.configuration.identifier]?.result }
  let fits = Fits(of: table, requests: plan.experiment.forecastingFits)
  for fit in fits.fits {
    if !out.json, let finding = Finding.forecast(of: fit) {
      Table(finding).print(below: finding.title, notes: finding.notes)
    }
    for reason in fit.remarks + [fit.refusal].compactMap({ $0 }) { out.say("\(fit.name): \(reason)") }
  }
  let folder = store.folder(of: plan.experiment)
  try FileAccess.makeFolder(folder)
  let written = try store.alone(with: plan.experiment) { claim in
    try ForecastFile.update(of: plan, store.records(of: plan), in: folder, claim)
  }
  guard let written else { return }
  out.say(
    written.file.finishedBefore == 0
      ? "written before any of these runs is trained: \(written.path)\n"
      : "written again, because the runs that it is based on have changed: \(written.path)\n")
}

/// - Parameter isShard: Whether other commands train some of the runs.
/// - Throws: The exit status, if others have yet to train runs that the forecast is based on; `InputError` if
///   runs that were trained are gone.
func requireFinished(_ runs: [PlannedRun], in store: RunStore, isShard: Bool) throws {
  let missing = try store.missing(runs)
  guard missing > 0 else { return }
  guard isShard else { throw runsAreGone(missing, of: runs.count, from: store) }
  complain(
    "\(missing) runs must be finished before the runs that are forecast from them can begin: "
      + "give the same command again later")
  throw ExitCode(Status.othersFirst.rawValue)
}

/// The error if runs that were trained are not there.
func runsAreGone(_ missing: Int, of all: Int, from store: RunStore) -> InputError {
  InputError(
    "\(missing) of \(all) runs that were finished no longer exist", file: store.root,
    remedy: "Restore the folder if it was moved; otherwise the same command trains what is missing")
}
