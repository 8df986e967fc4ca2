import Analysis
import Files
import Foundation
import ScalingLaws

extension Chapter {
  /// The loss of MoE models compared with dense models of the same active and the same total size; nil if no
  /// law of MoE models was requested.
  static func experts(_ table: ResultsTable, _ fits: [ReportedFit]) -> Chapter? {
    let rows = table.completed.filter { ["", "1"].contains($0.text("granularity")) }
    let counts = Set(rows.compactMap { $0.number("experts") }).sorted()
    let laws = fits.filter { $0.result.law == .routed }
    guard !laws.isEmpty, counts.count > 1 else { return nil }
    let routed = laws.compactMap { fit in fit.result.fit.map { (fit, $0) } }.map { byExperts($0.0, $0.1) }
    return Chapter(
      "What experts add",
      [
        .paragraph(
          """
          An MoE model with E experts, of which a token uses one, costs as much as a dense model of its active size \
          and has almost E times as many parameters. Plotted against active size it should lie below the dense line, \
          and against total size above it: parameters that only some tokens use are worth less than parameters that \
          all tokens use.
          """),
        .figure(bySizes(rows, counts)),
      ] + routed.map { .figure($0) } + refusals(of: fits, laws: [.routed]))
  }

  /// Loss above the entropy over active and total size, of the longest runs, a colour for each number of experts.
  private static func bySizes(_ rows: [RunRow], _ counts: [Double]) -> Figure {
    let longest = Double(rows.compactMap(\.tokens).max() ?? 0)
    let knowsEntropy = rows.contains { $0.reducible != nil }
    // Lengths that are nominally equal differ by a fraction of a step.
    let chosen = rows.filter { Double($0.tokens ?? 0) > 0.9 * longest }
    func layers(_ count: Double, _ ink: Ink, over column: String) -> [Layer] {
      let points = chosen.filter { $0.number("experts") == count }.compactMap { row -> Point? in
        guard let n = row.number(column), let loss = row.reducible ?? row.loss else {
          return nil
        }
        return Point(n, loss)
      }
      let means = Dictionary(grouping: points, by: \.x).map { x, points -> Point in
        let logs = points.map { log($0.y) }
        return Point(x, exp(logs.reduce(0, +) / Double(logs.count)))
      }
      let style = Style("\(Int(clamping: count))", ink)
      return [.line(means.sorted { $0.x < $1.x }, style), .points(points, style)]
    }
    func panel(_ title: String, _ column: String) -> Panel {
      let inks = Ink.series(counts.count)
      return Panel(
        title, x: Axis("Parameters N", .logarithmic),
        y: Axis(knowsEntropy ? "Loss above the entropy" : "Loss", .logarithmic),
        layers: zip(counts, inks).flatMap { layers($0, $1, over: column) })
    }
    return Figure(
      name: "experts-size", title: "Loss against active and total size",
      caption:
        "The longest runs, in nats per token. Points are runs; lines connect the means over seeds. One expert is a dense model.",
      legend: "experts", panels: [panel("active", "n_active"), panel("total", "n_total")])
  }

  /// Loss over the number of experts at each active size, with the routed law.
  private static func byExperts(_ fit: ReportedFit, _ law: LawFit) -> Figure {
    let observations = fit.result.observations
    // Routers add some weights, so sizes within a fifth count as equal.
    var sizes: [[Observation]] = []
    for observation in observations.sorted(by: { ($0.parameters ?? 0) < ($1.parameters ?? 0) }) {
      if let first = sizes.last?.first?.parameters, let n = observation.parameters, n < 1.2 * first {
        sizes[sizes.count - 1].append(observation)
      } else {
        sizes.append([observation])
      }
    }
    let floor = law.knownFloor
    let layers = zip(sizes, Ink.series(sizes.count)).flatMap { runs, ink -> [Layer] in
      let style = Style((runs.first?.parameters ?? 0).amount, ink)
      let curve = Dictionary(grouping: runs, by: { $0.experts ?? 1 }).compactMap { experts, runs -> Point? in
        law.law.law.loss(law.values, at: runs[0]).map { Point(experts, $0 - floor) }
      }.sorted { $0.x < $1.x }
      return [.line(curve, style), .points(runs.map { Point($0.experts ?? 1, $0.loss - floor) }, style)]
    }
    return Figure(
      name: "experts-\(fit.result.name)", title: "Loss against the number of experts: \(fit.result.name)",
      caption:
        "Points are runs; lines are the routed law \(law.equation). Fitted to: \(fit.result.selection).",
      legend: "active weights",
      panels: [
        Panel(
          x: Axis("Experts E", .logarithmic),
          y: Axis(
            floor > 0 ? "Loss above the entropy (nats per token)" : "Loss (nats per token)", .logarithmic),
          layers: layers)
      ])
  }
}
