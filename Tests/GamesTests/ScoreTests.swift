import Files
import Games
import Testing

/// Scores against numbers computed by hand.
@Suite struct ScoreTests {
  private func model(_ width: Int) -> FinalModel {
    FinalModel(width: width, depth: 2, parameters: 100 * width, tokens: 1000, flops: 1e9)
  }

  private func prediction(_ player: String, _ width: Int, _ low: Double, _ high: Double) throws -> Prediction
  {
    try Prediction(
      player: player, model: model(width), loss: (low + high) / 2, low: low, high: high, seal: "")
  }

  @Test("The score of an interval is its width, and 2/α times the miss")
  func intervals() {
    #expect(intervalScore(low: 1, high: 1.5, level: 0.75, of: 1.25) == 0.5)
    #expect(intervalScore(low: 1, high: 1.5, level: 0.75, of: 1.5) == 0.5)
    // 2 / 0.25 = 8 times a quarter.
    #expect(intervalScore(low: 1, high: 1.5, level: 0.75, of: 1.75) == 2.5)
    #expect(intervalScore(low: 1, high: 1.5, level: 0.75, of: 0.75) == 2.5)
  }

  @Test func regretsAndNoise() throws {
    // Variances between two seeds: 0.02² / 2 = 0.0002 each in three models; s = 0.0141421.
    let entries = [
      FinalResults.Entry(model: model(8), isReference: true, losses: [1.20, 1.22]),
      FinalResults.Entry(model: model(16), isReference: true, losses: [1.00, 1.02]),
      FinalResults.Entry(model: model(24), isReference: false, losses: [1.02, 1.04]),
      FinalResults.Entry(model: model(32), isReference: false, losses: [nil, 1]),
    ]
    let results = FinalResults(
      entries,
      [
        try prediction("ada", 8, 1.1, 1.3), try prediction("bob", 24, 0.9, 1.0),
        try prediction("eve", 32, 0.9, 1.0),
        try prediction("dan", 40, 0.9, 1.0),
      ], level: 0.75)
    #expect(abs((results.deviation ?? 0) - 0.0002.squareRoot()) < 1e-12)
    #expect(results.best?.model == model(16) && results.isBestAtEdge)

    let scores = Dictionary(uniqueKeysWithValues: results.scores.map { ($0.prediction.player, $0) })
    let (ada, bob, eve) = (
      try #require(scores["ada"]), try #require(scores["bob"]), try #require(scores["eve"])
    )
    // Ada: regret 0.2, inside an interval of 0.2. Bob: regret 0.02, 0.03 above an interval of 0.1: 0.1 + 8 · 0.03.
    #expect(abs((ada.total ?? 0) - 0.4) < 1e-12 && ada.isInside == true && ada.isWithinNoise == false)
    #expect(abs((bob.regret ?? 0) - 0.02) < 1e-12 && abs((bob.interval ?? 0) - 0.34) < 1e-12)
    // Two standard errors: 2 · 0.0141421 · √(1/2 + 1/2) = 0.0283.
    #expect(bob.isInside == false && bob.isWithinNoise == true)
    #expect(eve.loss == nil && eve.total == nil && eve.isInside == nil)
    // Dan has no finished runs. Those of Eve have diverged, and she comes last.
    #expect(results.scores.map(\.prediction.player) == ["bob", "ada", "eve"])
  }

  @Test("With one seed the noise is not known")
  func oneSeed() throws {
    let results = FinalResults(
      [.init(model: model(8), isReference: false, losses: [1.2])], [try prediction("ada", 8, 1.1, 1.3)],
      level: 0.9)
    #expect(
      results.deviation == nil && results.scores[0].isWithinNoise == nil && results.scores[0].regret == 0)
    #expect(!results.isBestAtEdge)
  }

  @Test(arguments: [(1.2, 1.1, 1.15), (1.0, 1.1, 1.2), (1, 0, 2), (1, 2, 0.5), (1, 0.5, .infinity)])
  func impossiblePredictions(_ loss: Double, _ low: Double, _ high: Double) {
    #expect(throws: InputError.self) {
      try Prediction(player: "ada", model: model(8), loss: loss, low: low, high: high, seal: "")
    }
  }
}
