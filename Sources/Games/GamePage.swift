import Analysis
import Files
import Foundation
import Plans
import Reports
import ScalingLaws
import Training

/// The page of a game: the scores, everybody's ledger and experiments, and the predictions once they are revealed.
public struct GamePage: Sendable {
  private typealias Point = Reports.Point

  private let game: Game
  private let ledger: Ledger
  /// The results of the final runs; nil before the final.
  private let results: FinalResults?
  /// The finished runs of each player.
  private let runs: [String: [RunRow]]

  /// - Parameters:
  ///   - results: The results of the final runs; nil before the final.
  ///   - runs: The finished runs of each player.
  public init(of game: Game, _ ledger: Ledger, results: FinalResults?, runs: [String: [RunRow]]) {
    (self.game, self.ledger, self.results, self.runs) = (game, ledger, results, runs)
  }

  /// Writes the page, and its figures into the folder `figures`.
  ///
  /// - Parameter renderer: Draws the figures; nil for none.
  /// - Throws: `InputError` if gnuplot fails, or if a file cannot be written.
  public func write(to path: String, figures folder: String, renderer: Renderer?) throws {
    let parts = final + accounts
    let figures = parts.flatMap(\.figures)
    let drawn = try renderer?.render(figures, into: folder) ?? []
    let byName = Dictionary(drawn.map { ($0.figure.name, $0) }, uniquingKeysWith: { first, _ in first })
    let page = Page(
      title: "The budget game", lead: lead, facts: facts,
      sections: parts.map { part in
        Page.Section(
          part.heading,
          part.paragraphs.map { .paragraph($0) }
            + part.figures.compactMap { byName[$0.name].map(Page.Block.figure) }
            + part.tables.map { .table($0) } + part.notes.map { .paragraph($0) })
      },
      footer:
        "Made by Isoflop \(Provenance.version). The ledger has \(ledger.count) lines and the seal \(ledger.seal)."
    )
    try FileAccess.write(Data(page.html().utf8), to: path)
  }

  /// A section of the page.
  private struct Part {
    var heading: String
    var paragraphs: [String] = []
    var figures: [Figure] = []
    var tables: [Finding] = []
    var notes: [String] = []
  }

  private var rules: GameRules { game.rules }

  /// A budget without a trailing zero, as in `2×10¹¹`.
  private func amount(_ value: Double) -> String { value.text(2).replacing(".0×", with: "×") }

  private var lead: String {
    """
    Each player spends \(amount(rules.budget)) FLOPs on experiments, and then predicts which model of \
    \(amount(rules.finalBudget)) FLOPs has the least loss, how large that loss is, and an interval that contains it with a \
    probability of \((100 * rules.level).text(2)) %. \(state)
    """
  }

  private var state: String {
    if results != nil { return "The final runs are trained." }
    if ledger.isClosed { return "All predictions are made; the final runs are not trained yet." }
    let sealed = ledger.accounts.count { $0.commitment != nil }
    return
      "\(sealed) of \(ledger.accounts.count) players have predicted; nobody can read a prediction before the final."
  }

  private var facts: [Page.Fact] {
    let spent = ledger.accounts.reduce(0) { $0 + $1.spent }
    var facts = [
      Page.Fact("Players", "\(ledger.accounts.count)", note: "with \(amount(rules.budget)) FLOPs each"),
      Page.Fact(
        "Runs bought", "\(ledger.accounts.reduce(0) { $0 + $1.runs.count })",
        note: "for \(spent.text()) FLOPs in all"),
    ]
    guard let results else { return facts }
    if let winner = results.scores.first, let total = winner.total {
      facts.append(Page.Fact("Best score", winner.prediction.player, note: "\(total.text()) nats per token"))
    }
    if let best = results.best, let loss = best.loss {
      facts.append(
        Page.Fact(
          "Best loss", loss.text(4),
          note:
            "nats per token, N = \(Double(best.model.parameters).text()), D = \(Double(best.model.tokens).text())"
        ))
    }
    return facts
  }

  // MARK: The final

  private var final: [Part] {
    guard let results, !results.entries.isEmpty else { return [] }
    var scores = Part(
      heading: "Scores",
      paragraphs: [
        """
        The regret is the loss of the chosen model minus the least loss that anybody's model, or one of the game's own \
        \(rules.referenceWidths.count) reference models, reached with the final budget. The interval score is the width of \
        the interval, plus \((2 / (1 - rules.level)).text(2)) times the distance by which the loss missed it (Gneiting & \
        Raftery 2007): a narrow interval is good only if it contains the loss. Their sum ranks the players; less is better.
        """
      ],
      tables: [.ranks(results), .regrets(results), .intervals(results, level: rules.level)])
    if let deviation = results.deviation {
      let close = results.scores.filter { $0.isWithinNoise == true && ($0.regret ?? 0) > 0 }.map(
        \.prediction.player)
      scores.notes.append(
        "Each final model is trained with \(rules.finalSeeds.count) seeds, and its loss is their mean. Between seeds the loss "
          + "of one run varies with a standard deviation of \(deviation.text(2)) nats per token. A regret of less than two "
          + "standard errors of a difference is within this noise"
          + (close.isEmpty
            ? "." : ": that of \(close.joined(separator: ", ")) says nothing about the chosen size."))
    } else {
      scores.notes.append(
        "Each final model is trained with one seed, so the noise of the losses is not known, and small regrets may be "
          + "chance.")
    }
    if results.isBestAtEdge {
      scores.notes.append(
        "The best model is at the edge of the reference sizes: the best loss may be still lower, and all regrets larger."
      )
    }
    return [scores, Part(heading: "The final runs", figures: [finalFigure(results)])]
  }

