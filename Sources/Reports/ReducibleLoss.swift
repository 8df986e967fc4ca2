import ScalingLaws

extension Chapter {
  /// The loss above the true entropy, which in theory is a straight line; a note instead if the entropy is unknown;
  /// nil if no law in one variable was requested.
  static func reducibleLosses(_ fits: [ReportedFit]) -> Chapter? {
    guard fits.contains(where: { $0.result.law.variable != nil || $0.variable != nil }) else { return nil }
    let heading = "Reducible loss"
    guard fits.contains(where: { $0.result.entropy != nil }) else {
      return Chapter(
        heading,
        [
          .paragraph(
            """
            The true entropy of this text is not known, and so neither is the part of the loss that training can \
            reduce. Figures and fits of that part are left out.
            """)
        ])
    }
    let panels = FitGroup.groups(of: fits).compactMap(reduciblePanel)
    // Three panels to a figure, so that each stays legible.
    let figures = stride(from: 0, to: panels.count, by: 3).map { first in
      Part.figure(
        Figure(
          name: "reducible-loss-\(first / 3 + 1)", title: "Loss above the true entropy",
          caption: """
            Loss minus the true entropy on log axes, with 95 % error bars, and the power law fitted with the entropy \
            as its floor (95 % interval shaded). The law was fitted to the circled runs only.
            """, panels: Array(panels[first..<min(first + 3, panels.count)])))
    }
    return Chapter(
      heading,
      [
        .paragraph(
          """
          The entropy of this text is known: it is the loss of a perfect model. The part of the loss above it is \
          reducible. On log axes a power law is a straight line whose slope is the exponent. Where points leave the \
          line at one end, something else limits the loss.
          """)
      ] + (figures.isEmpty ? [.paragraph("No law with the entropy as its floor was fitted.")] : figures))
  }

  private static func reduciblePanel(of group: FitGroup) -> Panel? {
    guard let entropy = group.entropy,
      let fit = group.fits.first(where: { $0.result.fit?.knownFloor == entropy })
    else { return nil }
    return Panel(
      [fit.ownName, fit.result.fit?["α"]?.text].compactMap { $0 }.joined(separator: ": "),
      x: group.labels.axis(group.variable), y: group.labels.reducibleAxis,
      layers: group.curve(
        of: fit, label: "power law with the true entropy as its floor", ink: .category(1), above: entropy)
        + group.points(above: entropy))
  }
}
