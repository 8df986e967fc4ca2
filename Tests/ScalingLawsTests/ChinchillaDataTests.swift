import Foundation
import ScalingLaws
import Testing

/// Besiroglu et al. 2024: the points of Chinchilla's figure 4, D = C/6N, the five highest losses dropped.
@Suite(.enabled(if: PublishedData.has("epoch_chinchilla"), "needs ../shared/data/epoch_chinchilla"))
struct ChinchillaDataTests {
  static func observations() throws -> [Observation] {
    let all = try PublishedData.rows("epoch_chinchilla/svg_extracted_data.csv").map { row in
      let (n, c) = (row.number("Model Size"), row.number("Training FLOP"))
      return Observation(parameters: n, tokens: c / (6 * n), compute: c, loss: row.number("loss"))
    }
    let cut = all.map(\.loss).sorted()[all.count - 5]
    return all.filter { $0.loss < cut }
  }

  @Test func huber() throws {
    let observations = try Self.observations()
    #expect(observations.count == 240)
    let fit = try Fitter(.chinchilla(ChinchillaLaw()), bootstraps: 0).fit(observations)
    #expect(fit.objectiveValue <= 0.00101828)
    for (symbol, published) in [("A", 477.8), ("B", 2143), ("E", 1.8172), ("α", 0.3473), ("β", 0.3672)] {
      let value = try #require(fit[symbol]).value
      #expect(abs(value / published - 1) < 1e-3, "\(symbol) \(value)")
    }
  }

  @Test func bootstrapStandardErrors() throws {
    let fit = try Fitter(.chinchilla(ChinchillaLaw()), bootstraps: 4000).fit(try Self.observations())
    for (symbol, published) in [("A", 124.5), ("B", 1293), ("E", 0.0257), ("α", 0.0154), ("β", 0.0206)] {
      let error = try #require(fit[symbol]?.standardError)
      #expect(abs(error / published - 1) < 0.1, "\(symbol) \(error)")
    }
  }

  @Test func leastSquaresOfRawLoss() throws {
    let observations = try Self.observations().filter { ($0.compute ?? 0) < 1e21 }
    #expect(observations.count == 217)
    let fit = try Fitter(
      .chinchilla(ChinchillaLaw()), minimizing: Objective(.leastSquares, on: .raw), bootstraps: 0
    ).fit(observations)
    #expect(fit.objectiveValue <= 0.0624143)
    for (symbol, published) in [("E", 1.9051), ("α", 0.3511), ("β", 0.4587)] {
      let value = try #require(fit[symbol]).value
      #expect(abs(value / published - 1) < 1e-3, "\(symbol) \(value)")
    }
  }

  @Test func theSameSeedGivesTheSameNumbers() throws {
    let observations = try Self.observations()
    let fits = try (0..<2).map { _ in
      try Fitter(.chinchilla(ChinchillaLaw()), bootstraps: 50, seed: 3).fit(observations)
    }
    #expect(fits[0].draws == fits[1].draws)
    #expect(fits[0].values == fits[1].values)
  }
}
