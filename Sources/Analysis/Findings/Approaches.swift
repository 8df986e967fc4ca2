extension Finding {
  /// Returns the exponents of the compute-optimal allocation by each approach, with the bias of the grid; nil if there
  /// are none.
  public static func approaches(in fits: Fits) -> Finding? {
    guard !fits.approaches.isEmpty else { return nil }
    return Finding(
      "N* ∝ C^a and D* ∝ C^b by each approach; that of a parametric law is for C = 6ND",
      columns: [
        Column("approach", "approach", .left), Column("fit", "fit", .left), Column("a", "a"),
        Column("a_interval", "95 % interval"), Column("b", "b"), Column("b_interval", "95 % interval"),
      ],
      rows: fits.approaches.map {
        [
          .text($0.title), .text($0.fit), .number($0.a.value), .interval(of: $0.a), .number($0.b.value),
          .interval(of: $0.b),
        ]
      },
      notes: fits.approaches.compactMap { approach in
        fits.gridBias(of: approach).map { "\(approach.fit): \($0)" }
      })
  }
}
