import ScalingLaws

extension Finding {
  /// Returns the estimates of all fits with their intervals, and notes about parameters that the data do not determine;
  /// nil if there are none.
  public static func parameters(of fits: [ExperimentFit]) -> Finding? {
    let rows = fits.flatMap { fit in
      fit.estimates.map { estimate in row(of: estimate, in: fit) }
    }
    guard !rows.isEmpty else { return nil }
    return Finding(
      "Parameters of the fits, with 95 % intervals of a bootstrap",
      columns: [
        Column("fit", "fit", .left), Column("symbol", "symbol", .left), Column("name", "parameter", .left),
        Column("value", "value"), Column("standard_error", "std. error"), Column("interval", "95 % interval"),
        Column("unit", "unit", .left),
      ],
      rows: rows, notes: fits.flatMap(unidentified))
  }

  private static func row(of estimate: Estimate, in fit: ExperimentFit) -> [Cell] {
    [
      .text(fit.name), .text(estimate.symbol), .text(estimate.name), .number(estimate.value, digits: 4),
      estimate.identified ? .number(estimate.standardError, digits: 2) : .missing,
      .interval(of: estimate, held: fit.fit?.held.contains(estimate.symbol) ?? false),
      .text(estimate.unit == "1" ? "" : estimate.unit),
    ]
  }

  /// Returns the bounds that the data give for parameters that they do not determine.
  private static func unidentified(in fit: ExperimentFit) -> [String] {
    (fit.fit?.parameters ?? []).filter { !$0.identified }.compactMap { parameter in
      parameter.profile.map { profile in
        let sides = [
          profile.low.map { "at least \(shortText($0))" } ?? "no lower bound",
          profile.high.map { "at most \(shortText($0))" } ?? "no upper bound",
        ]
        return
          "\(fit.name): \(parameter.symbol) is not identified: profile likelihood gives \(sides.joined(separator: ", "))"
      }
    }
  }
}
