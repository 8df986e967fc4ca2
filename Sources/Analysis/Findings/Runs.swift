extension Finding {
  /// Returns all runs with the settings that vary between them.
  public static func runs(_ table: ResultsTable) -> Finding {
    let settings = table.varyingSettings
    let repeats = table.completed.contains { $0.uniqueTokens != $0.tokens }
    let measured =
      [("n_total", "N", 3), ("d_tokens", "D", 3)]
      + (repeats ? [("unique_tokens", "U", 3), ("epochs", "epochs", 3)] : [])
      + [
        ("c_exact", "C (FLOPs)", 3), ("loss", "loss", 4), ("loss_se", "± s.e.", 2),
        ("reducible", "reducible", 3),
      ]
    return Finding(
      "The runs of the experiment",
      columns: settings.map { Column($0, $0.replacing("_", with: " "), .left) }
        + measured.map { Column($0.0, $0.1) } + [Column("status", "status", .left)],
      rows: table.rows.map { row in
        settings.map { .text(row.text($0)) } + measured.map { .number(row.number($0.0), digits: $0.2) }
          + [.text(row.status.rawValue)]
      },
      notes: repeats ? ["U of the D training tokens are unique; the others repeat them."] : [])
  }
}

extension ResultsTable {
  /// The settings that differ between runs and do not follow from others, and always the width. Empty cells of settings
  /// that do not apply, such as those of experts in a dense model, do not count as differences.
  fileprivate var varyingSettings: [String] {
    settings.filter { !$0.isDerived }.map(\.name).filter { name in
      name == "width" || Set(rows.map { $0.text(name) }).subtracting([""]).count > 1
    }
  }
}
