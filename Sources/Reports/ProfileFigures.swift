import Foundation
import ScalingLaws

extension Chapter {
  /// The profile likelihoods of the parameters that the data do not determine; nil if they determine all.
  static func unidentified(_ fits: [ReportedFit]) -> Chapter? {
    let figures = fits.compactMap(profiles)
    guard !figures.isEmpty else { return nil }
    return Chapter(
      "What the data do not determine",
      [
        .paragraph(
          """
          One parameter is held at a value and all others are fitted again: how much worse does the fit get? Where \
          the curve stays below the line, the data allow the value. A parameter whose curve stays below it on one \
          side, however far the parameter is moved, is not identified: do not quote the number that the fit gives \
          for it.
          """)
      ] + figures.map { .figure($0) } + fits.flatMap { Part.finding(.otherMinima(of: $0.result)) })
  }

  private static func profiles(of fit: ReportedFit) -> Figure? {
    let open = (fit.result.fit?.parameters ?? []).filter { !$0.identified }
    let panels = open.compactMap { parameter -> Panel? in
      guard let profile = parameter.profile else { return nil }
      // Logarithms of all numbers that a positive parameter may have would not fit on an axis.
      let shown = zip(profile.values, profile.deviances).filter { value, _ in
        value < 0 || (abs(log10(value / (profile.centre ?? value))) < 6)
      }
      let isPositive = profile.values.allSatisfy { $0 > 0 }
      return Panel(
        parameter.symbol,
        x: Axis("\(parameter.name) \(parameter.symbol)", isPositive ? .logarithmic : .linear),
        y: Axis("Deviance", range: 0...(1.5 * profile.threshold)),
        layers: [
          .horizontal(profile.threshold, "95 %"),
          .line(shown.map { Point($0, $1) }, Style("all others fitted again", .category(0))),
        ])
    }
    guard !panels.isEmpty else { return nil }
    return Figure(
      name: "profiles-\(fit.result.name)", title: "Not identified by \(fit.result.name)",
      caption: open.map { parameter in
        let (low, high) = (parameter.profile?.low, parameter.profile?.high)
        return "\(parameter.symbol): "
          + (low.map { "at least \($0.text())" } ?? high.map { "at most \($0.text())" } ?? "any value")
      }.joined(separator: "; ") + " (95 %).",
      panels: panels)
  }
}

extension Profile {
  /// A value in the relevant part of the curve: a bound that the data give, or the middle.
  fileprivate var centre: Double? { low ?? high ?? (values.isEmpty ? nil : values[values.count / 2]) }
}
