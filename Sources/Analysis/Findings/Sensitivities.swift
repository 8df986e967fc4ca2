import ScalingLaws

extension Finding {
  /// Returns the sensitivity of a fit to choices that the data do not determine; nil if it was not requested.
  public static func sensitivity(of fit: ExperimentFit) -> Finding? {
    guard let sensitivity = fit.sensitivity else { return nil }
    return Finding(
      "\(fit.name) under choices that the data do not determine",
      columns: [Column("choice", "choice", .left), Column("runs", "runs")]
        + sensitivity.symbols.map { Column(latin($0), $0) },
      rows: sensitivity.rows.map { row in
        [.text(row.choice), .count(row.observations)]
          + (row.values?.map { .number($0, digits: 3) } ?? sensitivity.symbols.map { _ in .missing })
      },
      notes: sensitivity.rows.compactMap { row in row.refusal.map { "\(row.choice): no fit: \($0)" } })
  }
}
