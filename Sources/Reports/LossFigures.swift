import Analysis
import ScalingLaws

extension Chapter {
  /// Loss against N, D and C with the fitted laws of one variable, or the reasons why there are none; nil if none was
  /// requested.
  static func losses(_ fits: [ReportedFit], baselines: Baselines) -> Chapter? {
    guard fits.contains(where: { $0.result.law.variable != nil || $0.variable != nil }) else { return nil }
    let figures = FitGroup.groups(of: fits).enumerated().map { index, group in
      Part.figure(lossFigure(of: group, baselines: baselines, number: index + 1))
    }
    return Chapter(
      "Loss against size, data and compute",
      [
        .paragraph(
          """
          If one quantity limits a model, its loss falls as a power of that quantity, down to a floor: L = E + \
          A·X^−α. Points are trained models with 95 % error bars, lines are fits, and shaded bands are the 95 % \
          intervals of the fits. A free floor E is determined by the fit \
          itself\(fits.contains { $0.result.entropy != nil } ? ": it should be near the true entropy" : "").
          """)
      ] + figures + refusals(of: fits, laws: LawChoice.allCases.filter { $0.variable != nil }))
  }

  private static func lossFigure(of group: FitGroup, baselines: Baselines, number: Int) -> Figure {
    let curves = group.fits.enumerated().flatMap { index, fit in
      group.curve(of: fit, label: fit.legend, ink: .category(index))
    }
    let highest = (group.observations + group.others).map(\.loss).max() ?? .infinity
    let lines = Baselines(
      entropy: group.entropy, nGrams: group.labels.isNatsPerToken ? baselines.nGrams : [])
    let panel = Panel(
      x: group.labels.axis(group.variable), y: group.labels.lossAxis,
      layers: lines.layers(upTo: highest) + curves + group.points())
    return Figure(
      name: "loss-\(number)-\(group.variable.symbol)",
      title: "Loss against \(group.variable.symbol)"
        + (group.fits.count == 1 ? group.fits[0].ownName.map { ": \($0)" } ?? "" : ""),
      caption: "Fitted to: \(group.selection) (\(group.observations.count) points).", panels: [panel])
  }

  /// A paragraph with the reason for each fit of these laws that failed or is incomplete.
  static func refusals(of fits: [ReportedFit], laws: [LawChoice]) -> [Part] {
    fits.filter { laws.contains($0.result.law) }.flatMap { fit in
      (fit.result.refusal.map { ["No fit \(fit.result.name): \($0)."] } ?? [])
        + fit.result.remarks.map { "Fit \(fit.result.name): \($0)." }
    }.map { .paragraph($0) }
  }
}
