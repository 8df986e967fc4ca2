import ScalingLaws

extension Finding {
  /// Returns the minima of the profiles of different selections of runs, by budget; nil if there are not at least two.
  public static func leastLosses(in fits: Fits) -> Finding? {
    let analyses = fits.fits.compactMap { fit in fit.isoFLOP.map { (fit, $0) } }
    guard Set(analyses.map(\.0.selection)).count > 1 else { return nil }
    let budgets = Set(analyses.flatMap { $0.1.profiles.map(\.budget) }).sorted()
    let titles = ["loss", "at N*", "and D*"]
    return Finding(
      "The lowest loss for each budget, at N* and D* of each fit",
      columns: [Column("compute", "C", unit: "FLOPs"), Column("best", "lowest", .left)]
        + analyses.flatMap { fit, _ in
          zip(["loss", "size", "tokens"], titles).map { Column("\(fit.name) \($0)", "\(fit.name): \($1)") }
        },
      rows: budgets.map { budget in
        let minima = analyses.map { $0.1.profiles.first { $0.budget == budget }?.minimum }
        let best = zip(analyses, minima).min {
          ($0.1?.loss ?? .infinity) < ($1.1?.loss ?? .infinity)
        }
        return [.amount(budget), .text(best.flatMap { pair in pair.1.map { _ in pair.0.0.name } } ?? "")]
          + minima.flatMap { minimum -> [Cell] in
            [.number(minimum?.loss, digits: 4), .number(minimum?.parameters), .number(minimum?.tokens)]
          }
      })
  }
}
