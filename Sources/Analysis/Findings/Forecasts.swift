import ScalingLaws

extension Finding {
  /// Returns the predictions of a fit for its held-out runs, and their results; nil if there are none.
  public static func forecast(of fit: ExperimentFit) -> Finding? {
    guard let forecast = fit.forecast else { return nil }
    return Finding(
      "\(fit.name): predictions\(fit.fit.map { " of \($0.equation)" } ?? "") for the held-out runs",
      columns: [
        Column("size", "N"), Column("tokens", "D"), Column("compute", "C", unit: "FLOPs"),
        Column("compute_factor", "C / largest fitted"), Column("predicted", "predicted"),
        Column("interval", "95 % interval of a run"), Column("found", "found"),
        Column("error", "predicted over found − 1"), Column("inside", "", .left),
      ],
      rows: forecast.places.flatMap { place in
        place.runs.map { run in
          [
            .number(place.parameters), .number(place.tokens), .number(place.compute),
            .number(place.computeFactor), .number(place.loss, digits: 4),
            .interval(place.interval, digits: 4),
            .number(run.loss, digits: 4), .percent(run.relativeError),
            run.isInside.map { .truth($0, yes: "inside", no: "outside") } ?? .missing,
          ]
        }
      }, notes: [summary(of: forecast)])
  }

  /// Returns a sentence about the accuracy of a forecast.
  public static func summary(of forecast: Forecast) -> String {
    guard let error = forecast.largestError, let inside = forecast.fractionInside else {
      return "None of the held-out runs is trained yet."
    }
    return "Largest error \(shortText(100 * error)) %; \(shortText(100 * inside)) % of the runs lie inside."
  }
}
