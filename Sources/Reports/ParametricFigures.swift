import Analysis
import Foundation
import ScalingLaws

extension Chapter {
  /// The law of N and D with the runs, and its residuals.
  static func parametricFits(_ fits: [ReportedFit]) -> Chapter? {
    let parametric = fits.filter(\.isParametric)
    let others = fits.filter { !$0.isParametric && ($0.result.fit?.law.law.variables.count ?? 0) > 1 }
    let laws = LawChoice.allCases.filter { $0.isLaw && $0.variable == nil }
    let refusals = refusals(of: fits, laws: laws)
    guard !parametric.isEmpty || !others.isEmpty || !refusals.isEmpty else { return nil }
    let shown = preferred(parametric)
    let surfaces = shown.map { fit in
      [Variable.parameters, .tokens].compactMap { surface(of: fit, along: $0) }
    }
    return Chapter(
      parametric.isEmpty && !others.isEmpty ? "The fitted law" : "One law of size and data",
      [
        .paragraph(
          shown?.result.fit.map { law in
            """
            The law gives the loss as a function of size and data: \(law.equation) (\(law.source)). If it holds, the \
            lines of one fit go through the points of all sizes and lengths. \(Self.onResiduals)
            """
          } ?? Self.onResiduals)
      ] + (surfaces ?? []).map { .figure($0) }
        + (parametric + others).map { .figure(residuals(of: $0)) } + refusals)
  }

  private static let onResiduals = """
    The residuals of a law should be a band around zero without a slope or a bend; a pattern in them shows where the \
    law is wrong.
    """

  /// The fit of the headline numbers: with the true entropy as floor if there is one.
  static func preferred(_ fits: [ReportedFit]) -> ReportedFit? {
    let parametric = fits.filter(\.isParametric)
    return parametric.first { $0.result.floor == .entropy } ?? parametric.first
  }

  /// The loss above the floor along one variable, with a curve for each value of the other; nil if no value of the
  /// other has three values of the first.
  private static func surface(of fit: ReportedFit, along variable: Variable) -> Figure? {
    guard let law = fit.result.fit else { return nil }
    let held: Variable = variable == .parameters ? .tokens : .parameters
    let floor = law.law.law.knownFloor > 0 ? law.knownFloor : law["E"]?.value ?? 0
    let levels = spread(levels(of: held, along: variable, in: fit.result.observations), count: 8)
    guard !levels.isEmpty else { return nil }
    let isTrue = fit.result.floor == .entropy
    let layers = zip(levels, Ink.series(levels.count)).flatMap { level, ink -> [Layer] in
      let runs = fit.result.observations.filter { $0[held] == level }
      guard let range = runs.range(of: variable) else { return [] }
      let place = Observation(loss: .nan).setting(held, to: level)
      let style = Style("\(held.symbol) = \(level.amount)", ink)
      return [
        .line(law.curve(along: variable, over: range, at: place, above: floor), style),
        .points(runs.points(along: variable, above: floor, isEntropy: isTrue), style),
      ]
    }
    let (loss, axis) =
      isTrue
      ? ("Loss minus the true entropy", fit.labels.reducibleAxis)
      : floor > 0
        ? ("Loss minus the fitted floor E = \(floor.text(4))", fit.labels.aboveFloorAxis)
        : ("Loss", fit.labels.lossAxis)
    return Figure(
      name: "law-\(fit.result.name)-\(variable.symbol)", title: "One law, along \(variable.symbol)",
      caption: """
        \(loss) against \(variable.symbol); lines are the fit \(fit.result.name), \
        \(law.parameters.filter { $0.name.contains("exponent") }.map(\.text).joined(separator: ", ")).
        """,
      panels: [Panel(x: fit.labels.axis(variable), y: axis, layers: layers)])
  }

  /// Values of one variable at which at least three of the other were run.
  private static func levels(of held: Variable, along variable: Variable, in runs: [Observation]) -> [Double]
  {
    Set(runs.compactMap { $0[held] }).sorted().filter { level in
      Set(runs.filter { $0[held] == level }.compactMap { $0[variable] }).count >= 3
    }
  }

  /// At most `count` of the values, including the first and the last.
  private static func spread(_ values: [Double], count: Int) -> [Double] {
    guard values.count > count else { return values }
    return (0..<count).map { values[$0 * (values.count - 1) / (count - 1)] }
  }

  /// The residuals of the law against each of its variables, at most three.
  private static func residuals(of fit: ReportedFit) -> Figure {
    let panels = (fit.result.fit?.law.law.variables ?? []).prefix(3).map { variable in
      Panel(
        x: fit.labels.axis(variable), y: Axis("Log residual (%)"),
        layers: [
          .horizontal(0, ""),
          .points(
            fit.result.fit.map { fit.result.observations.residuals(of: $0, along: variable) } ?? [],
            Style(nil, .category(0))),
        ])
    }
    let law = fit.result.fit
    let loss = (law?.knownFloor ?? 0) > 0 ? "loss above the true entropy" : "loss"
    return Figure(
      name: "residuals-\(fit.result.name)", title: "Residuals of \(fit.result.name)",
      caption: """
        Logarithm of the ratio of measured to fitted \(loss), with 95 % error bars. Root mean square: \
        \((100 * (law?.rmsLogResidual ?? .nan)).text()) %.
        """, panels: panels)
  }
}
