import ScalingLaws

extension Finding {
  /// A fit's law among its rivals; nil where that was not asked for.
  public static func rivals(of fit: ExperimentFit) -> Finding? {
    guard let selection = fit.rivals else { return nil }
    return Finding(
      "\(fit.name) and its rivals; the \(selection.heldOut) largest runs predicted from the others",
      columns: [
        Column("law", "law", .left), Column("parameters", "parameters"),
        Column("aicc_excess", "AICc above the best"), Column("mean_error", "mean error of prediction"),
        Column("rms_error", "rms"),
      ],
      rows: selection.candidates.map { candidate in
        [
          .text(candidate.fit.equation), .count(candidate.fit.parameters.count), .number(candidate.excess),
          .percent(candidate.heldOutMean), .percent(candidate.heldOutRMS),
        ]
      })
  }
}
