import Analysis
import ScalingLaws

extension Plan {
  /// The stages of training: first the runs that no forecast holds out, then the held-out runs, if there are any. The
  /// forecasts are made between the two stages.
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
  /// The predictions for held-out runs, by the names of the fits.
  public var forecasts: [String: Forecast] {
    Dictionary(fits.compactMap { fit in fit.forecast.map { (fit.name, $0) } }, uniquingKeysWith: { $1 })
  }
}

extension ExperimentFile {
  /// The fits that predict held-out runs.
  public var forecastingFits: [FitRequest] { (fits ?? []).filter { !$0.forecast.isEmpty } }
}
