import ScalingLaws

extension Finding {
  /// Returns the local minima of a fit's objective; nil if there is only one.
  public static func otherMinima(of fit: ExperimentFit) -> Finding? {
    guard let law = fit.fit, !law.alternatives.isEmpty else { return nil }
    let minima = [(law.objectiveValue, law.values)] + law.alternatives.map { ($0.objectiveValue, $0.values) }
    return Finding(
      "\(fit.name): minima of the objective within 1 % of the best, which is the first",
      columns: [Column("objective", "objective")]
        + law.parameters.map { Column(latin($0.symbol), $0.symbol) },
      rows: minima.map { value, parameters in
        [.number(value, digits: 6)] + parameters.map { .number($0, digits: 3) }
      })
  }
}
