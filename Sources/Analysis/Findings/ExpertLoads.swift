extension Finding {
  /// Returns the final expert loads of runs, the least even first. Of more than 24 runs, only the first and last
  /// twelve.
  ///
  /// - Parameter table: The table of the runs, which gives their labels.
  public static func expertLoads(of rows: [RunRow], in table: ResultsTable) -> Finding {
    let shown = rows.sorted { ($0.loadEntropy ?? 0) < ($1.loadEntropy ?? 0) }
    let few = shown.count <= 24 ? shown : Array(shown.prefix(12) + shown.suffix(12))
    let ends = few.count < shown.count ? "; the first and last twelve of \(shown.count) runs" : ""
    return Finding(
      "Loads at the end, the least even first\(ends)",
      columns: [
        Column("run", "run", .left), Column("seed", "seed"), Column("loss", "loss"),
        Column("load_entropy", "entropy of loads"), Column("dead_experts", "dead experts"),
        Column("dropped", "dropped"), Column("router_entropy", "entropy of the router"),
      ],
      rows: few.map { row in
        [
          .text(table.label(of: row, among: rows)), .text(row.text("seed")), .number(row.loss, digits: 4),
          .number(row.loadEntropy), row.deadExperts.map { .count($0) } ?? .missing, .percent(row.dropped),
          .number(row.routerEntropy),
        ]
      })
  }
}
