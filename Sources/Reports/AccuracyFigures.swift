import Analysis

extension Chapter {
  /// The loss on each task and the fraction of exact matches; nil if fewer than two tasks have
  /// deterministic answers.
  static func accuracy(_ table: ResultsTable) -> Chapter? {
    let tasks = table.wholeTasks.filter { task in
      table.completed.contains { $0.tasks[task]?.exactMatch != nil }
    }
    guard tasks.count > 1 else { return nil }
    func layers(_ value: (RunRow, String) -> Double?) -> [Layer] {
      tasks.enumerated().map { index, task in
        .points(
          table.completed.compactMap { run in
            run.exactCompute.flatMap { c in value(run, task).map { Point(c, $0) } }
          }, Style(task, .category(index)))
      }
    }
    let compute = Axis("Training compute C (FLOPs)", .logarithmic)
    let knowsEntropy = table.completed.contains { run in
      tasks.contains { run.tasks[$0]?.entropy != nil }
    }
    let figure = Figure(
      name: "accuracy", title: "Loss and accuracy of each task",
      caption: """
        Each point is a run. Left: loss\(knowsEntropy ? " above the true entropy" : "") on the targets of each task. \
        Right: the fraction of passages whose certain end is predicted to the last token.
        """,
      legend: "task",
      panels: [
        Panel(
          x: compute,
          y: Axis(knowsEntropy ? "Reducible loss (nats per token)" : "Loss (nats per token)", .logarithmic),
          layers: layers { run, task in
            run.tasks[task].flatMap { task in
              task.loss.flatMap { loss in knowsEntropy ? task.entropy.map { loss - $0 } : loss }
            }
          }),
        Panel(
          x: compute, y: Axis("Exact match", range: 0...1),
          layers: layers { $0.tasks[$1]?.exactMatch }),
      ])
    return Chapter(
      "Accuracy and loss",
      [
        .paragraph(
          """
          The end of some passages is certain: a fact after the name, a sum after the equals sign. An answer counts \
          only if all of its tokens are right. So accuracy may stay near zero while the loss falls steadily, and \
          then rise over a small range of compute. Where the loss shows no such jump, the jump comes from the \
          measure (Schaeffer et al. 2023).
          """),
        .figure(figure),
      ])
  }
}
