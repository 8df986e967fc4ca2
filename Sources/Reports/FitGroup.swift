import ScalingLaws

/// Fits of laws in one variable to the same runs, which one panel shows.
struct FitGroup: Sendable {
  let variable: Variable
  private(set) var fits: [ReportedFit]
  /// Other runs with the same measure of loss, which the fits do not include.
  let others: [Observation]

  var observations: [Observation] { fits[0].result.observations }
  var labels: AxisLabels { fits[0].labels }
  var entropy: Double? { fits[0].result.entropy }
  /// A description of the runs.
  var selection: String { fits[0].result.selection }

  private func takes(_ fit: ReportedFit) -> Bool {
    fit.variable == variable && fit.result.convention == fits[0].result.convention
      && fit.result.observations == observations
  }

  /// The groups among all fits, in the order of the fits.
  static func groups(of all: [ReportedFit]) -> [FitGroup] {
    var groups: [FitGroup] = []
    for fit in all {
      guard let variable = fit.variable else { continue }
      if let index = groups.firstIndex(where: { $0.takes(fit) }) {
        groups[index].fits.append(fit)
      } else {
        let whole = all.first { $0.isParametric && $0.result.convention == fit.result.convention }
        let others = (whole?.result.observations ?? []).filter { !fit.result.observations.contains($0) }
        groups.append(FitGroup(variable: variable, fits: [fit], others: others))
      }
    }
    return groups
  }

  /// The losses of the runs, or the losses above the true entropy, with the fitted runs in front.
  func points(above entropy: Double? = nil) -> [Layer] {
    let floor = entropy ?? 0
    return [
      .points(
        others.points(along: variable, above: floor).map { Point($0.x, $0.y) },
        Style(others.isEmpty ? nil : "other runs", .neutral, marker: .small)),
      .points(
        observations.points(along: variable, above: floor, isEntropy: entropy != nil),
        Style("runs fitted", .category(6))),
    ]
  }

  /// A fit's line on its 95 % interval.
  func curve(of fit: ReportedFit, label: String, ink: Ink, above floor: Double = 0) -> [Layer] {
    guard let law = fit.result.fit, let range = observations.range(of: variable) else { return [] }
    let curve = law.curve(along: variable, over: range, above: floor)
    return [.band(curve, Style(label, ink)), .line(curve, Style(label, ink))]
  }
}
