import Analysis

extension Chapter {
  /// The loss on each kind of task beside the part of it that is answered right; nil where fewer than two kinds have
  /// answers that are certain.
  static func accuracy(_ table: ResultsTable) -> Chapter? {
    let families = table.tasks.filter { family in
      table.completed.contains { $0.tasks[family]?.exactMatch != nil }
    }
    guard families.count > 1 else { return nil }
    func layers(_ value: (RunRow, String) -> Double?) -> [Layer] {
      families.enumerated().map { index, family in
        .points(
          table.completed.compactMap { run in
            run.exactCompute.flatMap { c in value(run, family).map { Point(c, $0) } }
          }, Style(family, .category(index)))
      }
    }
    let compute = Axis("Training compute C (FLOPs)", .logarithmic)
    let figure = Figure(
      name: "accuracy", title: "Loss and accuracy of each kind of task",
      caption: """
        Each point is a run. Left: loss above the true entropy on the targets of a kind of task. Right: the part of its \
        passages of which the certain end is predicted to the last token.
        """,
      legend: "kind of task",
      panels: [
        Panel(
          x: compute, y: Axis("Reducible loss (nats a token)", .logarithmic),
          layers: layers { run, family in
            run.tasks[family].flatMap { task in task.loss.flatMap { loss in task.entropy.map { loss - $0 } } }
          }),
        Panel(
          x: compute, y: Axis("Exact match", range: 0...1),
          layers: layers { $0.tasks[$1]?.exactMatch }),
      ])
    return Chapter(
      "Accuracy beside loss",
      [
        .paragraph(
          """
          The end of some passages is certain: a fact after the name, a sum after the equals sign. An answer is right only \
          if all of its tokens are, so that accuracy may stay near zero while the loss falls steadily, and then rise \
          within a little compute. Where the loss shows no such jump, the jump is in the measure (Schaeffer et al. 2023).
          """),
        .figure(figure),
      ])
  }
}
