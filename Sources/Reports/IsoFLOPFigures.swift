import Analysis
import Foundation
import ScalingLaws

extension Chapter {
  /// The profiles of each compute budget, and their minima as functions of the budget; the envelope of training curves;
  /// all approaches in one table. nil if none was requested.
  static func isoFLOP(_ fits: [ReportedFit], _ all: Fits) -> Chapter? {
    let asked = fits.filter { $0.result.law.isoFLOPMethod != nil || $0.result.law == .envelope }
    guard !asked.isEmpty else { return nil }
    let parts = asked.enumerated().flatMap { index, fit -> [Part] in
      if let envelope = fit.result.envelope {
        return [.figure(Self.envelope(of: envelope, fit, name: "envelope-\(index + 1)"))]
      }
      guard let analysis = fit.result.isoFLOP else { return [] }
      let suffix = index == 0 ? "" : "-\(index + 1)"
      let parts =
        [Part.figure(profiles(of: analysis, fit, name: "isoflop-profiles\(suffix)"))]
        + Part.finding(.isoFLOPMinima(of: fit.result))
      guard analysis.profiles.contains(where: { $0.minimum != nil }) else { return parts }
      return parts + [.figure(frontier(of: analysis, fit, all: fits, name: "compute-optimal\(suffix)"))]
    }
    return Chapter(
      "The best size for a budget",
      [
        .paragraph(
          """
          All models of one colour cost the same compute. A small model sees many tokens but has little capacity; a \
          large one sees too few tokens. In between lies a best size N*, at the minimum of a parabola in log N. The \
          growth of N* and its number of tokens D* with compute shows how to spend a larger budget.
          """)
      ] + parts + Part.finding(.leastLosses(in: all)) + refusals(of: asked, laws: asked.map(\.result.law))
        + Part.finding(.approaches(in: all)))
  }

  private static func profiles(of analysis: IsoFLOPAnalysis, _ fit: ReportedFit, name: String) -> Figure {
    let drawn = analysis.profiles.filter { $0.observations.count >= 3 }
    let few = analysis.profiles.filter { $0.observations.count < 3 }.flatMap(\.observations)
    let fewLayer = Layer.points(
      few.points(along: .parameters).map { Point($0.x, $0.y) },
      Style(few.isEmpty ? nil : "budgets of one or two models", .neutral, marker: .small))
    let layers = zip(drawn, Ink.series(drawn.count)).flatMap { profile, ink -> [Layer] in
      let style = Style("\(profile.budget.amount)\(profile.minimum == nil ? ", no minimum" : "")", ink)
      var layers: [Layer] = [.points(profile.observations.points(along: .parameters), style)]
      let fitted = profile.window.map { $0.low...$0.high } ?? profile.observations.range(of: .parameters)
      if let range = fitted, !profile.parabola.isEmpty {
        let curve = logarithmicSteps(range, count: 48).compactMap { n in
          profile.loss(parameters: n).map { Point(n, $0) }
        }
        layers.append(.line(curve, style))
      }
      return layers
    }
    let minima = analysis.profiles.compactMap(\.minimum)
    let bars = minima.compactMap { minimum in
      minimum.parametersInterval.map { interval in
        Layer.line(
          [Point(interval.low, minimum.loss), Point(interval.high, minimum.loss)], Style(nil, .neutral))
      }
    }
    let diamonds = Layer.points(
      minima.map { Point($0.parameters, $0.loss) }, Style("minimum", .category(6), marker: .diamond))
    return Figure(
      name: name, title: "IsoFLOP profiles\(fit.ownName.map { ": \($0)" } ?? "")",
      caption: """
        Loss of models of equal compute against their size, with a parabola in log N for each budget. It is drawn \
        over the models that it is fitted to. A diamond marks a minimum; the bar through it is the 95 % interval of N*.
        """,
      legend: "C (FLOPs)",
      panels: [
        Panel(
          x: fit.labels.axis(.parameters), y: fit.labels.lossAxis,
          layers: [fewLayer] + layers + (minima.isEmpty ? [] : bars + [diamonds]))
      ])
  }

  /// N*, D* and the loss of the minima against C.
  private static func frontier(
    of analysis: IsoFLOPAnalysis, _ fit: ReportedFit, all: [ReportedFit], name: String
  ) -> Figure {
    let budgets = analysis.profiles.map(\.budget)
    let range = (budgets.min() ?? 1) / 1.3...(budgets.max() ?? 1) * 1.3
    let compute = Axis("C (FLOPs)", .logarithmic)
    func minima(_ value: (IsoFLOPMinimum) -> (Double, Interval?)) -> Layer {
      let points = analysis.profiles.compactMap { profile in
        profile.minimum.map(value).map { value, interval in
          Point(profile.budget, value, low: interval?.low ?? value, high: interval?.high ?? value)
        }
      }
      return .points(points, Style("IsoFLOP minima", .category(6)))
    }
    func panel(_ trend: IsoFLOPTrend?, _ label: String, _ points: Layer) -> Panel {
      let line = trend.map { trend in logarithmicSteps(range, count: 2).map { Point($0, trend(compute: $0)) }
      }
      return Panel(
        trend?.exponent.text, x: compute, y: Axis(label, .logarithmic),
        layers: (line.map { [.line($0, Style("power law through the minima", .category(1)))] } ?? []) + [
          points
        ])
    }
    // The law of the loss in C was fitted to the best runs of all, not to the minima.
    let law = all.first { $0.variable == .compute && $0.result.convention == fit.result.convention }?.result
      .fit
    let curve = law?.curve(along: .compute, over: range) ?? []
    let style = Style("law of the loss in C", .category(0))
    return Figure(
      name: name, title: "The compute-optimal frontier\(fit.ownName.map { ": \($0)" } ?? "")",
      caption: """
        Best size, best number of tokens and the loss at these, for each budget, with 95 % intervals; the exponents \
        are those of N* ∝ C^a and D* ∝ \
        C^b.\(law == nil ? "" : " The line in the last panel was fitted to the best of all runs.")
        """,
      panels: [
        panel(
          analysis.parameters, "Best size N* (parameters)", minima { ($0.parameters, $0.parametersInterval) }),
        panel(analysis.tokens, "Best data D* (tokens)", minima { ($0.tokens, $0.tokensInterval) }),
        Panel(
          law?["α"]?.text, x: compute, y: fit.labels.lossAxis,
          layers: (curve.isEmpty ? [] : [.band(curve, style), .line(curve, style)]) + [
            minima { ($0.loss, nil) }
          ]),
      ])
  }
}
