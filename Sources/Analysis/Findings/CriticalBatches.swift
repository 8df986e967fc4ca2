import ScalingLaws

extension Finding {
  /// Returns the steps and tokens that each loss needs, and the critical batch; nil if it was not requested.
  public static func criticalBatches(of fit: ExperimentFit) -> Finding? {
    guard let analysis = fit.criticalBatch else { return nil }
    return Finding(
      "\(fit.name): steps and tokens for each loss, with 95 % intervals of the critical batch",
      columns: [
        Column("loss", analysis.floor > 0 ? "loss above the entropy" : "loss"), Column("batches", "batches"),
        Column("steps", "Smin", unit: "steps"), Column("tokens", "Dmin", unit: "tokens"),
        Column("critical_batch", "Bcrit", unit: "tokens"), Column("interval", "95 % interval"),
      ],
      rows: analysis.targets.map { target in
        [
          .number(target.tradeoff.loss), .count(target.batches.count), .number(target.tradeoff.minimumSteps),
          .number(target.tradeoff.minimumTokens), .number(target.tradeoff.criticalBatch),
          .interval(target.interval),
        ]
      })
  }
}
