import ScalingLaws

extension Finding {
  /// Returns the evidence for each further break of a law; nil if it was not requested.
  public static func bendEvidence(of fit: ExperimentFit) -> Finding? {
    guard let bends = fit.bends else { return nil }
    return Finding(
      "\(fit.name): evidence for each further break, T = n·log(RSS without/RSS with)",
      columns: [
        Column("breaks", "breaks"), Column("statistic", "T"), Column("p", "p"),
        Column("simulations", "unbent curves simulated"), Column("aicc_gain", "ΔAICc"),
        Column("error_without", "forecast error without"), Column("error_with", "with"),
        Column("accepted", "accepted", .left),
      ],
      rows: bends.evidence.map { evidence in
        [
          .count(evidence.breaks), .number(evidence.statistic), .number(evidence.pValue, digits: 2),
          .count(evidence.simulations), .number(evidence.aiccGain), .percent(evidence.forecast?.errorWithout),
          .percent(evidence.forecast?.errorWith), .truth(evidence.accepted, yes: "yes", no: "no"),
        ]
      }, notes: ["\(fit.name): \(bends.verdict)"])
  }
}
