extension Finding {
  /// Returns the loss on each task of the text, for the worst and the best run; nil if there is only one task.
  ///
  /// Each gap is the difference from the entropy of the run's own text. The entropy column is empty if the two runs
  /// have different texts.
  public static func taskLosses(_ table: ResultsTable) -> Finding? {
    let runs = table.completed.sorted { ($0.loss ?? .infinity) > ($1.loss ?? .infinity) }
    guard let worst = runs.first, let best = runs.last else { return nil }
    let tasks = table.wholeTasks.filter { worst.tasks[$0]?.loss != nil || best.tasks[$0]?.loss != nil }
    guard tasks.count > 1 else { return nil }
    let knowsEntropy = tasks.contains { worst.tasks[$0]?.entropy != nil || best.tasks[$0]?.entropy != nil }
    func gap(_ key: String) -> [Column] { knowsEntropy ? [Column("\(key)_gap", "gap")] : [] }
    return Finding(
      "Loss in nats per token on the targets of each task, for the runs of the highest and the lowest loss",
      columns: [Column("task", "task", .left)] + (knowsEntropy ? [Column("entropy", "true entropy")] : [])
        + [Column("highest_loss", "highest: loss")] + gap("highest") + [Column("lowest_loss", "lowest: loss")]
        + gap("lowest"),
      rows: tasks.map { name in
        let (high, low) = (worst.tasks[name], best.tasks[name])
        let entropy = high?.entropy == low?.entropy ? low?.entropy : nil
        return [.text(name)] + (knowsEntropy ? [.number(entropy, digits: 4)] : [])
          + [high, low].flatMap { task -> [Cell] in
            let gap = task?.loss.flatMap { loss in task?.entropy.map { loss - $0 } }
            return [.number(task?.loss, digits: 4)] + (knowsEntropy ? [.number(gap)] : [])
          }
      })
  }
}
