import Analysis

extension Chapter {
  /// The effect of settings on the loss, compared with the noise of seeds; nil if it was not requested.
  static func sweeps(_ sweeps: [Sweep], noise: [SeedNoise]) -> Chapter? {
    guard !sweeps.isEmpty else { return nil }
    let parts = sweeps.flatMap { sweep -> [Part] in
      guard !sweep.cells.isEmpty else {
        return [.paragraph("No two runs differ in nothing but \(sweep.words).")]
      }
      return [figure(of: sweep).map(Part.figure)].compactMap { $0 } + Part.finding(.sweep(sweep))
    }
    return Chapter(
      "The effect of single settings",
      [
        .paragraph(
          """
          Runs that differ only in one setting are compared. The excess is the amount by which the loss at the \
          program's default lies above the lowest loss that was tried. It is given for the whole loss and, where the \
          true entropy is known, for the reducible loss, which is all that training can change. The lowest of \
          several noisy losses is partly luck: an excess as small as the noise of the seeds means nothing.
          """)
      ] + parts + Part.finding(.seedNoise(noise)))
  }

  /// The loss relative to the best one against the setting, if that is a number.
  private static func figure(of sweep: Sweep) -> Figure? {
    let kinds = Set(sweep.cells.map(\.kind)).sorted()
    // One colour for equal labels in all panels.
    let labels = sweep.cells.reduce(into: [String]()) { if !$0.contains($1.label) { $0.append($1.label) } }
    let panels = kinds.compactMap { kind -> Panel? in
      let cells = sweep.cells.filter { $0.kind == kind }
      let lines = cells.flatMap { layers(of: $0, ink: labels.firstIndex(of: $0.label) ?? 0) }
      guard !lines.isEmpty else { return nil }
      return Panel(
        kind, x: Axis("\(sweep.words) / default", .logarithmic),
        y: Axis("Loss above the best (%)"), layers: [.horizontal(1, "1 %")] + lines)
    }
    guard !panels.isEmpty else { return nil }
    return Figure(
      name: "sweep-\(sweep.setting)", title: "The loss against \(sweep.words)",
      caption: """
        Each line is one model and length; its lowest point is 0. The program's default is at 1 on the horizontal \
        axis.
        """, panels: panels)
  }

  /// The line of a cell; empty if its values are not positive numbers.
  private static func layers(of cell: Sweep.Cell, ink: Int) -> [Layer] {
    let points = cell.trials.compactMap { trial in
      trial.multiple.map { Point($0, 100 * (trial.loss / cell.best - 1)) }
    }
    guard points.count == cell.trials.count, points.allSatisfy({ $0.x > 0 }) else { return [] }
    let style = Style(cell.label, .category(ink))
    return [.line(points, style), .points(points, style)]
  }
}
