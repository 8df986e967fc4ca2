import ScalingLaws

extension Finding {
  /// Returns what the fits of a planned grid will give.
  public static func design(_ study: DesignStudy) -> Finding {
    let rows = study.fits.flatMap { fit -> [[Cell]] in
      guard fit.refusal == nil else {
        return [
          [.text(fit.name)] + Array(repeating: .missing, count: 8) + [.text("no: \(fit.refusal ?? "")")]
        ]
      }
      return fit.numbers.map { number in
        [
          .text(fit.name), .text(number.parameter), .number(number.truth), .number(number.exact),
          .number(number.bias), .number(number.deviation),
          number.identified ? .number(number.halfWidth) : .text("not identified"), .interval(number.range),
          .percent(fit.possible), .text(number.identified ? "yes" : "not identified"),
        ]
      }
    }
    return Finding(
      "What the fits will give, simulated from \(study.prior.name) with \(shortText(100 * study.noise)) % noise",
      columns: [
        Column("fit", "fit", .left), Column("parameter", "parameter", .left), Column("truth", "prior law"),
        Column("exact", "without noise"), Column("bias", "bias"), Column("deviation", "std. deviation"),
        Column("half_width", "95 % interval ±"), Column("range", "95 % of estimates"),
        Column("possible", "possible"), Column("identified", "determined", .left),
      ], rows: rows,
      notes: [
        "\(study.runs) runs, \(shortText(study.compute)) FLOPs if each is trained alone; \(study.simulations) simulations",
        "bias: the mean estimate minus the prior law's value, or where the law has none, minus the estimate without noise",
      ])
  }

  /// Returns the minima of the IsoFLOP profiles of a planned grid; nil if there are none.
  public static func designMinima(_ study: DesignStudy) -> Finding? {
    let rows = study.fits.flatMap { fit in
      fit.budgets.map { budget -> [Cell] in
        [
          .text(fit.name), .amount(budget.compute), .count(budget.models), .percent(budget.minima),
          .text(budget.refusal ?? "inside"),
        ]
      }
    }
    guard !rows.isEmpty else { return nil }
    return Finding(
      "Minima of IsoFLOP profiles",
      columns: [
        Column("fit", "fit", .left), Column("budget", "budget", unit: "FLOPs"), Column("models", "models"),
        Column("minima", "with a minimum"), Column("without_noise", "without noise", .left),
      ], rows: rows)
  }

  /// Returns a proposed grid.
  public static func proposal(_ proposal: GridProposal) -> Finding {
    Finding(
      "The cheapest grid for \(proposal.target.rawValue) ± \(shortText(proposal.wanted))",
      columns: [
        Column("shape", "shape", .left), Column("sizes", "sizes", .left), Column("tokens", "tokens", .left),
        Column("seeds", "seeds"), Column("runs", "runs"), Column("compute", "compute", unit: "FLOPs"),
        Column("linearised", "linearised ±"), Column("simulated", "simulated ±"),
      ],
      rows: [
        [
          .text(proposal.shape.rawValue), .text(proposal.sizes.joined(separator: " ")),
          .text(proposal.tokens.map(shortText).joined(separator: " ")), .count(proposal.seeds),
          .count(proposal.runs), .amount(proposal.compute), .number(proposal.linearised),
          .number(proposal.simulated),
        ]
      ],
      notes: ["in the file: \(proposal.yaml)"])
  }

  /// Returns the next runs of a finished grid.
  public static func nextRuns(_ next: NextRuns) -> Finding {
    let now = next.halfWidth.map { "now ± \(shortText($0))" } ?? "not determined now"
    return Finding(
      "The next runs worth most for \(next.target.rawValue): \(now)",
      columns: [
        Column("size", "size", .left), Column("parameters", "N"), Column("tokens", "tokens"),
        Column("compute", "compute", unit: "FLOPs"), Column("half_width", "95 % interval ± after it"),
      ],
      rows: next.runs.map { run in
        [
          .text(run.size), .amount(run.parameters), .amount(run.tokens), .amount(run.compute),
          .number(run.halfWidth),
        ]
      },
      notes: [
        "each run is chosen with those before it: the largest fall of the interval for its FLOPs, by least squares "
          + "linearised at the law fitted to \(next.finished) runs"
      ] + (next.runs.isEmpty ? ["no single run of these sizes narrows the interval noticeably"] : []))
  }
}

extension GridProposal {
  /// The grid as an experiment's file writes it.
  public var yaml: String {
    let list = { (values: [String]) in "[\(values.joined(separator: ", "))]" }
    let isWidth = sizes.allSatisfy { Int($0) != nil }
    let key = isWidth ? "width" : "sizes"
    let words = tokens.map { String(format: "%.0f", $0) }
    let seedText = seeds == 1 ? "" : ", seeds: \(seeds)"
    guard shape == .lShape, let largest = sizes.last, let longest = words.last else {
      return "grid: {\(key): \(list(sizes)), tokens: \(list(words))\(seedText)}"
    }
    return "grid: [{\(key): \(list(sizes)), tokens: \(longest)\(seedText)}, "
      + "{\(key): \(largest), tokens: \(list(words.dropLast()))\(seedText)}]"
  }
}
