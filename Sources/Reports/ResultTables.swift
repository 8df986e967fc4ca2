import Analysis
import ScalingLaws
import Training

extension Chapter {
  /// Every fit with its parameters.
  static func laws(_ fits: [ReportedFit]) -> Chapter {
    let laws = fits.compactMap { fit in fit.result.fit.map { (fit.result, $0) } }
    let overview = Page.Table(
      "The fits: n points from m independent trainings; rms is of the log residual",
      columns: [
        ("fit", .left), ("law", .left), ("fitted to", .left), ("n", .right), ("m", .right), ("rms", .right),
      ],
      rows: laws.map { result, law in
        [
          result.name, law.equation, result.selection, "\(law.observations)", "\(law.clusters)",
          "\((100 * law.rmsLogResidual).text()) %",
        ]
      })
    let parameters = Page.Table(
      "Their parameters, with 95 % intervals of a bootstrap over trainings",
      columns: [
        ("fit", .left), ("", .left), ("", .left), ("value", .right), ("95 % interval", .right),
        ("unit", .left),
      ],
      rows: laws.flatMap { result, law in
        (law.parameters + law.derived).map { estimate in
          [
            result.name, estimate.symbol, estimate.name, estimate.value.text(4),
            law.held.contains(estimate.symbol) ? "held" : estimate.intervalText,
            estimate.unit == "1" ? "" : estimate.unit,
          ]
        }
      })
    var conventions: [String] = []
    for fit in fits where !conventions.contains(fit.result.convention) {
      conventions.append(fit.result.convention)
    }
    return Chapter(
      "All fitted laws",
      [
        .paragraph(
          """
          An interval that is wide, or a parameter that is not identified, means that these runs do not determine the \
          number: more runs, or a wider range of them, would. Fitted: \(conventions.joined(separator: "; ")).
          """)
      ] + (laws.isEmpty ? [.paragraph("No law could be fitted.")] : [.table(overview), .table(parameters)]))
  }

  /// What was expected of the experiment; nil where nothing was.
  static func expectations(_ verdicts: [Verdict]) -> Chapter? {
    guard !verdicts.isEmpty else { return nil }
    let passed = verdicts.count(where: \.passed)
    let reasons = verdicts.contains { $0.because != nil } ? [("because", Page.Table.Alignment.left)] : []
    let table = Page.Table(
      "Expectations of the experiment's file",
      columns: [("subject", .left), ("expected", .left), ("found", .left), ("", .left)] + reasons,
      rows: verdicts.map { verdict in
        [verdict.subject, verdict.expected, verdict.found, verdict.passed ? "met" : "not met"]
          + reasons.map { _ in verdict.because ?? "" }
      })
    return Chapter(
      "Expected and found",
      [.paragraph("\(passed) of \(verdicts.count) expectations are met."), .table(table)])
  }

  /// The loss on each kind of task, of the worst and the best run; nil where the text has but one kind.
  static func tasks(_ table: ResultsTable) -> Chapter? {
    let runs = table.completed.sorted { ($0.loss ?? .infinity) > ($1.loss ?? .infinity) }
    guard table.tasks.count > 1, let worst = runs.first, let best = runs.last else { return nil }
    let rows = table.tasks.map { family -> [String] in
      let entropy = best.tasks[family]?.entropy
      return [family, entropy.textOrDash(4)]
        + [worst, best].flatMap { run in
          let loss = run.tasks[family]?.loss
          return [loss.textOrDash(4), loss.flatMap { loss in entropy.map { loss - $0 } }.textOrDash()]
        }
    }
    return Chapter(
      "Loss by kind of task",
      [
        .paragraph(
          """
          The text is made of tasks that differ in difficulty. The gap to the entropy is what a model has not learned \
          of a task; tasks that close it early are learned by small models, others only by large ones.
          """),
        .table(
          Page.Table(
            "Loss in nats a token on the targets of each kind: the run of the highest and that of the lowest loss",
            columns: [
              ("kind of task", .left), ("true entropy", .right), ("highest: loss", .right), ("gap", .right),
              ("lowest: loss", .right), ("gap", .right),
            ], rows: rows)),
      ])
  }

  /// Every run, with what sets it apart.
  static func runs(_ table: ResultsTable) -> Chapter {
    let setting = settings(of: table)
    let measured = ["N", "D", "C (FLOPs)", "loss", "± s.e.", "reducible"]
    return Chapter(
      "All runs",
      [
        .paragraph(
          """
          Losses are on held-out text, in nats a token, with their standard error over the windows of that text. N \
          counts all parameters, C every matrix product of the training. Everything is in results.csv.
          """),
        .table(
          Page.Table(
            "The runs of the experiment",
            columns: setting.map { ($0.replacing("_", with: " "), .left) } + measured.map { ($0, .right) } + [
              ("status", .left)
            ],
            rows: table.rows.map { row in
              setting.map(row.text) + [
                row.totalParameters.map(Double.init).textOrDash(), row.tokens.map(Double.init).textOrDash(),
                row.exactCompute.textOrDash(), row.loss.textOrDash(4),
                row.lossStandardError.textOrDash(2), row.reducible.textOrDash(), row.status.rawValue,
              ]
            })),
      ])
  }

  /// The settings that differ between runs, and the width.
  private static func settings(of table: ResultsTable) -> [String] {
    table.settings.map(\.name).filter { name in
      name == "width" || Set(table.rows.map { $0.text(name) }).count > 1
    }
  }
}

extension Double? {
  fileprivate func textOrDash(_ digits: Int = 3) -> String { self?.text(digits) ?? "—" }
}
