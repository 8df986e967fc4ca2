extension Finding {
  /// The loss on each task of the text, of the worst and the best run; nil where the text has but one.
  public static func taskLosses(_ table: ResultsTable) -> Finding? {
    let runs = table.completed.sorted { ($0.loss ?? .infinity) > ($1.loss ?? .infinity) }
    guard table.tasks.count > 1, let worst = runs.first, let best = runs.last else { return nil }
    let knowsEntropy = table.tasks.contains { best.tasks[$0]?.entropy != nil }
    func gap(_ key: String) -> [Column] { knowsEntropy ? [Column("\(key)_gap", "gap")] : [] }
    return Finding(
      "Loss in nats a token on the targets of each task: the run of the highest and that of the lowest loss",
      columns: [Column("task", "task", .left)] + (knowsEntropy ? [Column("entropy", "true entropy")] : [])
        + [Column("highest_loss", "highest: loss")] + gap("highest") + [Column("lowest_loss", "lowest: loss")]
        + gap("lowest"),
      rows: table.tasks.map { task in
        let entropy = best.tasks[task]?.entropy
        return [.text(task)] + (knowsEntropy ? [.number(entropy, digits: 4)] : [])
          + [worst, best].flatMap { run -> [Cell] in
            let loss = run.tasks[task]?.loss
            let gap = loss.flatMap { loss in entropy.map { loss - $0 } }
            return [.number(loss, digits: 4)] + (knowsEntropy ? [.number(gap)] : [])
          }
      })
  }
}
