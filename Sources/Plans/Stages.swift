import Analysis
import ScalingLaws

extension Plan {
  /// The plan in the order of its training: the runs that no forecast holds out, and then, if there are any, the
  /// others. Between the two, the fits predict the second.
  public var stages: [Plan] {
    let forecasting = experiment.forecastingFits
    guard !forecasting.isEmpty else { return [self] }
    let rows = ResultsTable(self) { _ in nil }.rows
    let isHeldOut = rows.map { row in forecasting.contains { $0.holdsOut(row) } }
    let parts = [false, true].map { part in zip(runs, isHeldOut).filter { $1 == part }.map(\.0) }
    return parts.filter { !$0.isEmpty }.map { Plan($0, of: self) }
  }
}

extension Fits {
  /// What fits predict of runs that they are not fitted to, by the fits' names.
  public var forecasts: [String: Forecast] {
    Dictionary(fits.compactMap { fit in fit.forecast.map { (fit.name, $0) } }, uniquingKeysWith: { $1 })
  }
}

extension ExperimentFile {
  /// The fits that hold runs out to predict them.
  public var forecastingFits: [FitRequest] { (fits ?? []).filter { !$0.forecast.isEmpty } }
}
