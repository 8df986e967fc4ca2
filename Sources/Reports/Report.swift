import Analysis
import Files
import Foundation
import Plans
import ScalingLaws
import Training

/// The report of an experiment, or of fits to another table, with figures and tables.
public struct Report: Sendable {
  private let title: String
  private let lead: String
  private let fits: [ReportedFit]
  /// All results, of which the figures show parts.
  private let found: Fits
  private let experiment: Trained?
  /// A verdict on every expectation of the experiment's file, and a failed one for each key result that is missing.
  public private(set) var verdicts: [Verdict] = []

  /// What is known about runs that Isoflop trained itself.
  private struct Trained: Sendable {
    let page: PageText?
    let quotes: PageQuotes
    let key: KeyResult?
    let table: ResultsTable
    let plots: [PlotRequest]
    let curves: [String: [CurvePoint]]
    let nGrams: [Double]
    let provenance: [Provenance]
  }

  /// The report of an experiment.
  ///
  /// - Parameters:
  ///   - curves: The validation losses along runs, by the identifier of the run. Runs may be missing.
  ///   - nGrams: The losses of the 1-gram, the 2-gram, … in nats per token; empty if they are unknown.
  ///   - provenance: The provenance of each run.
  public init(
    of experiment: ExperimentFile, table: ResultsTable, fits: Fits, verdicts: [Verdict] = [],
    curves: [String: [CurvePoint]] = [:], nGrams: [Double] = [], provenance: [Provenance] = []
  ) {
    title = experiment.title
    lead = [
      experiment.description,
      experiment.tier == .minutes ? "This is the short form of the experiment, which takes minutes." : "",
      table.inWords,
    ].filter { !$0.isEmpty }.joined(separator: " ")
    self.fits = fits.fits.map { fit in
      ReportedFit(result: fit, labels: AxisLabels(experiment.fits?.first { $0.name == fit.name }))
    }
    found = fits
    self.experiment = Trained(
      page: experiment.page, quotes: PageQuotes(fits: fits, results: table), key: experiment.key,
      table: table, plots: experiment.plots, curves: curves, nGrams: nGrams, provenance: provenance)
    self.verdicts = verdicts + missingKeyResults
  }

  /// Failed verdicts on the key figure and the key number, if the file names one that is not in the report.
  private var missingKeyResults: [Verdict] {
    guard let key = experiment?.key else { return [] }
    var missing: [Verdict] = []
    if let name = key.figure {
      let names = Chapter.withFiguresNamedApart(chapters).flatMap(\.figures).map(\.name)
      if !names.contains(name) {
        let near = nearestName(to: name, among: names)
        missing.append(
          Verdict(
            failed: "key figure \(name)", expected: "in the report",
            found: "the report has no such figure" + (near.map { "; the nearest is `\($0)`" } ?? "")))
      }
    }
    if let (fit, parameter) = key.number {
      let result = fits.first { $0.result.name == fit }?.result
      if result?.number(parameter) == nil {
        missing.append(
          Verdict(
            failed: "key number \(fit) \(parameter)", expected: "in the report",
            found: result?.refusal ?? "the fit has no `\(parameter)`"))
      }
    }
    return missing
  }

  /// The report of fits to observations from any source.
  public init(of fits: Fits, title: String) {
    self.title = title
    lead = (["Scaling laws fitted to \(fits.completed) runs"] + (fits.notes ?? []))
      .map { "\($0)." }.joined(separator: " ")
    self.fits = fits.fits.map { ReportedFit(result: $0, labels: .asGiven) }
    found = fits
    experiment = nil
  }

  /// The number and figure that represent a report on the contents page.
  public struct Highlight: Sendable {
    /// Its key number, or its first number if the file names none.
    public let fact: Page.Fact?
    /// Its key figure, or its first figure if the file names none; nil if the figure is not there.
    public let figure: RenderedFigure?
  }

