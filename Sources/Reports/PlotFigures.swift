import Analysis

extension Chapter {
  /// The figures that the file requests of columns of the results; nil if there are none.
  static func plots(_ plots: [PlotRequest], _ table: ResultsTable) -> Chapter? {
    let parts = plots.map { plot in
      figure(of: plot, table).map(Part.figure) ?? .paragraph("\(plot.title): no run has a value.")
    }
    return parts.isEmpty ? nil : Chapter("By setting", parts)
  }

  private static func figure(of plot: PlotRequest, _ table: ResultsTable) -> Figure? {
    let series = plot.series(of: table)
    guard !series.isEmpty else { return nil }
    let layers = series.enumerated().flatMap { index, series -> [Layer] in
      let points = series.points.map { Point($0.x, $0.y, error: $0.error) }
      let style = Style(series.label.isEmpty ? nil : series.label, .category(index))
      return [.line(points, style), .points(points, style)]
    }
    let hasErrors = series.contains { $0.points.contains { $0.error > 0 } }
    let notes = [plot.caption, hasErrors ? "Bars are standard errors over runs." : ""]
    return Figure(
      name: plot.name, title: plot.title, caption: notes.filter { !$0.isEmpty }.joined(separator: " "),
      legend: plot.legend,
      panels: [
        Panel(
          x: Axis(plot.axis.capitalizedSentence, plot.isLogarithmic.x ? .logarithmic : .linear),
          y: Axis(plot.label.capitalizedSentence, plot.isLogarithmic.y ? .logarithmic : .linear),
          layers: layers)
      ])
  }
}
