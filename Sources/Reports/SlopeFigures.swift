import ScalingLaws

extension Chapter {
  /// The local slopes of the laws in one variable; nil if they were not requested.
  static func slopes(_ fits: [ReportedFit]) -> Chapter? {
    let asked = fits.compactMap { fit in fit.result.slopes.map { (fit, $0) } }
    guard !asked.isEmpty else { return nil }
    return Chapter(
      "How straight the line is",
      [
        .paragraph(
          """
          On log axes a power law has the same slope everywhere. The loss itself flattens as it nears its floor; the \
          part above the floor should not. Each slope below is that of a least-squares line through the runs of a \
          window, which begins at each X and spans half a decade, or as much as three different X need. Noise alone \
          makes local slopes differ, the more the narrower the windows are; the shaded range is simulated with \
          straight lines of the same scatter.
          """)
      ] + asked.map { .figure(figure(of: $1, $0)) })
  }

  private static func figure(of slopes: LocalSlopes, _ fit: ReportedFit) -> Figure {
    let points = { (value: (LocalSlopes.Window) -> Estimate) in
      slopes.windows.map { window in
        let estimate = value(window)
        let interval = estimate.interval ?? Interval(low: estimate.value, high: estimate.value)
        return Point(window.place, estimate.value, low: interval.low, high: interval.high)
      }
    }
    let ends = [slopes.windows.first?.low, slopes.windows.last?.high].compactMap { $0 }
    let noise = ends.map {
      Point(
        $0, slopes.overall, low: slopes.overall * (1 - slopes.noiseLimit),
        high: slopes.overall * (1 + slopes.noiseLimit))
    }
    let (above, itself) = (points(\.aboveFloor), points(\.ofLoss))
    let ofNoise = Style("where the slopes of 95 % of straight lines would all lie", .neutral)
    let aboveFloor = Style(
      slopes.floor > 0 ? "above the floor \(slopes.floor.text(4))" : "of the loss, without a floor",
      .category(1))
    let ofLoss = Style("of the loss itself", .category(0), marker: .open)
    // Intervals of windows with few runs are so wide that they would hide the slopes.
    let shown =
      ((above + itself + noise).flatMap { [$0.y, slopes.overall] } + noise.flatMap { [$0.low, $0.high] })
      .filter(\.isFinite)
    // Slopes that all rise are below zero.
    let range = min(shown.min() ?? 0, 0)...max(1.15 * (shown.max() ?? 1), 0)
    let layers: [Layer] =
      [.band(noise, ofNoise), .horizontal(slopes.overall, slopes.overall.text())]
      + (slopes.floor > 0 ? [.line(itself, ofLoss), .points(itself, ofLoss)] : [])
      + [.line(above, aboveFloor), .points(above, aboveFloor)]
    return Figure(
      name: "slopes-\(fit.result.name)", title: "\(fit.result.name): local slopes",
      caption:
        "\(fit.result.name): \(slopes.verdict). Bars are 95 % intervals of a bootstrap.",
      panels: [
        Panel(
          x: fit.labels.axis(slopes.variable),
          y: Axis("Slope −d log L/d log \(slopes.variable.symbol)", range: range),
          layers: layers)
      ])
  }
}