  /// Writes `report.html` into `folder`, and its figures as `figures/NAME.svg`, `.png` and `.gp`.
  ///
  /// - Parameters:
  ///   - neighbours: The links to other pages of the book; nil outside a book.
  ///   - renderer: Draws the figures; nil to write only their scripts, `figures/NAME.gp`.
  /// - Throws: `InputError` if gnuplot fails, or if a file cannot be written.
  @discardableResult
  public func write(to folder: String, neighbours: Page.Neighbours? = nil, renderer: Renderer?) throws
    -> Highlight
  {
    let chapters = Chapter.withFiguresNamedApart(chapters)
    let figures = chapters.flatMap(\.figures)
    let byName = try Page.draw(figures, into: "\(folder)/figures", renderer: renderer)
    let page = page(of: chapters, drawn: byName, neighbours)
    try FileAccess.write(Data(page.html().utf8), to: "\(folder)/report.html")
    let figure = experiment?.key?.figure
    return Highlight(
      fact: keyFact ?? facts.first,
      figure: (figure ?? figures.first?.name).flatMap { byName[$0] })
  }

  private func page(of chapters: [Chapter], drawn: [String: RenderedFigure], _ neighbours: Page.Neighbours?)
    -> Page
  {
    Page(
      title: title, lead: lead, facts: facts, sections: chapters.map { $0.section(drawn: drawn) },
      neighbours: neighbours, footer: Page.origin)
  }

  /// All figures of the report.
  package var figures: [Figure] { Chapter.withFiguresNamedApart(chapters).flatMap(\.figures) }

  /// The page without its figures, and their scripts: everything except what gnuplot does.
  package func pageWithScripts() throws -> (html: String, scripts: [String]) {
    let chapters = Chapter.withFiguresNamedApart(chapters)
    return (
      try page(of: chapters, drawn: [:], nil).html(), chapters.flatMap(\.figures).map(Script.text)
    )
  }

  private var chapters: [Chapter] {
    let text = { (heading: String, paragraphs: KeyPath<PageText, [QuotingText]>) -> Chapter? in
      experiment.flatMap { experiment in
        experiment.page.flatMap { .text(heading, $0[keyPath: paragraphs], experiment.quotes) }
      }
    }
    let chapters: [Chapter?] = [
      text("What the figures show", \.seen),
      text("What to look for", \.look),
      .expectations(verdicts),
      experiment.flatMap { .experts($0.table, fits) },
      experiment.flatMap { .routing($0.table, curves: $0.curves) },
      experiment.flatMap { .trainingCurves(of: $0.table.rows, curves: $0.curves, baselines: baselines) },
      .losses(fits, baselines: baselines),
      .reducibleLosses(fits),
      .parametricFits(fits),
      .isoFLOP(fits, found),
      .criticalBatch(fits),
      .bestMixtures(fits),
      experiment.flatMap { .plots($0.plots, $0.table) },
      .bends(fits),
      .slopes(fits),
      .forecasts(fits),
      .sideBySide(found.comparisons),
      .multipliers(
        found.comparisons.compactMap { compared in compared.multipliers.map { (compared.title, $0) } }),
      .sweeps(found.sweeps, noise: found.noise),
      .counting(fits),
      .comparisons(fits),
      .unidentified(fits),
      text("Why", \.why),
      text("What the paper found", \.paper),
      text("How this differs at toy scale", \.toy),
      .laws(fits),
      experiment.flatMap { .tasks($0.table) },
      experiment.flatMap { .accuracy($0.table) },
      experiment.map { .runs($0.table) },
      experiment.map { .provenance($0.provenance, table: $0.table) },
      experiment.flatMap { experiment in
        experiment.page.flatMap { .questions($0.questions, experiment.quotes) }
      },
    ]
    return chapters.compactMap { $0 }
  }

  /// The headline numbers.
  package var facts: [Page.Fact] {
    func fact(_ name: String, _ estimate: Estimate?, _ source: String?) -> Page.Fact? {
      guard let estimate, let source else { return nil }
      let isKnown = estimate.identified
      return Page.Fact(
        name, estimate.value.text(),
        note: (isKnown ? "95 % interval \(estimate.intervalText)" : "not identified by these runs")
          + "; \(source)")
    }
    let parametric = Chapter.preferred(fits)?.result
    let isoFLOP = fits.first { $0.result.isoFLOP != nil }?.result
    let compute = fits.filter { $0.variable == .compute }
    let inCompute = (compute.first { $0.result.floor == .entropy } ?? compute.first)?.result
    let facts: [Page.Fact?] =
      [
        fact("Size exponent α", parametric?.fit?["α"], parametric?.name),
        fact("Data exponent β", parametric?.fit?["β"], parametric?.name),
        fact("Best size grows as C^a, a =", isoFLOP?.isoFLOP?.parameters?.exponent, isoFLOP?.name),
        fact("Loss falls with compute, α =", inCompute?.fit?["α"], inCompute?.name),
        floorFact,
        excessFact,
        Page.Fact("Runs", "\(found.completed)", note: runsNote),
      ]
    return facts.compactMap { $0 }
  }

