import ScalingLaws

extension Finding {
  /// Returns the multipliers of groups over one of them.
  public static func multipliers(_ multipliers: Multipliers, title: String? = nil) -> Finding {
    let quantity = multipliers.variable.quantity
    return Finding(
      "\(title.map { "\($0): factor" } ?? "Factor") of \(quantity) at equal loss, over \(multipliers.reference)",
      columns: [
        Column("group", "group", .left), Column("runs", "runs"), Column("factor", "factor"),
        Column("interval", "95 % interval"), Column("per_decade", "change per decade of \(quantity)"),
        Column("per_decade_interval", "95 % interval"), Column("aicc_gain", "AICc for two exponents"),
        Column("course", "with scale", .left), Column("losses", "at losses"), Column("decades", "decades"),
        Column("basis", nil, .left), Column("refusal", nil, .left),
      ],
      rows: [
        [.text(multipliers.reference), .count(multipliers.referenceRuns), .number(1)]
          + Array(repeating: .missing, count: 9)
      ]
        + multipliers.rows.map { row in
          guard let found = row.multiplier else {
            return [.text(row.name), .count(row.runs)] + Array(repeating: .missing, count: 9)
              + [.text(row.refusal ?? "")]
          }
          return [
            .text(row.name), .count(row.runs), .number(found.factor.value), .interval(of: found.factor),
            .number(found.perDecade.value),
            found.trend.identified ? .interval(found.perDecade.interval) : .text("not identified"),
            .number(found.aiccGain), .text(found.course.rawValue), .interval(found.losses, digits: 4),
            .number(found.decades), .text(found.basis.rawValue), .missing,
          ]
        },
      notes: multipliers.rows.map { multipliers.sentence(on: $0) } + multipliers.sentencesOnSharedExponent
        + multipliers.method + multipliers.remarks)
  }
}

extension Variable {
  /// The word for the quantity whose factor is meant, such as compute.
  public var quantity: String {
    switch self {
    case .compute: "compute"
    case .tokens: "data"
    case .parameters: "size"
    default: symbol
    }
  }
}

extension Multipliers {
  /// Returns the result of a row in a sentence.
  public func sentence(on row: Row) -> String {
    guard let found = row.multiplier else { return "\(row.name): no factor: \(row.refusal ?? "")" }
    let interval = { (interval: Interval?) in
      interval.map { ", 95 % interval \(shortText($0.low)) to \(shortText($0.high))" } ?? ""
    }
    let change = found.perDecade
    let perDecade = "a factor of \(shortText(change.value)) a decade\(interval(change.interval))"
    let course =
      switch found.course {
      case .changes: "it changes with scale by \(perDecade)"
      case .constant: "no change with scale is found: \(perDecade)"
      case .undecided: "whether it changes with scale is not decided: \(perDecade)"
      }
    return
      "at equal loss, \(row.name) needs \(shortText(found.factor.value)) times the \(variable.quantity) of \(reference)"
      + (found.factor.identified ? interval(found.factor.interval) : ", not identified")
      + " (losses of \(shortText(found.losses.low)) to \(shortText(found.losses.high)), "
      + "\(shortText((10 * found.decades).rounded() / 10)) decades); \(course)"
  }

  /// Sentences on one law for all groups.
  var sentencesOnSharedExponent: [String] {
    guard let shared else { return sharedRefusal.map { ["no law for all groups: \($0)"] } ?? [] }
    let interval = { (estimate: Estimate) in
      shortText(estimate.value)
        + (estimate.interval.map { " [\(shortText($0.low)) \(shortText($0.high))]" } ?? "")
    }
    let exponents = zip(shared.variables, shared.exponents).map { "\(interval($1)) of \($0.quantity)" }
    let factors = zip(shared.groups, shared.factors).dropFirst().map { group, factors in
      let each = zip(shared.variables, factors).map { "\(interval($1)) times the \($0.quantity)" }
      return "\(group) needs \(each.joined(separator: " and "))"
    }
    let verdict =
      shared.pValue > 0.05 ? "the runs do not reject it" : "the runs reject it"
    return [
      "one law for all groups has an exponent of \(exponents.joined(separator: " and of ")); \(verdict): "
        + String(format: "p = %.2g", shared.pValue)
        + ", AICc for separate exponents \(shortText(shared.aiccGain))",
      "by this law, at the loss of \(reference): \(factors.joined(separator: "; "))",
    ]
  }

  /// Sentences on the runs and the floor that the curves are fitted to.
  public var method: [String] {
    let found = rows.compactMap(\.multiplier)
    let bases = Set(found.map(\.basis)).sorted { $0.rawValue < $1.rawValue }.map { basis in
      switch basis {
      case .runs: "all runs, of which each \(variable.symbol) has one model"
      case .frontier: "the runs on the compute-optimal frontier, means over seeds"
      case .surface: "the lowest loss at each C under a law of N and D, fitted to all runs"
      case .slice: "the runs at one \(variable == .tokens ? "N" : "D")\(held(found))"
      }
    }
    guard !bases.isEmpty else { return [] }
    return ["curves: \(bases.joined(separator: "; ")); \(floor)"]
  }

  /// The values at which the other variable is held, for each group.
  private func held(_ found: [Multiplier]) -> String {
    var texts: [String] = []
    for curve in found.flatMap(\.curves) {
      let text = "\(curve.name) at \(shortText(curve.held ?? .nan))"
      if !texts.contains(text) { texts.append(text) }
    }
    return " (\(texts.joined(separator: ", ")))"
  }
}
