import ScalingLaws

extension Finding {
  /// Returns the fitted laws with their data and goodness of fit; nil if there are none.
  public static func laws(of fits: [ExperimentFit]) -> Finding? {
    let laws = fits.compactMap { fit in fit.fit.map { (fit, $0) } }
    guard !laws.isEmpty else { return nil }
    return Finding(
      "The fits, with numbers of points and of independent trainings; rms is of the log residual",
      columns: [
        Column("fit", "fit", .left), Column("law", "law", .left), Column("fitted_to", "fitted to", .left),
        Column("points", "points"), Column("trainings", "trainings"), Column("objective", "objective"),
        Column("rms", "rms"), Column("starts_agreeing", "starts that agree"), Column("starts", "of"),
        Column("bootstrap", "bootstrap", .left),
      ],
      rows: laws.map { fit, law in
        [
          .text(fit.name), .text(law.equation), .text(fit.selection), .count(law.observations),
          .count(law.clusters), .number(law.objectiveValue, digits: 5), .percent(law.rmsLogResidual),
          .count(law.startsAgreeing), .count(law.starts), law.bootstrap.map { .text($0) } ?? .missing,
        ]
      }, notes: Set(laws.map(\.1.objectiveText)).sorted().map { "objective: \($0)" })
  }
}
