import Analysis
import Training

extension Chapter {
  /// The distribution of tokens over experts during training, and the specialisation of the experts; nil for dense
  /// models.
  static func routing(_ table: ResultsTable, curves: [String: [CurvePoint]]) -> Chapter? {
    let routed = table.completed.filter { $0.loadEntropy != nil }
    guard !routed.isEmpty else { return nil }
    let watched = extremes(
      of: routed.filter { curves[$0.run]?.contains { !$0.routing.isEmpty } ?? false })
    let histories = watched.compactMap { row in
      curves[row.run].flatMap(history).map { (label: table.label(of: row, among: watched), cells: $0) }
    }
    var parts: [Part] = [
      .paragraph(
        """
        A router sends every token to the experts with the highest scores. Experts that get more tokens learn more \
        and are then chosen more often. Without balancing, a few of them end up with all tokens and the others with \
        none. The entropy of the loads is 1 if all experts get equally many tokens, and 0 if one expert gets all.
        """)
    ]
    if !histories.isEmpty {
      let names = histories.enumerated().map { "\($0 + 1): \($1.label)" }
      parts.append(
        .figure(
          Figure(
            name: "expert-loads", title: "The load of each expert during training",
            caption: """
              For each training, the layer whose loads are least even at the end, with experts in the order of these \
              loads. Up to three trainings that end least evenly, and three that end most evenly. \
              \(names.joined(separator: "; ")).
              """,
            legend: "load over an even one",
            panels: heatMaps(
              histories.enumerated().map { index, history in
                HeatMap(
                  title: "\(index + 1)", x: Axis("Training tokens", .logarithmic), y: Axis("Expert"),
                  cells: history.cells)
              }))))
    }
    if let row = watched.last, let layer = curves[row.run]?.last?.routing.last,
      let figure = specialisation(layer, label: table.label(of: row, among: watched))
    {
      parts.append(.figure(figure))
    }
    if let figure = lossOverLoads(routed) { parts.append(.figure(figure)) }
    return Chapter("Who gets which tokens", parts + Part.finding(.expertLoads(of: routed, in: table)))
  }

  /// The trainings with the least and the most even loads at their ends, at most six, the least even first: of runs of
  /// one kind, that of one seed and the greatest length.
  private static func extremes(of rows: [RunRow]) -> [RunRow] {
    var longest: [String: RunRow] = [:]
    for row in rows
    where (row.tokens ?? 0) > (longest[row.trunk]?.tokens ?? 0) {
      longest[row.trunk] = row
    }
    let seed = longest.values.compactMap { $0.number("seed") }.min()
    let sorted = longest.values.filter { $0.number("seed") == seed }.sorted {
      ($0.loadEntropy ?? 0, $0.run) < ($1.loadEntropy ?? 0, $1.run)
    }
    return sorted.count <= 6 ? sorted : Array(sorted.prefix(3) + sorted.suffix(3))
  }

  /// The loss of each run against the evenness of its loads, with a colour for each kind of balance; nil if there is
  /// only one.
  private static func lossOverLoads(_ rows: [RunRow]) -> Figure? {
    let balances = Set(rows.map { $0.text("balance") }).sorted()
    guard balances.count > 1 else { return nil }
    let layers = balances.enumerated().map { index, balance in
      Layer.points(
        rows.filter { $0.text("balance") == balance }.compactMap { row in
          row.loadEntropy.flatMap { x in row.loss.map { Point(x, $0) } }
        }, Style(balance, .category(index)))
    }
    return Figure(
      name: "loss-loads", title: "Loss and loads",
      caption: "Each point is a run. On the left, few experts get most of the tokens.", legend: "balance",
      panels: [
        Panel(
          x: Axis("Entropy of the loads / entropy of even loads", range: 0...1.02),
          y: Axis("Loss (nats per token)", .logarithmic),
          layers: layers)
      ])
  }

