import Analysis
import Files
import Foundation
import ScalingLaws

extension Chapter {
  /// Multipliers of groups: the figure, the table and what they say; nil without any.
  static func multipliers(_ all: [(title: String?, multipliers: Multipliers)]) -> Chapter? {
    let parts = all.enumerated().flatMap { index, item -> [Part] in
      let figure = figure(of: item.multipliers, name: "multiplier-\(index + 1)", title: item.title)
      return [figure].compactMap { $0 }.map { .figure($0) }
        + Part.finding(.multipliers(item.multipliers, title: item.title))
    }
    guard !parts.isEmpty else { return nil }
    return Chapter(
      "The factor at equal loss",
      [
        .paragraph(
          """
          A group with a factor of 1.4 needs 1.4 times as much as the reference for the same loss. Both are fitted \
          together, each by its own power law above the floor, and compared only at losses that both reach. If both \
          have one exponent, the factor is the same at every scale.
          """)
      ] + parts)
  }

  /// The losses of all groups with their curves, and the factor over the shared range; nil without any multiplier.
  private static func figure(of multipliers: Multipliers, name: String, title: String?) -> Figure? {
    let found = multipliers.rows.compactMap { row in row.multiplier.map { (name: row.name, $0) } }
    guard let first = found.first else { return nil }
    let labels = AxisLabels.asGiven
    let floor = multipliers.knownFloor ?? 0
    let curves = [first.1.curves[0]] + found.map { $0.1.curves[1] }
    let losses = curves.enumerated().flatMap { index, curve -> [Layer] in
      let x = logarithmicSteps(curve.range.low...curve.range.high, count: 48)
      return [
        .points(
          curve.runs.map { Point($0[0], $0[1] - floor) }, Style(nil, .category(index), marker: .small)),
        .line(x.map { Point($0, curve($0) - floor) }, Style(curve.name, .category(index))),
      ]
    }
    let factors = found.enumerated().flatMap { index, group -> [Layer] in
      let (name, multiplier) = group
      let points = multiplier.places.map { place in
        Point(
          place.reference, place.factor, low: place.interval?.low ?? place.factor,
          high: place.interval?.high ?? place.factor)
      }
      let style = Style(name, .category(index + 1))
      return [.band(points, style), .line(points, style)]
    }
    let quantity = multipliers.variable.quantity
    return Figure(
      name: name, title: title ?? "\(quantity.capitalizedSentence) at equal loss",
      caption: """
        Left: the runs that the curves are fitted to. Right: how many times the \(quantity) of \
        \(multipliers.reference) each group needs for the same loss, with 95 % intervals.
        """,
      panels: [
        Panel(
          x: labels.axis(multipliers.variable),
          y: Axis(floor > 0 ? "Loss above \(floor.text(4))" : "Loss", .logarithmic), layers: losses),
        Panel(
          x: Axis(
            "\(multipliers.variable.symbol) of the reference (\(multipliers.variable.unit))",
            .logarithmic),
          y: Axis("Factor of \(quantity)", .logarithmic),
          layers: [.horizontal(1, "", Style(nil, .neutral, dash: .dotted))] + factors),
      ])
  }
}

/// The page of `isoflop compare`.
public struct MultiplierReport: Sendable {
  private let multipliers: Multipliers
  private let title: String

  /// Creates the page.
  public init(of multipliers: Multipliers, title: String) {
    (self.multipliers, self.title) = (multipliers, title)
  }

  /// Writes `report.html` into `folder`, and its figures as `figures/NAME.svg`, `.png` and `.gp`.
  ///
  /// - Parameter renderer: Draws the figures; nil to write only their scripts.
  /// - Throws: `InputError` if gnuplot fails, or if a file cannot be written.
  public func write(to folder: String, renderer: Renderer?) throws {
    let chapters = [Chapter.multipliers([(nil, multipliers)])].compactMap { $0 }
    let drawn = try Page.draw(chapters.flatMap(\.figures), into: "\(folder)/figures", renderer: renderer)
    let facts = multipliers.rows.compactMap { row -> Page.Fact? in
      row.multiplier.map { found in
        Page.Fact(
          "\(multipliers.variable.quantity.capitalizedSentence) of \(row.name) over \(multipliers.reference)",
          found.factor.value.text(), note: "95 % interval \(found.factor.intervalText)")
      }
    }
    let page = Page(
      title: title,
      lead: "The factor of \(multipliers.variable.quantity) at equal loss. \(multipliers.convention).",
      facts: facts, sections: chapters.map { $0.section(drawn: drawn) }, footer: Page.origin)
    try FileAccess.write(Data(page.html().utf8), to: "\(folder)/report.html")
  }
}
