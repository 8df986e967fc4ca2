import Analysis
import ScalingLaws

extension Chapter {
  /// Comparisons of parameters of several fits; nil if none were requested.
  static func sideBySide(_ comparisons: [FitComparison]) -> Chapter? {
    guard !comparisons.isEmpty else { return nil }
    let parts = comparisons.flatMap { comparison -> [Part] in
      guard let values = comparison.comparison else {
        return [.paragraph("\(comparison.title): no comparison: \(comparison.refusal ?? "").")]
      }
      return [.figure(figure(of: comparison, values))] + Part.finding(.comparison(comparison))
    }
    return Chapter(
      "Side by side",
      [
        .paragraph(
          """
          Overlapping intervals do not show whether two numbers differ; the interval of their difference does. The \
          difference is significant if that interval excludes zero. For fits to the same trainings, common variation \
          cancels in the difference.
          """)
      ] + parts)
  }

  private static func figure(of comparison: FitComparison, _ values: Comparison) -> Figure {
    let places = comparison.places ?? comparison.fits.indices.map { Double($0 + 1) }
    let found = zip(places, values.values).map { place, estimate in
      let interval = estimate.interval ?? Interval(low: estimate.value, high: estimate.value)
      return Point(place, estimate.value, low: interval.low, high: interval.high)
    }
    let theory = zip(places, comparison.theory ?? []).map { Point($0, $1) }
    let expected = Style(comparison.theoryLabel, .category(1), dash: .dashed, marker: .diamond)
    let onAxis = comparison.places != nil
    let layers: [Layer] =
      (onAxis && !theory.isEmpty ? [.line(theory.sorted { $0.x < $1.x }, expected)] : [])
      + (theory.isEmpty ? [] : [.points(theory, expected)])
      + [.points(found, Style(theory.isEmpty ? nil : "fitted, with 95 % interval", .category(0)))]
    let axis =
      onAxis
      ? Axis(comparison.axis ?? "")
      : Axis("", range: 0.5...(Double(places.count) + 0.5), names: comparison.fits)
    let ordered = comparison.trend.flatMap { trend in
      values.ordered.map { "\(trend.rawValue) throughout in \((100 * $0).text()) % of the bootstrap draws" }
    }
    let slope = values.slope.map {
      "slope of a line through the values: \($0.value.text()) \($0.intervalText)"
    }
    let notes = [ordered, slope].compactMap { $0 }.joined(separator: "; ")
    return Figure(
      name: "side-by-side-\(comparison.name)", title: comparison.title,
      caption: "\(values.values[0].symbol) of each fit, with 95 % intervals. \(notes)",
      panels: [
        Panel(
          x: axis, y: Axis("\(values.values[0].name.capitalizedSentence) \(values.values[0].symbol)"),
          layers: layers)
      ])
  }
}
