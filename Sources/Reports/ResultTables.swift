import Analysis
import ScalingLaws

extension Chapter {
  /// Every fit with its parameters; nil if the file requests none.
  static func laws(_ fits: [ReportedFit]) -> Chapter? {
    guard !fits.isEmpty else { return nil }
    let fitted = fits.map(\.result).filter { $0.fit != nil }
    var conventions: [String] = []
    for fit in fits where !conventions.contains(fit.result.convention) {
      conventions.append(fit.result.convention)
    }
    let findings = Part.finding(.laws(of: fitted)) + Part.finding(.parameters(of: fitted))
    return Chapter(
      "All fitted laws",
      [
        .paragraph(
          """
          A wide interval, or a parameter that is not identified, means that these runs do not determine the number; \
          more runs, or a wider range of them, would. Columns that were fitted: \
          \(conventions.joined(separator: "; ")).
          """)
      ] + (findings.isEmpty ? [.paragraph("No law could be fitted.")] : findings))
  }

  /// The expectations and their verdicts; nil if there are none.
  static func expectations(_ verdicts: [Verdict]) -> Chapter? {
    guard !verdicts.isEmpty else { return nil }
    let passed = verdicts.count(where: \.passed)
    return Chapter(
      "Expected and found",
      [.paragraph("\(passed) of \(verdicts.count) expectations are met.")] + Part.finding(.verdicts(verdicts))
    )
  }

  /// The loss on each task, of the worst and the best run; nil if the text has only one task.
  static func tasks(_ table: ResultsTable) -> Chapter? {
    guard let finding = Finding.taskLosses(table) else { return nil }
    let knowsEntropy = table.completed.contains { $0.entropy != nil }
    let onGap = """
      The gap to the entropy is what a model has not learned of a task. Some tasks are learned by small models, \
      others only by large ones.
      """
    return Chapter(
      "Loss by task",
      [.paragraph("The text consists of tasks that differ in difficulty.\(knowsEntropy ? " \(onGap)" : "")")]
        + Part.finding(finding))
  }

  /// All runs, with the settings that vary.
  static func runs(_ table: ResultsTable) -> Chapter {
    Chapter(
      "All runs",
      [
        .paragraph(
          """
          Losses are those on held-out text, in nats per token, with their standard errors over the windows of that \
          text. N counts all parameters, and C every matrix product of the training. All columns are in results.csv.
          """)
      ] + Part.finding(.runs(table)))
  }
}
