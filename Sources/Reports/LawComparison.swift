import ScalingLaws

extension Chapter {
  /// Laws against their rivals, and fits against other choices; nil where neither was asked for.
  static func comparisons(_ fits: [ReportedFit]) -> Chapter? {
    let rivals = fits.compactMap { fit in fit.result.rivals.map { table(of: $0, fit) } }
    let choices = fits.compactMap { fit in fit.result.sensitivity.map { table(of: $0, fit) } }
    guard !rivals.isEmpty || !choices.isEmpty else { return nil }
    let onRivals = Part.paragraph(
      """
      Rival laws are fitted to the same runs by least squares on log loss. AICc weighs how well each fits against how \
      many parameters it has: a difference below 2 says nothing, above 10 very much. The better test is to leave out \
      the largest runs and predict them from the rest.
      """)
    let onChoices = Part.paragraph(
      """
      The data do not dictate the penalty, which runs count as outliers, or how N and C are counted. A number that \
      moves by more than its interval from one choice to the next must be quoted with the choice.
      """)
    return Chapter(
      "Other laws, other choices",
      (rivals.isEmpty ? [] : [onRivals] + rivals.map { .table($0) })
        + (choices.isEmpty ? [] : [onChoices] + choices.map { .table($0) }))
  }

  private static func table(of selection: Selection, _ fit: ReportedFit) -> Page.Table {
    let percent = { (value: Double?) in value.map { "\((100 * $0).text(2)) %" } ?? "—" }
    return Page.Table(
      "\(fit.result.name) and its rivals; the \(selection.heldOut) largest runs predicted from the others",
      columns: [
        ("law", .left), ("parameters", .right), ("AICc above the best", .right),
        ("mean error of prediction", .right), ("rms", .right),
      ],
      rows: selection.candidates.map { candidate in
        [
          candidate.fit.equation, "\(candidate.fit.parameters.count)", candidate.excess.text(),
          percent(candidate.heldOutMean), percent(candidate.heldOutRMS),
        ]
      })
  }

  private static func table(of sensitivity: Sensitivity, _ fit: ReportedFit) -> Page.Table {
    Page.Table(
      "\(fit.result.name) by choices that the data do not dictate",
      columns: [("choice", .left), ("runs", .right)] + sensitivity.symbols.map { ($0, .right) },
      rows: sensitivity.rows.map { row in
        [row.choice, "\(row.observations)"]
          + (row.values?.map { $0.text() } ?? sensitivity.symbols.map { _ in "—" })
      })
  }
}
