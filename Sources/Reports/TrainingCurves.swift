import Analysis
import Training

extension Chapter {
  /// Validation loss along every training, a colour for each size of model and a panel for each text and kind of model;
  /// nil if nothing was logged.
  ///
  /// - Parameter curves: The logged losses of runs by identifier. A run's log begins with that of its trunk.
  static func trainingCurves(
    of rows: [RunRow], curves: [String: [CurvePoint]], baselines: Baselines
  ) -> Chapter? {
    let logged = rows.filter { !(curves[$0.run] ?? []).isEmpty }
    guard !logged.isEmpty else { return nil }
    let sizes = Grouping(of: logged, by: ["width"] + varying(["depth"], in: logged))
    // If there are too many kinds for separate panels, they are drawn in one.
    let separate = Grouping(
      of: logged, by: varying(["corpus", "tokenizer", "architecture", "experts"], in: logged))
    let kinds = separate.values.count <= 6 ? separate : Grouping(of: logged, by: [])
    let panels = kinds.values.map { kind -> Panel in
      let rows = logged.filter { kinds.value(of: $0) == kind }
      let entropies = Set(rows.map { $0.entropy })
      let lines = Baselines(
        entropy: entropies.count == 1 ? rows[0].entropy : nil,
        nGrams: kinds.values.count == 1 ? baselines.nGrams : [])
      let drawn = zip(sizes.values, Ink.series(sizes.values.count)).flatMap { size, ink in
        distinctCurves(of: rows.filter { sizes.value(of: $0) == size }, curves: curves).flatMap { curve in
          layers(of: curve, Style(sizes.label(of: size), ink))
        }
      }
      return Panel(
        kinds.names.isEmpty ? nil : kinds.label(of: kind), x: Axis("Training tokens", .logarithmic),
        y: Axis("Validation loss (nats per token)", .logarithmic), layers: lines.layers() + drawn)
    }
    let figure = Figure(
      name: "training-curves", title: "Loss during training",
      caption: """
        Validation loss against tokens seen. Solid: at a constant learning rate; dashed: during the cooldown, in \
        which the rate falls to zero; a marker: the end of a run, which fits and tables use. Runs that share a trunk \
        separate where their cooldowns begin. \(onPrecision(of: logged, curves))\(onBaselines(panels))
        """,
      legend: sizes.names.joined(separator: " × "), panels: panels)
    return Chapter(
      "Training",
      [
        .paragraph(
          """
          Each line is the training of one model. A larger model costs more compute but has a lower loss after the \
          same number of tokens; the drop at the end of a line is its cooldown. A line that has become flat is \
          limited by size, a line that still falls is limited by data.
          """),
        .figure(figure),
      ])
  }

  /// The columns that differ between rows.
  private static func varying(_ names: [String], in rows: [RunRow]) -> [String] {
    names.filter { name in Set(rows.map { $0.text(name) }).count > 1 }
  }

  /// Rows by the values of some columns.
  private struct Grouping {
    let names: [String]
    /// The distinct values, in the order of their numbers, or of the rows.
    private(set) var values: [[String]] = []

    init(of rows: [RunRow], by names: [String]) {
      self.names = names
      for row in rows where !values.contains(value(of: row)) { values.append(value(of: row)) }
      if names.allSatisfy({ name in rows.allSatisfy { $0.number(name) != nil } }) {
        values.sort { $0.lexicographicallyPrecedes($1) { (Double($0) ?? 0) < (Double($1) ?? 0) } }
      }
    }

    func value(of row: RunRow) -> [String] { names.map { row.text($0) } }

    /// The values, with the names of numbers unless the legend's title has them.
    func label(of value: [String]) -> String {
      guard names.first != "width" else { return value.joined(separator: " × ") }
      return zip(names, value).map { Double($1) == nil ? $1 : "\($0) \($1)" }.joined(separator: ", ")
    }
  }

  private static func onPrecision(of rows: [RunRow], _ curves: [String: [CurvePoint]]) -> String {
    let points = rows.flatMap { curves[$0.run] ?? [] }
    let few = LearningCurve.windows
    // In logs of earlier versions, points have as many windows as a given precision needed.
    guard let all = points.map(\.windows).max(), few < all, points.contains(where: { $0.windows == few })
    else { return "" }
    let errors = points.filter { $0.windows == few }.map { $0.standardError / $0.validationLoss }.sorted()
    return """
      During training a model is evaluated on the same \(few) windows, with a standard error of about \
      \((100 * errors[errors.count / 2]).text(2)) %. Because the windows are always the same, this error shifts a \
      line as a whole. The line is drawn so that it ends at the loss on all \(all) windows.
      """
  }

  private static func onBaselines(_ panels: [Panel]) -> String {
    let dashes = Set(
      panels.flatMap { panel in
        panel.layers.compactMap { if case .horizontal(_, _, let style) = $0 { style.dash } else { nil } }
      })
    let (dotted, dashed) = (
      dashes.contains(.dotted) ? " Dotted: the loss of n-gram models." : "",
      dashes.contains(.dashed)
        ? " Dashed horizontal line: the true entropy of the text, below which no model can go." : ""
    )
    return dotted + dashed
  }

  private static func layers(of curve: ArraySlice<CurvePoint>, _ style: Style) -> [Layer] {
    guard let end = curve.last else { return [] }
    // Windows differ in difficulty, by nearly the same factor at all points of the curve.
    let shift = end.validationLoss / end.curveLoss
    func place(_ point: CurvePoint) -> Point {
      Point(Double(point.tokens), point.tokens == end.tokens ? end.validationLoss : point.curveLoss * shift)
    }
    let constant = curve.prefix { $0.cooldownFrom == nil }
    let cooldown = curve.dropFirst(max(constant.count - 1, 0))
    let last = place(end)
    let error = 1.96 * end.standardError
    return [
      .line(constant.map(place), style),
      .line(constant.count < curve.count ? cooldown.map(place) : [], Style(nil, style.ink, dash: .dashed)),
      .points([Point(last.x, last.y, error: error)], style),
    ]
  }

  /// Each trunk once, with its longest run, and the other runs from the point where they branch off.
  private static func distinctCurves(
    of rows: [RunRow], curves: [String: [CurvePoint]]
  ) -> [ArraySlice<CurvePoint>] {
    var longest: [String: [CurvePoint]] = [:]
    let logged = rows.compactMap { row in
      curves[row.run].map { (trunk: row.trunk, points: $0) }
    }
    return logged.sorted { ($0.points.last?.tokens ?? 0) > ($1.points.last?.tokens ?? 0) }.map { run in
      guard let trunk = longest[run.trunk] else {
        longest[run.trunk] = run.points
        return run.points[...]
      }
      let shared = zip(run.points, trunk).prefix { $0 == $1 }.count
      // Logs of earlier versions have no point at which a branch begins: the last one before it is used.
      let start = run.points.last?.cooldownFrom
      let begins = start != nil && run.points.contains { $0.tokens == start }
      return run.points.dropFirst(begins ? shared : max(shared - 1, 0))
    }
  }
}
