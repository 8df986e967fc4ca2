import Foundation
import ScalingLaws

extension Chapter {
  /// The laws of the tasks' losses over the data mixture, and the best weights; nil if they were not requested.
  static func bestMixtures(_ fits: [ReportedFit]) -> Chapter? {
    let asked = fits.filter { $0.result.law == .bestMixture }
    guard !asked.isEmpty else { return nil }
    let parts = asked.enumerated().flatMap { index, fit -> [Part] in
      guard let best = fit.result.bestMixture else { return [] }
      return [.figure(figure(of: best, fit, name: "mixture-\(index + 1)"))]
        + Part.finding(.bestMixture(of: fit.result))
    }
    return Chapter(
      "The best data mixture",
      [
        .paragraph(
          """
          The loss on each task falls with the weight of its own text in training, and rises with what other texts \
          take away from it: L = c + k·exp(Σ t·r) of the weights r (Ye et al. 2024). A target is a weighted sum of these \
          losses. Its lowest place gives the best weights; a run with such weights tests the prediction.
          """)
      ] + parts + refusals(of: asked, laws: [.bestMixture]))
  }

  /// Measured against predicted losses, task by task, and the predicted target along the weight of the first task.
  private static func figure(of best: BestMixture, _ fit: ReportedFit, name: String) -> Figure {
    let inks = best.parts.indices.map { Ink.category($0) }
    let observations = fit.result.observations
    let layers = zip(best.parts, inks).enumerated().flatMap { index, pair -> [Layer] in
      let (part, ink) = pair
      let points = observations.compactMap { observation -> Point? in
        guard let measured = observation.columns?["loss_\(part.task)"],
          let predicted = part.fit.predict(at: observation)?.value
        else { return nil }
        return Point(predicted, measured)
      }
      return [.points(points, Style(part.task, ink))]
    }
    let all = observations.flatMap { observation in
      best.parts.compactMap { observation.columns?["loss_\($0.task)"] }
    }
    let (low, high) = (all.min() ?? 0.1, all.max() ?? 1)
    let diagonal = Layer.line(
      [Point(low, low), Point(high, high)], Style("by the laws", .neutral))
    // Along the line from the best weights to the first task alone, and to the others alone.
    let weights = best.weights.map(\.value)
    let curve = (0...48).map { step -> Point in
      let first = Double(step) / 48
      let rest = max(1 - weights[0], 1e-9)
      let mixture = [first] + weights.dropFirst().map { $0 / rest * (1 - first) }
      return Point(first, best.target(of: mixture))
    }
    let measured = observations.map { Point($0.mixture[0], $0.loss) }
    let style = Style("by the laws", .neutral)
    let first = best.parts[0].task
    return Figure(
      name: name, title: "\(fit.result.name): losses over the data mixture",
      caption: """
        Left: the loss on each task, measured against predicted by its law. Right: the target over the weight of \
        \(first), for the runs, whose other weights differ, and by the laws, with the other weights in the best \
        proportion.
        """,
      panels: [
        Panel(
          x: Axis("Predicted loss (nats per token)", .logarithmic),
          y: Axis("Measured loss (nats per token)", .logarithmic), layers: layers + [diagonal]),
        Panel(
          x: Axis("Weight of \(first)"), y: Axis("Target (nats per token)"),
          layers: [.line(curve, style), .points(measured, Style("runs", .category(best.parts.count)))]),
      ])
  }
}
