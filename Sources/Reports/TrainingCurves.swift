import Analysis
import Training

extension Chapter {
  /// Validation loss along every training, coloured by width; nil where nothing was logged.
  ///
  /// - Parameter curves: the logged losses of a run by its identifier. A run's log begins with that of its trunk.
  static func trainingCurves(
    of rows: [RunRow], curves: [String: [CurvePoint]], baselines: Baselines
  ) -> Chapter? {
    let widths = Set(rows.compactMap { $0.number("width") }).sorted()
    let inks = Ink.family(widths.count)
    let layers = distinctCurves(of: rows, curves: curves).flatMap { curve -> [Layer] in
      guard let place = widths.firstIndex(of: curve.width) else { return [] }
      let style = Style(curve.width.amount, inks[place])
      let points = curve.points.map { Point(Double($0.tokens), $0.validationLoss) }
      // The end is marked: that is the loss which the fits use.
      return [.line(points, style), .points(points.suffix(1), Style(nil, inks[place]))]
    }
    guard !layers.isEmpty else { return nil }
    let panel = Panel(
      x: Axis("Training tokens", .logarithmic), y: Axis("Validation loss (nats a token)", .logarithmic),
      layers: baselines.layers() + sorted(layers, by: widths))
    let figure = Figure(
      name: "training-curves", title: "Loss along the trainings",
      caption: """
        Validation loss against tokens seen; a dot marks the end of a run. Runs that share a trunk part where their \
        learning rate begins to fall. Dotted: what counting n-grams reaches. Dashed: the true entropy of the text, \
        below which no model can go.
        """,
      legend: "width", panels: [panel])
    return Chapter(
      "Training",
      [
        .paragraph(
          """
          Each line is one model that learns. A larger model is slower to compute but lower after equally many \
          tokens; the last drop of a line is its cooldown, where the learning rate falls to zero. A line that has \
          become flat is limited by its size, a line that still falls by its data.
          """),
        .figure(figure),
      ])
  }

  /// The legend follows the order of the layers.
  private static func sorted(_ layers: [Layer], by widths: [Double]) -> [Layer] {
    let order = widths.map(\.amount)
    return layers.sorted { one, other in
      let places = [one, other].map { layer in layer.style?.label.flatMap(order.firstIndex) ?? order.count }
      return places[0] < places[1]
    }
  }

  private struct Curve {
    let width: Double
    let points: ArraySlice<CurvePoint>
  }

  /// Each trunk once, by its longest run, and of the other runs what they do not share with it.
  private static func distinctCurves(of rows: [RunRow], curves: [String: [CurvePoint]]) -> [Curve] {
    var longest: [String: [CurvePoint]] = [:]
    let logged = rows.compactMap { row in
      curves[row.run].flatMap { points in
        points.isEmpty ? nil : (trunk: row.trunk, width: row.number("width") ?? 0, points: points)
      }
    }
    return logged.sorted { ($0.points.last?.tokens ?? 0) > ($1.points.last?.tokens ?? 0) }.map { run in
      guard let trunk = longest[run.trunk] else {
        longest[run.trunk] = run.points
        return Curve(width: run.width, points: run.points[...])
      }
      let shared = zip(run.points, trunk).prefix { $0 == $1 }.count
      return Curve(width: run.width, points: run.points.dropFirst(max(shared - 1, 0)))
    }
  }
}
