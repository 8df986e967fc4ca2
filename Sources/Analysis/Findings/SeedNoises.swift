extension Finding {
  /// Returns the standard deviation of the loss over seeds; nil if no run was repeated with another seed.
  public static func seedNoise(_ noise: [SeedNoise]) -> Finding? {
    guard !noise.isEmpty else { return nil }
    return Finding(
      "The noise of the seed: the standard deviation of one run",
      columns: [
        Column("runs", "runs", .left), Column("seeds", "seeds"), Column("loss", "mean loss"),
        Column("deviation", "deviation"),
      ],
      rows: noise.map {
        [.text($0.label), .count($0.seeds), .number($0.loss, digits: 4), .percent($0.deviation)]
      })
  }
}
