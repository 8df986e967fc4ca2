import Foundation
import ScalingLaws

extension Chapter {
  /// The steps and tokens that each loss needs, and the growth of the critical batch; nil if it was not requested.
  static func criticalBatch(_ fits: [ReportedFit]) -> Chapter? {
    let asked = fits.filter { $0.result.law == .criticalBatch }
    guard !asked.isEmpty else { return nil }
    let parts = asked.enumerated().flatMap { index, fit -> [Part] in
      guard let analysis = fit.result.criticalBatch else { return [] }
      return [
        .figure(figure(of: analysis, fit, name: "critical-batch-\(index + 1)"))
      ] + Part.finding(.criticalBatches(of: fit.result)) + Part.finding(.parameters(of: [fit.result]))
    }
    return Chapter(
      "The critical batch",
      [
        .paragraph(
          """
          A loss can be reached in few steps with a large batch, or with few tokens in small batches. Below the \
          critical batch, a larger batch saves steps and wastes no tokens; above it, it wastes tokens. The two costs \
          lie on a hyperbola, (S/Smin − 1)(D/Dmin − 1) = 1, and Bcrit = Dmin/Smin is at its corner (McCandlish et \
          al. 2018).
          """)
      ] + parts + refusals(of: asked, laws: [.criticalBatch]))
  }

  private static func figure(of analysis: CriticalBatchAnalysis, _ fit: ReportedFit, name: String) -> Figure {
    let costs = zip(analysis.targets, Ink.series(analysis.targets.count)).flatMap { target, ink -> [Layer] in
      let style = Style(target.tradeoff.loss.text(), ink)
      guard let least = target.batches.min(), let most = target.batches.max() else { return [] }
      let hyperbola = logarithmicSteps((least / 2)...(most * 2), count: 48).map { batch in
        let steps = target.tradeoff.minimumSteps + target.tradeoff.minimumTokens / batch
        return Point(steps * batch, steps)
      }
      return [
        .line(hyperbola, style), .points(zip(target.tokens, target.steps).map { Point($0, $1) }, style),
      ]
    }
    let law = analysis.targets.map { target in
      let loss = target.tradeoff.loss
      let value = analysis.law.tokens(atLoss: loss)
      return Point(
        loss, value, low: target.lawInterval?.low ?? value, high: target.lawInterval?.high ?? value)
    }
    let measured = analysis.targets.map { target in
      let value = target.tradeoff.criticalBatch
      return Point(
        target.tradeoff.loss, value, low: target.interval?.low ?? value, high: target.interval?.high ?? value)
    }
    let tokens = analysis.targets.map(\.tradeoff.minimumTokens)
    let loss = analysis.floor > 0 ? fit.labels.reducibleAxis : fit.labels.lossAxis
    return Figure(
      name: name, title: "Steps against tokens, and the critical batch",
      caption: """
        Left: steps and tokens that each batch size needs for a \
        loss\(analysis.floor > 0 ? " above the true entropy" : ""), at its best learning rate, with the fitted \
        hyperbola; one curve for each loss. Right: the critical batch against the loss, with 95 % intervals and the \
        fitted power law. Dmin goes from \((tokens.min() ?? 0).text(2)) to \((tokens.max() ?? 0).text(2)) tokens, \
        and Bcrit grows as Dmin^\(analysis.growth.value.text()) \(analysis.growth.intervalText).
        """,
      legend: "loss",
      panels: [
        Panel(x: fit.labels.axis(.tokens), y: Axis("Steps S", .logarithmic), layers: costs),
        Panel(
          analysis.exponent.text, x: loss, y: Axis("Critical batch (tokens)", .logarithmic),
          layers: [
            .band(law, Style("power law", .category(1))), .line(law, Style("power law", .category(1))),
            .points(measured, Style("measured", .category(6))),
          ]),
      ])
  }
}
