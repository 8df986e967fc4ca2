import Analysis
import ArgumentParser
import Execution
import Files
import Foundation
import Plans
import ScalingLaws
import Training

/// What fits predict for the runs that they hold out, and from which runs: the file `forecast.json`.
struct ForecastFile: Codable {
  /// The results that the predictions are based on.
  struct Origin: Codable, Equatable {
    /// The identifiers of the runs, in order.
    let runs: [String]
    /// The checksum of their results.
    let results: String
  }

  let from: Origin
  /// How many of the predicted runs were finished by then. The predictions do not use their results.
  let finishedBefore: Int
  /// By the names of the fits.
  let forecasts: [String: Forecast]

  /// The runs of a plan's first stage, from which the others are predicted; nil while one of them is unfinished.
  private static func origin(of first: Plan, _ records: [String: RunRecord]) throws -> Origin? {
    let runs = first.runs.map(\.configuration.identifier).sorted()
    let results = runs.compactMap { records[$0]?.result }
    guard results.count == runs.count else { return nil }
    return Origin(runs: runs, results: checksum(try canonicalJSON(results)))
  }

  /// Writes the forecast of a plan, unless that is done already: before the first of the runs that it predicts is
  /// finished, and again if the results that it is based on have changed.
  ///
  /// - Parameters:
  ///   - records: Those of all finished runs.
  ///   - claim: That on the experiment's results.
  /// - Returns: The file and its path, if it has been written.
  @discardableResult
  static func update(
    of plan: Plan, _ records: [String: RunRecord], in folder: String, _ claim: Claim
  ) throws -> (path: String, file: ForecastFile)? {
    let stages = plan.stages
    guard stages.count > 1, let origin = try origin(of: stages[0], records) else { return nil }
    let path = "\(folder)/forecast.json"
    let last = try unlessDamaged { try ForecastFile(contentsOf: path) }
    if last?.from == origin { return nil }
    let finishedBefore = stages[1...].flatMap(\.runs).count { records[$0.configuration.identifier] != nil }
    // A file of an earlier version does not name its runs, and a prediction made afterwards is not a forecast.
    if last == nil, finishedBefore > 0 { return nil }
    let table = ResultsTable(plan) { run in
      let identifier = run.configuration.identifier
      return origin.runs.contains(identifier) ? records[identifier]?.result : nil
    }
    let file = ForecastFile(
      from: origin, finishedBefore: finishedBefore,
      forecasts: Fits(of: table, requests: plan.experiment.forecastingFits).forecasts)
    try FileAccess.write(recordJSON(file), to: path, mayReplace: claim.check)
    return (path, file)
  }
}

extension ForecastFile {
  /// Reads a forecast; nil if it is absent.
  private init?(contentsOf path: String) throws {
    guard let data = try FileAccess.readIfPresent(path) else { return nil }
    self = try decodeRecord(
      ForecastFile.self, from: data, path: path, remedy: "It is written again if possible")
  }
}

/// Prints what an experiment's fits predict for its held-out runs, before those are trained, and writes it to
/// `forecast.json`.
///
/// - Parameters:
///   - plan: The experiment with all runs.
///   - stage: Its held-out runs.
func announceForecasts(of plan: Plan, before stage: Plan, store: RunStore, _ out: OutputOptions) throws {
  guard try store.missing(stage.runs) > 0 else { return }
  let records = try store.records(of: plan)
  let table = ResultsTable(plan) { records[$0.configuration.identifier]?.result }
  let fits = Fits(of: table, requests: plan.experiment.forecastingFits)
  for fit in fits.fits {
    if !out.json, let finding = Finding.forecast(of: fit) {
      finding.print()
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

/// Checks that the runs that a forecast is based on are finished.
///
/// - Parameter isShard: Whether other commands train some of the runs.
/// - Throws: The exit status if other commands still have to train some; `InputError` if runs that were trained no
///   longer exist.
func requireFinished(_ runs: [PlannedRun], in store: RunStore, isShard: Bool) throws {
  let missing = try store.missing(runs)
  guard missing > 0 else { return }
  guard isShard else { throw runsAreGone(missing, of: runs.count, from: store) }
  complain(
    "\(missing) runs must be finished before the runs that are forecast from them can begin: "
      + "run the same command again later")
  throw ExitCode(Status.othersFirst.rawValue)
}

/// The error if runs that were trained no longer exist.
func runsAreGone(_ missing: Int, of all: Int, from store: RunStore) -> InputError {
  InputError(
    "\(missing) of \(all) runs that were finished no longer exist", file: store.root,
    remedy: "Restore the folder if it was moved; otherwise the same command trains what is missing")
}
