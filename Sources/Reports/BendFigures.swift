import Foundation
import ScalingLaws

extension Chapter {
  /// The tests of laws in one variable for breaks; nil if they were not requested.
  static func bends(_ fits: [ReportedFit]) -> Chapter? {
    let asked = fits.compactMap { fit in fit.result.bends.map { (fit, $0) } }
    guard !asked.isEmpty else { return nil }
    let parts = asked.flatMap { fit, bends -> [Part] in
      [.figure(figure(of: bends, fit))] + Part.finding(.bendEvidence(of: fit.result))
        + Part.finding(.bends(of: fit.result))
    }
    return Chapter(
      "Where the line bends",
      [
        .paragraph(
          """
          A power law is straight above its floor. A smoothly broken power law changes its exponent near one place; \
          the table gives the range of this change as a factor. It has more parameters, so it always fits better. A \
          bend is therefore accepted only if the gain is larger than that of nearly all simulated curves without a \
          bend but with the same scatter: p is the fraction of these that seem as bent. The table also gives the \
          gain in AICc, and the error of each law for the last quarter of the points when it is fitted to the \
          others.
          """)
      ] + parts)
  }

  /// The loss above the accepted law's floor, and the residuals of the law without breaks.
  private static func figure(of bends: Bends, _ fit: ReportedFit) -> Figure {
    let (accepted, runs, variable) = (bends.fit, fit.result.observations, bends.variable)
    let floor =
      accepted.knownFloor > 0 ? accepted.knownFloor : accepted["a"]?.value ?? accepted["E"]?.value ?? 0
    let marks = bends.bends.map {
      Layer.vertical($0.place.value, "\(variable.symbol) = \($0.place.value.text())")
    }
    let curve = runs.range(of: variable).map { accepted.curve(along: variable, over: $0, above: floor) } ?? []
    let style = Style(bends.bends.isEmpty ? "power law" : "broken power law", .category(1))
    let axis = fit.labels.axis(variable)
    let above = Panel(
      x: axis, y: accepted.knownFloor > 0 ? fit.labels.reducibleAxis : fit.labels.aboveFloorAxis,
      layers: marks + [
        .band(curve, style), .line(curve, style),
        .points(
          runs.points(along: variable, above: floor, isEntropy: accepted.knownFloor > 0),
          Style("runs fitted", .category(6))),
      ])
    let lowest =
      accepted.knownFloor > 0 ? "the true entropy" : "the accepted law's own floor, \(floor.text(4))"
    return Figure(
      name: "bends-\(fit.result.name)",
      title: "\(fit.result.name): \(bends.bends.isEmpty ? "no bend" : "a bend")",
      caption: """
        \(bends.verdict.capitalizedSentence). Left: loss minus \(lowest), with the accepted law. Right: the residuals of each law.
        """,
      panels: [above] + residuals(of: bends, fit, axis))
  }

  private static func residuals(of bends: Bends, _ fit: ReportedFit, _ axis: Axis) -> [Panel] {
    let unbent = fit.result.fit.map { ($0, "as fitted: \($0.equation)", Ink.category(0)) }
    let accepted = bends.bends.isEmpty ? nil : (bends.fit, "with the bend", Ink.category(1))
    let layers = [unbent, accepted].compactMap { $0 }.map { law, label, ink in
      Layer.points(fit.result.observations.residuals(of: law, along: bends.variable), Style(label, ink))
    }
    return [Panel(x: axis, y: Axis("Log residual (%)"), layers: [.horizontal(0, "")] + layers)]
  }
}

extension [Observation] {
  /// The residuals of a law against a variable, in percent of the loss above its known floor.
  func residuals(of law: LawFit, along variable: Variable) -> [Point] {
    compactMap { run in
      guard let x = run[variable], let predicted = law.predict(at: run) else { return nil }
      let found = run.loss - law.knownFloor
      let error = run.error(aboveEntropy: law.knownFloor > 0) / found
      return Point(x, 100 * log(found / (predicted.value - law.knownFloor)), error: 100 * error)
    }
  }
}
