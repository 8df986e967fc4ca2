import ScalingLaws

extension Chapter {
  /// Comparisons of laws with other laws, and the sensitivity of fits to other choices; nil if neither was requested.
  static func comparisons(_ fits: [ReportedFit]) -> Chapter? {
    let rivals = fits.flatMap { Part.finding(.rivals(of: $0.result)) }
    let choices = fits.flatMap { Part.finding(.sensitivity(of: $0.result)) }
    guard !rivals.isEmpty || !choices.isEmpty else { return nil }
    let onRivals = Part.paragraph(
      """
      Rival laws are fitted to the same runs by least squares on the log loss. AICc weighs the quality of a fit \
      against its number of parameters: a difference below 2 says nothing, one above 10 very much. The better test \
      is to leave out the largest runs and predict them from the others.
      """)
    let onChoices = Part.paragraph(
      """
      The data do not determine which penalty to use, which runs count as outliers, or how to count N and C. A \
      number that changes by more than its interval from one choice to the next must be quoted together with the \
      choice.
      """)
    return Chapter(
      "Other laws, other choices",
      (rivals.isEmpty ? [] : [onRivals] + rivals)
        + (choices.isEmpty ? [] : [onChoices] + choices))
  }
}