  /// The bounds of the levels of a heat map, in units of an even load, with their names.
  private static let levels: [(upTo: Double, name: String)] = [
    (0.02, "none"), (0.5, "below a half"), (0.8, "below .8"), (1.25, "even"), (2, "up to 2"), (4, "up to 4"),
    (.infinity, "more than 4"),
  ]

  /// A panel of coloured cells, with values in units of an even load.
  private struct HeatMap {
    let title: String
    let x: Axis
    let y: Axis
    let cells: [(cell: Cell, value: Double)]
  }

  /// Panels with one legend: levels that only later panels have are named in the first by a rectangle without area.
  private static func heatMaps(_ maps: [HeatMap]) -> [Panel] {
    func level(_ value: Double) -> Int { levels.firstIndex { value <= $0.upTo } ?? levels.count - 1 }
    let used = Set(maps.flatMap { $0.cells.map { level($0.value) } }).sorted()
    let inks = Ink.series(levels.count)
    return maps.enumerated().map { index, map in
      let layers = used.compactMap { number -> Layer? in
        let cells = map.cells.filter { level($0.value) == number }.map(\.cell)
        guard cells.isEmpty else { return .cells(cells, Style(levels[number].name, inks[number])) }
        guard index == 0, let corner = map.cells.first?.cell else { return nil }
        let nowhere = Cell(
          x: corner.x.lowerBound...corner.x.lowerBound, y: corner.y.lowerBound...corner.y.lowerBound)
        return .cells([nowhere], Style(levels[number].name, inks[number]))
      }
      return Panel(map.title, x: map.x, y: map.y, layers: layers)
    }
  }

  /// The loads of one training, with tokens on the x axis and experts on the y axis; nil if they were logged only once.
  private static func history(_ curve: [CurvePoint]) -> [(cell: Cell, value: Double)]? {
    let points = curve.filter { !$0.routing.isEmpty }
    guard let last = points.last?.routing, points.count > 1,
      let worst = last.indices.min(by: { last[$0].loadEntropy < last[$1].loadEntropy })
    else { return nil }
    let loads = last[worst].loads
    let order = loads.indices.sorted { (loads[$0], $0) < (loads[$1], $1) }
    return zip(points, points.dropFirst()).flatMap { point, next in
      let tokens = Double(point.tokens)...Double(max(next.tokens, point.tokens + 1))
      return order.enumerated().map { place, expert in
        (Cell(x: tokens, y: row(place)), next.routing[worst].loads[expert] * Double(loads.count))
      }
    }
  }

  /// The interval around number `place` + 1.
  private static func row(_ place: Int) -> ClosedRange<Double> {
    (Double(place) + 0.5)...(Double(place) + 1.5)
  }

  /// The fraction of each kind of target, and of each kind of byte, that each expert gets.
  private static func specialisation(
    _ layer: LayerRouting, label: String
  ) -> Figure? {
    let experts = layer.loads.count
    func map(_ title: String, _ parts: [String: [Double]]) -> HeatMap? {
      guard parts.count > 1 else { return nil }
      let names = parts.keys.sorted()
      let cells = names.enumerated().flatMap { place, name in
        (parts[name] ?? []).enumerated().map { expert, part in
          (cell: Cell(x: row(expert), y: row(place)), value: part * Double(experts))
        }
      }
      return HeatMap(
        title: title,
        x: Axis(
          "Expert", range: 0.5...(Double(experts) + 0.5),
          names: experts > 8 ? [] : (1...experts).map(String.init)),
        y: Axis("", range: 0.5...(Double(names.count) + 0.5), names: names), cells: cells)
    }
    let maps = [map("by kind of task", layer.tasks), map("by first byte", layer.classes)].compactMap { $0 }
    guard !maps.isEmpty else { return nil }
    return Figure(
      name: "expert-specialisation", title: "What the experts are for",
      caption: """
        Block \(layer.block + 1) at the end of the most even training (\(label)): for each kind of token, the \
        fraction that each expert gets. If all experts were alike, all cells would be equal.
        """,
      legend: "fraction over an even one", panels: heatMaps(maps))
  }
}
