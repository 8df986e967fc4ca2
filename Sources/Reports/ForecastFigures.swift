import Analysis
import ScalingLaws

extension Chapter {
  /// The predictions of fits for held-out runs; nil if no run is held out.
  static func forecasts(_ fits: [ReportedFit]) -> Chapter? {
    let asked = fits.compactMap { fit in fit.result.forecast.map { (fit, $0) } }
    guard !asked.isEmpty else { return nil }
    return Chapter(
      "The forecast",
      [
        .paragraph(
          """
          A fitted law summarises its runs; the test of a law is to predict other runs. Some runs were held out: the \
          law was fitted without them and predicts their losses. The interval is that of a single run. It combines \
          the uncertainty of the law's parameters with the scatter of runs about the law; 19 of 20 runs should lie \
          inside.
          """)
      ]
        + asked.flatMap { fit, forecast in
          // Predictions for data mixtures depend on no size, length or compute.
          (fit.result.bestMixture == nil ? [.figure(figure(of: forecast, fit))] : [])
            + Part.finding(.forecast(of: fit.result))
        })
  }

  private static func figure(of forecast: Forecast, _ fit: ReportedFit) -> Figure {
    let floor = fit.result.fit?.knownFloor ?? 0
    let loss = floor > 0 ? fit.labels.reducibleAxis : fit.labels.lossAxis
    // A law in one variable is a line against it; a surface has no line against compute.
    let variable = fit.variable ?? .compute
    let predicted = forecast.places.compactMap { place in
      place[variable].map { x in
        let interval = place.interval ?? Interval(low: place.loss, high: place.loss)
        return Point(x, place.loss - floor, low: interval.low - floor, high: interval.high - floor)
      }
    }
    let found = forecast.points(along: variable) { $1 - floor }
    let runs = fit.result.observations
    let places = runs.compactMap { $0[variable] } + predicted.map(\.x)
    let all = places.map { Observation(loss: .nan).setting(variable, to: $0) }
    let curve = fit.variable.flatMap { variable in
      all.range(of: variable).flatMap { fit.result.fit?.curve(along: variable, over: $0, above: floor) }
    }
    let law = Style("the law, fitted to the black points", .category(0))
    let left = Panel(
      x: fit.labels.axis(variable), y: loss,
      layers: (curve.map { [.band($0, law), .line($0, law)] } ?? []) + [
        .points(
          runs.points(along: variable, above: floor), Style("runs fitted", .category(6), marker: .small)),
        .points(predicted, Style("predicted, 95 % interval of a run", .category(0), marker: .diamond)),
        .points(found, Style("held-out runs, measured", .category(1), marker: .open)),
      ])
    return Figure(
      name: "forecast-\(fit.result.name)", title: "\(fit.result.name): predicted and measured",
      caption: """
        Left: the runs of the fit, the predictions for the held-out runs, and their measured \
        losses\(floor > 0 ? ", above the true entropy" : ""). Right: the measured loss divided by the predicted one, \
        against the run's compute divided by the largest compute in the fit; bars are the prediction's interval. \
        \(Finding.summary(of: forecast))
        """,
      panels: [left, errors(of: forecast)])
  }

  private static func errors(of forecast: Forecast) -> Panel {
    let intervals = forecast.places.compactMap { place -> Point? in
      guard let factor = place.computeFactor, let interval = place.interval else { return nil }
      let percent = { (loss: Double) in 100 * (loss / place.loss - 1) }
      return Point(factor, 0, low: percent(interval.low), high: percent(interval.high))
    }
    let found = forecast.places.flatMap { place in
      place.runs.compactMap { run in
        place.computeFactor.flatMap { factor in run.loss.map { Point(factor, 100 * ($0 / place.loss - 1)) } }
      }
    }
    return Panel(
      x: Axis("C / largest C in the fit", .logarithmic),
      y: Axis("Measured / predicted − 1 (%)"),
      layers: [
        .horizontal(0, ""),
        .points(intervals, Style("predicted, 95 % interval of a run", .category(0), marker: .diamond)),
        .points(found, Style("held-out runs, measured", .category(1), marker: .open)),
      ])
  }
}

extension Forecast {
  /// The trained held-out runs against a variable; `y` receives the prediction and the measured loss.
  fileprivate func points(along variable: Variable, _ y: (Place, Double) -> Double) -> [Point] {
    places.flatMap { place in
      place.runs.compactMap { run in
        place[variable].flatMap { x in run.loss.map { Point(x, y(place, $0)) } }
      }
    }
  }
}

extension Forecast.Place {
  fileprivate subscript(variable: Variable) -> Double? {
    switch variable {
    case .parameters: parameters
    case .tokens: tokens
    default: compute
    }
  }
}
