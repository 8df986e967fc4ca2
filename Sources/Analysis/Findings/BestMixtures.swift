import ScalingLaws

extension Finding {
  /// Returns the laws of the tasks' losses, and the best weights; nil if they were not requested.
  public static func bestMixture(of fit: ExperimentFit) -> Finding? {
    guard let best = fit.bestMixture else { return nil }
    let target = best.parts.map { "\(shortText($0.weight))·\($0.task)" }.joined(separator: " + ")
    let lowest = zip(best.parts, best.lowestMixture).map { "\($0.task) \(shortText($1))" }
    return Finding(
      "\(fit.name): the weights with the lowest target \(target)",
      columns: [
        Column("task", "task", .left), Column("weight", "best weight"),
        Column("weight_interval", "95 % interval"), Column("c", "c", unit: "nats"),
        Column("k", "k", unit: "nats"), Column("t", "t of the weights", .left),
        Column("rms", "error of the law"),
      ],
      rows: zip(best.parts, best.weights).map { part, weight in
        let values = part.fit.values
        let effects = best.parts.dropLast().enumerated().map { "\($1.task) \(shortText(values[2 + $0]))" }
        return [
          .text(part.task), .number(weight.value), .interval(of: weight), .number(values[0]),
          .number(values[1]),
          .text(effects.joined(separator: ", ")), .number(part.fit.rmsLogResidual),
        ]
      },
      notes: [
        "Target at the best weights: \(shortText(best.target.value))"
          + (best.target.interval.map { ", 95 % interval \(shortText($0.low)) to \(shortText($0.high))" }
            ?? "")
          + "; lowest measured target of the runs of the fit: \(shortText(best.lowest)), with "
          + lowest.joined(separator: ", ")
      ])
  }
}