  private func finalFigure(_ results: FinalResults) -> Figure {
    func point(_ entry: FinalResults.Entry) -> Point? {
      let error = 2 * (results.deviation ?? 0) / Double(entry.losses.count).squareRoot()
      return entry.loss.map { Point(Double(entry.model.parameters), $0, error: error) }
    }
    let references = results.entries.filter(\.isReference).compactMap(point)
    let style = Style("references of the game", .neutral)
    let reached = Style("reached by a player's model", .category(1), marker: .diamond)
    let predicted = results.scores.map(\.prediction)
    let chosen = results.scores.compactMap { score in
      results.entries.first { $0.model == FinalModel(score.prediction) }.flatMap(point)
    }
    // Names of models at one place are joined.
    let names = Dictionary(grouping: results.scores.filter { $0.loss != nil }) { FinalModel($0.prediction) }
      .sorted { $0.key.parameters < $1.key.parameters }
    return Figure(
      name: "final", title: "Loss of all models with the final budget",
      caption: """
        All models cost at most \(amount(rules.finalBudget)) FLOPs; the bars of points are two standard errors over seeds. \
        The second panel shows each player's prediction with its interval; the diamond is the loss that was reached.
        """,
      panels: [
        Panel(
          x: Axis("Parameters N", .logarithmic), y: Axis("Loss (nats per token)"),
          layers: [
            .line(references, style), .points(references, style),
            .points(chosen, reached),
          ]
            + names.compactMap { model, scores in
              // Above the error bar.
              results.entries.first { $0.model == model }.flatMap(point).map {
                .text(
                  scores.map(\.prediction.player).joined(separator: ", "), x: Double(model.parameters),
                  y: $0.high)
              }
            }),
        Panel(
          x: Axis("Player", range: 0.4...Double(predicted.count) + 0.6, names: predicted.map(\.player)),
          y: Axis("Loss (nats per token)"),
          layers: [
            .points(
              predicted.enumerated().map { Point(Double($0 + 1), $1.loss, low: $1.low, high: $1.high) },
              Style("predicted, with interval", .category(0))),
            .points(
              results.scores.enumerated().compactMap { index, score in
                score.loss.map { Point(Double(index + 1), $0) }
              },
              reached),
          ]),
      ])
  }

  // MARK: The players

  private var accounts: [Part] {
    guard !ledger.accounts.isEmpty else {
      return [Part(heading: "The ledger", paragraphs: ["Nobody has joined yet."])]
    }
    return [Part(heading: "The ledger", tables: [.accounts(ledger)])]
      + ledger.accounts.map { account in
        var part = Part(heading: account.player)
        guard !account.runs.isEmpty else {
          part.paragraphs = ["\(account.player) has bought no runs."]
          return part
        }
        let rows = (runs[account.player] ?? []).filter { $0.loss != nil }
        if !rows.isEmpty { part.figures = [figure(of: account, rows)] }
        part.tables = [.purchases(of: account)]
        return part
      }
  }

  private func figure(of account: Account, _ rows: [RunRow]) -> Figure {
    let widths = Set(rows.compactMap { $0.settings["width"]?.number }).sorted()
    func points(_ rows: [RunRow]) -> [Point] {
      rows.compactMap { row in
        guard let compute = row.exactCompute, let loss = row.loss else { return nil }
        return Point(compute, loss, error: 2 * (row.reducibleStandardError ?? row.lossStandardError ?? 0))
      }.sorted { $0.x < $1.x }
    }
    var layers: [Layer] = zip(widths, Ink.series(widths.count)).map { width, ink in
      .points(
        points(rows.filter { $0.settings["width"]?.number == width }),
        Style(String(format: "width %.0f", width), ink))
    }
    if let prediction = account.prediction {
      layers.append(
        .points(
          [Point(prediction.flops, prediction.loss, low: prediction.low, high: prediction.high)],
          Style("predicted", .category(0), marker: .open)))
      if let loss = results?.scores.first(where: { $0.prediction == prediction })?.loss {
        layers.append(
          .points(
            [Point(prediction.flops, loss)], Style("reached", .category(1), marker: .diamond)))
      }
    }
    return Figure(
      name: "player-\(account.player)", title: "The experiments of \(account.player)",
      caption: """
        Loss of the runs that \(account.player) has bought against their compute\
        \(account.prediction == nil ? "" : ", with the prediction for the final run and its interval").
        """,
      panels: [
        Panel(
          x: Axis("Training compute C (FLOPs)", .logarithmic), y: Axis("Loss (nats per token)", .logarithmic),
          layers: layers)
      ])
  }
}
