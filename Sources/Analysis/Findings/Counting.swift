import ScalingLaws

extension Finding {
  /// Returns the exponents of N* with and without embeddings; nil if they were not requested.
  public static func counting(of fit: ExperimentFit) -> Finding? {
    guard let count = fit.counting else { return nil }
    let counts = [
      ("in total", count.total), ("without embeddings", count.nonEmbedding), ("difference", count.shift),
    ]
    return Finding(
      "\(fit.name): N* ∝ C^a by both counts",
      columns: [
        Column("count", "N and C", .left), Column("a", "a"), Column("interval", "95 % interval"),
      ],
      rows: counts.map { [.text($0), .number($1.value), .interval(of: $1)] })
  }
}