  /// The key number of the file; nil if it names none.
  private var keyFact: Page.Fact? {
    guard let (fit, parameter) = experiment?.key?.number else { return nil }
    guard let result = fits.first(where: { $0.result.name == fit })?.result,
      let number = result.number(parameter)
    else { return Page.Fact("\(parameter) of \(fit)", "—", note: "no fit") }
    let name = "\(result.symbol(of: parameter)) of \(fit)"
    let interval = number.interval.map { "95 % interval \($0.text)" } ?? ""
    return Page.Fact(
      name, number.value.text(), note: number.identified ? interval : "not identified by these runs")
  }

  /// The entropy and the n-gram losses of the text of all runs. With several texts there are none, because the lines of
  /// one text would seem to apply to all.
  private var baselines: Baselines {
    let texts = Set((experiment?.table.rows ?? []).map { [$0.text("corpus"), $0.text("tokenizer")] })
    return Baselines(entropy: entropy, nGrams: texts.count == 1 ? experiment?.nGrams ?? [] : [])
  }

  /// The true entropy of the whole text, if it is known and the same for all runs.
  private var entropy: Double? {
    let known: [Double?] =
      experiment.map { $0.table.completed.map { $0.entropy } } ?? fits.map(\.result.entropy)
    return Set(known).count == 1 ? known[0] : nil
  }

  /// The true entropy, and the fitted floor.
  private var floorFact: Page.Fact? {
    let free = fits.first { $0.isParametric && $0.result.fit?["E"] != nil }
    let fitted = free?.result.fit?["E"]
    let unit = free?.labels.lossUnit ?? ""
    guard let entropy else {
      return fitted.map { Page.Fact("Fitted floor E", $0.value.text(4), note: "\($0.intervalText) \(unit)") }
    }
    let note = fitted.map { "the fit's own floor: \($0.value.text(4)) \($0.intervalText)" }
    return Page.Fact("True entropy\(unit.isEmpty ? "" : ", \(unit)")", entropy.text(4), note: note ?? "")
  }

  /// The largest excess of the program's default settings.
  private var excessFact: Page.Fact? {
    guard let sweep = found.sweeps.first, let excess = sweep.excess else { return nil }
    let deviation = found.noise.map(\.deviation).max().map {
      "; one run's noise is up to \((100 * $0).text(2)) %"
    }
    return Page.Fact(
      "Loss above the best \(sweep.words), at most", "\((100 * excess).text(2)) %",
      note: "of \(sweep.cells.count) cells\(deviation ?? "")")
  }

  private var runsNote: String {
    let lost = [(found.diverged, "diverged"), (found.missing, "missing")].filter { $0.0 > 0 }
    return lost.isEmpty
      ? "all completed" : "completed; " + lost.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
  }

}

extension Page {
  /// The footer of reports.
  static var origin: String {
    "Made by Isoflop \(Provenance.version). Figures are drawn by gnuplot from the .gp files beside them."
  }

  /// Draws figures into a folder, by name; none without a renderer, but their scripts.
  static func draw(_ figures: [Figure], into folder: String, renderer: Renderer?) throws -> [String:
    RenderedFigure]
  {
    guard let renderer else {
      try Renderer.writeScripts(of: figures, into: folder)
      return [:]
    }
    return Dictionary(
      try renderer.render(figures, into: folder).map { ($0.figure.name, $0) },
      uniquingKeysWith: { first, _ in first })
  }
}

extension Figure {
  /// The learning curves of runs, finished or not; nil before there is one.
  ///
  /// - Parameter curves: The validation losses along runs, by the identifier of the run.
  package static func trainingCurves(of rows: [RunRow], curves: [String: [CurvePoint]]) -> Figure? {
    Chapter.trainingCurves(of: rows, curves: curves, baselines: Baselines(entropy: nil, nGrams: []))?.figures
      .first
  }
}
