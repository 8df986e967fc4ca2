import ScalingLaws

extension Finding {
  /// Returns a parameter of several fits and its differences; nil if the comparison failed.
  public static func comparison(_ comparison: FitComparison) -> Finding? {
    guard let values = comparison.comparison else { return nil }
    func difference(_ estimates: [Estimate], _ index: Int) -> [Cell] {
      index == 0
        ? [.missing, .missing]
        : [.number(estimates[index - 1].value), .interval(of: estimates[index - 1])]
    }
    let ordered = comparison.trend.flatMap { trend in
      values.ordered.map {
        "\(trend.rawValue) throughout in \(shortText(100 * $0)) % of the bootstrap draws"
      }
    }
    let slope = values.slope.map { slope in
      "slope of a line through the values: \(shortText(slope.value))"
        + (slope.interval.map { ", 95 % interval \(shortText($0.low)) to \(shortText($0.high))" } ?? "")
    }
    return Finding(
      """
      \(comparison.title): \(comparison.parameter), and its differences with their 95 % intervals \
      (\(values.isPaired ? "the same trainings, compared draw by draw" : "different trainings"))
      """,
      columns: [Column("fit", "fit", .left)] + (comparison.places == nil ? [] : [Column("at", "at")])
        + (comparison.theory == nil ? [] : [Column("theory", comparison.theoryLabel)]) + [
          Column("value", "value"), Column("interval", "95 % interval"),
          Column("from_first", "minus the first"), Column("from_first_interval", "95 % interval"),
          Column("from_previous", "minus the one before"), Column("from_previous_interval", "95 % interval"),
        ],
      rows: comparison.fits.enumerated().map { index, name in
        [.text(name)] + (comparison.places.map { [.number($0[index])] } ?? [])
          + (comparison.theory.map { [.number($0[index])] } ?? [])
          + [.number(values.values[index].value), .interval(of: values.values[index])]
          + difference(values.fromFirst, index) + difference(values.fromPrevious, index)
      }, notes: [ordered, slope].compactMap { $0 })
  }
}
