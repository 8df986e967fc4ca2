extension Finding {
  /// Returns the losses for each value of a setting; nil if no runs differ only in it.
  public static func sweep(_ sweep: Sweep) -> Finding? {
    guard !sweep.cells.isEmpty else { return nil }
    let knowsEntropy = sweep.cells.contains { $0.reducibleExcess != nil }
    return Finding(
      "Losses by \(sweep.words), nats per token; the default in brackets",
      columns: [
        Column("runs", "runs", .left), Column("losses", "losses", .left),
        Column("excess", "excess of the default"),
      ] + (knowsEntropy ? [Column("reducible_excess", "of the loss above the entropy")] : []),
      rows: sweep.cells.map { cell in
        [
          .text(cell.kind.isEmpty ? cell.label : "\(cell.kind), \(cell.label)"), .trials(cell.trials),
          cell.excess.map { .percent($0) } ?? .text("not tried"),
        ] + (knowsEntropy ? [.percent(cell.reducibleExcess)] : [])
      })
  }
}
