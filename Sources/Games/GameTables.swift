import Analysis
import ScalingLaws

extension Finding {
  /// What each player has spent and predicted.
  public static func accounts(_ ledger: Ledger) -> Finding {
    Finding(
      "What was spent, in FLOPs, and who has predicted",
      columns: [
        Column("player", "player", .left), Column("purchases", nil), Column("runs", "runs"),
        Column("spent", "spent"), Column("left", "left"),
        Column("budget", nil), Column("prediction", "prediction", .left),
        Column("commitment", nil, .left),
      ],
      rows: ledger.accounts.map { account in
        [
          .text(account.player), .count(account.purchases.count), .count(account.runs.count),
          .amount(account.spent), .amount(account.left), .amount(account.budget),
          .text(account.prediction != nil ? "revealed" : account.commitment != nil ? "sealed" : "none yet"),
          account.commitment.map(Cell.text) ?? .missing,
        ]
      })
  }

  /// What a player has bought.
  public static func purchases(of account: Account) -> Finding {
    Finding(
      "What \(account.player) has bought, in FLOPs",
      columns: [
        Column("player", nil, .left), Column("experiment", "experiment", .left), Column("runs", "runs"),
        Column("flops", "price"), Column("left", "left"), Column("n_total", "parameters"),
        Column("d_tokens", "tokens"),
      ],
      rows: account.purchases.map { purchase in
        [
          .text(account.player), .text(purchase.experiment), .count(purchase.runs.count),
          .amount(purchase.flops), .amount(purchase.left),
          .text(range(purchase.runs.map { Double($0.parameters) })),
          .text(range(purchase.runs.map { Double($0.cost.tokens) })),
        ]
      })
  }

  private static func range(_ values: [Double]) -> String {
    guard let low = values.min(), let high = values.max() else { return "" }
    return low == high ? low.text() : "\(low.text()) … \(high.text())"
  }

  /// The regrets: whose model is best.
  public static func regrets(_ results: FinalResults) -> Finding {
    Finding(
      "Regret: the loss of the chosen model above the best loss, in nats per token",
      columns: [
        Column("player", "player", .left), Column("loss", "loss"), Column("regret", "regret"),
        Column("within_noise", "within noise", .left), Column("width", "width"), Column("depth", "depth"),
        Column("n_total", "parameters"), Column("d_tokens", "tokens"), Column("c_exact", nil),
      ],
      rows: results.scores.map { score in
        let model = FinalModel(score.prediction)
        return [
          .text(score.prediction.player), .number(score.loss, digits: 4), .number(score.regret, digits: 2),
          noise(score), .count(model.width), .count(model.depth), .amount(Double(model.parameters)),
          .amount(Double(model.tokens)), .number(model.flops, digits: 4),
        ]
      })
  }

  private static func noise(_ score: FinalResults.Score) -> Cell {
    guard let regret = score.regret else { return .text("diverged") }
    if regret == 0 { return .text("the best") }
    return score.isWithinNoise.map { .truth($0, yes: "yes", no: "no") } ?? .missing
  }

  /// The intervals: who knew how well.
  public static func intervals(_ results: FinalResults, level: Double) -> Finding {
    Finding(
      "Calibration: the score of each \((100 * level).text(2)) % interval, in nats per token",
      columns: [
        Column("player", "player", .left), Column("interval", "interval"), Column("loss", "loss"),
        Column("inside", "inside", .left), Column("interval_score", "score"),
        Column("predicted", "predicted"),
      ],
      rows: results.scores.map { score in
        let prediction = score.prediction
        return [
          .text(prediction.player),
          .interval(Interval(low: prediction.low, high: prediction.high), digits: 3),
          .number(score.loss, digits: 4),
          score.isInside.map { .truth($0, yes: "yes", no: "no") } ?? .text("diverged"),
          .number(score.interval, digits: 3), .number(prediction.loss, digits: 4),
        ]
      })
  }

  /// The sums, which rank the players.
  public static func ranks(_ results: FinalResults) -> Finding {
    Finding(
      "Score: regret and interval score, in nats per token; less is better",
      columns: [
        Column("rank", "rank"), Column("player", "player", .left),
        Column("regret", "regret"),
        Column("interval_score", "interval score"),
        Column("score", "score"),
      ],
      rows: results.scores.enumerated().map { index, score in
        [
          .count(index + 1), .text(score.prediction.player), .number(score.regret, digits: 2),
          .number(score.interval, digits: 3), .number(score.total, digits: 3),
        ]
      })
  }
}
