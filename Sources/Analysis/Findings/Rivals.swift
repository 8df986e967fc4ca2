import ScalingLaws

extension Finding {
  /// Returns the comparison of a fit's law with other laws; nil if it was not requested.
  public static func rivals(of fit: ExperimentFit) -> Finding? {
    guard let selection = fit.rivals else { return nil }
    return Finding(
      "\(fit.name) and other laws; the \(selection.heldOut) largest runs are predicted from the others",
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
