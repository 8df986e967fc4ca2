import Foundation
import ScalingLaws

extension Finding {
  /// Returns the positions and sizes of the breaks of a law; nil if there are none.
  public static func bends(of fit: ExperimentFit) -> Finding? {
    guard let bends = fit.bends, !bends.bends.isEmpty else { return nil }
    return Finding(
      "\(fit.name): the bends, with 95 % intervals; exponents are of the loss above the floor",
      columns: [
        Column("place", "at \(bends.variable.symbol)"), Column("place_interval", "95 % interval"),
        Column("before", "exponent before"), Column("after", "after"), Column("change", "change"),
        Column("change_interval", "95 % interval"), Column("range", "over a factor of"),
      ],
      rows: bends.bends.map { bend in
        [
          .number(bend.place.value), .interval(of: bend.place), .number(bend.before.value),
          .number(bend.after.value), .number(bend.change.value), .interval(of: bend.change),
          .number(exp(bend.width.value)),
        ]
      })
  }
}
