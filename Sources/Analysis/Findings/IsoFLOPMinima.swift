import ScalingLaws

extension Finding {
  /// Returns the minima of a fit's IsoFLOP profiles, or the reasons why profiles have none; nil if they were not
  /// requested.
  public static func isoFLOPMinima(of fit: ExperimentFit) -> Finding? {
    guard let analysis = fit.isoFLOP else { return nil }
    return Finding(
      "\(fit.name): minima of the IsoFLOP profiles, with 95 % intervals",
      columns: [
        Column("compute", "C", unit: "FLOPs"), Column("models", "models"), Column("size", "N*"),
        Column("size_interval", "95 % interval"), Column("tokens", "D*"),
        Column("tokens_interval", "95 % interval"), Column("tokens_per_parameter", "D*/N*"),
        Column("loss", "loss"), Column("remark", "remark", .left),
      ],
      rows: analysis.profiles.map { profile in
        let head: [Cell] = [.amount(profile.budget), .count(profile.observations.count)]
        guard let minimum = profile.minimum else {
          return head + Array(repeating: .missing, count: 6) + [.text("refused: \(profile.refusal ?? "")")]
        }
        return head + [
          .number(minimum.parameters), .interval(minimum.parametersInterval), .number(minimum.tokens),
          .interval(minimum.tokensInterval), .number(minimum.tokens / minimum.parameters),
          .number(minimum.loss, digits: 4), .missing,
        ]
      })
  }
}
