import Analysis
import Execution
import Plans
import ArgumentParser
import Files
import Foundation
import ScalingLaws

/// Says, before the held-out runs of an experiment are trained, what its fits predict of them.
///
/// The predictions are written to `forecast.json` as long as none of these runs is trained, and never after.
///
/// - Parameters:
///   - plan: all runs.
///   - stage: those that are held out.
func announceForecasts(of plan: Plan, before stage: Plan, store: RunStore, _ out: OutputOptions) throws {
  let trained = store.records(of: stage).count
  guard trained < stage.runs.count else { return }
  let records = store.records(of: plan)
  let table = ResultsTable(plan) { records[$0.configuration.identifier]?.result }
  let fits = Fits(of: table, requests: plan.experiment.forecastingFits)
  for fit in fits.fits {
    if !out.json { fit.forecast.map { printForecast($0, fit.name) } }
    for reason in fit.remarks + [fit.refusal].compactMap({ $0 }) { out.say("\(fit.name): \(reason)") }
  }
  guard trained == 0 else { return }
  let folder = store.folder(of: plan.experiment)
  try FileAccess.makeFolder(folder)
  let path = "\(folder)/forecast.json"
  try store.alone(with: plan.experiment) { try FileAccess.write(plainJSON(fits.forecasts), to: path) }
  out.say("written before any of these runs is trained: \(path)\n")
}

/// - Throws: the exit status, if some of the runs that come before those that are forecast are yet to be trained.
func requireFinished(_ runs: [PlannedRun], in store: RunStore) throws {
  let missing = store.awaited(runs)
  guard missing > 0 else { return }
  complain(
    "\(missing) runs must be finished before those that are forecast from them can begin: "
      + "give the same command again then")
  throw ExitCode(Status.othersFirst.rawValue)
}

/// Prints what a fit predicts of the runs that it holds out, and what they came to.
func printForecast(_ forecast: Forecast, _ name: String) {
  print("\n\(name): forecast of the runs that it was not fitted to")
  let rows = forecast.places.flatMap { place in place.runs.map { row(of: $0, at: place) } }
  printTable(
    ["N", "D", "C", "C over the dearest fitted", "predicted", "95 % interval of a run", "found", "error"],
    rows)
  if let error = forecast.largestError, let inside = forecast.partInside {
    print(
      String(format: "largest error %.2f %%; %.0f %% of the runs lie inside", 100 * error, 100 * inside))
  }
}

private func row(of run: Forecast.Run, at place: Forecast.Place) -> [String] {
  let counts = [place.parameters, place.tokens, place.compute].map { $0.map(number) ?? "" }
  let interval = place.interval.map { String(format: "%.4f … %.4f", $0.low, $0.high) } ?? ""
  let factor = place.computeFactor.map { String(format: "%.2f", $0) } ?? ""
  let found = run.loss.map { String(format: "%.4f", $0) } ?? ""
  let error = run.relativeError.map { String(format: "%+.2f %%", 100 * $0) } ?? ""
  let remark = run.isInside == false ? ", outside" : ""
  return counts + [factor, String(format: "%.4f", place.loss), interval, found, error + remark]
}
