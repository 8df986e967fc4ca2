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
    print(fit.objectiveValue, fit.values, fit.starts, fit.startsAgreeing)
    for e in fit.parameters { print("P", e.symbol, e.profile!.low as Any, e.profile!.high as Any) }
    let plan = try Allocation(.compute(5.76e23), under: fit)
    print("PLAN", plan.parameters.value, plan.tokens.value, plan.loss.value, plan.warning ?? "")
  }

  @Test func leastAbsolute() throws {
    let fit = try Fitter(
      .chinchilla(ChinchillaLaw()), minimizing: Objective(.leastAbsolute), bootstraps: 0
    ).fit(try Self.observations())
    print(fit.objectiveValue, fit.values, fit.starts, fit.startsAgreeing)
    #expect(fit.objectiveValue <= 1.12949467)
    for (symbol, published) in [("A", 482.0), ("B", 2085), ("E", 1.8169), ("α", 0.3478), ("β", 0.3659)] {
      let value = try #require(fit[symbol]).value
      #expect(abs(value / published - 1) < 1e-3, "\(symbol) \(value)")
    }
  }

  @Test func bootstrapStandardErrors() throws {
    let start = Date()
    let fit = try Fitter(.chinchilla(ChinchillaLaw()), bootstraps: 4000).fit(try Self.observations())
    print("4000 bootstraps", Date().timeIntervalSince(start))
    for (symbol, published) in [("A", 124.5), ("B", 1293), ("E", 0.0257), ("α", 0.0154), ("β", 0.0206)] {
      let error = try #require(fit[symbol]?.standardError)
      print(symbol, error, fit[symbol]!.interval!)
      #expect(abs(error / published - 1) < 0.1, "\(symbol) \(error)")
    }
  }

  @Test func leastSquaresOfRawLoss() throws {
    let observations = try Self.observations().filter { ($0.compute ?? 0) < 1e21 }
    #expect(observations.count == 217)
    let fit = try Fitter(
      .chinchilla(ChinchillaLaw()), minimizing: Objective(.leastSquares, on: .raw), bootstraps: 0
    ).fit(observations)
    print(fit.objectiveValue, fit.values, fit.starts, fit.startsAgreeing)
    #expect(fit.objectiveValue <= 0.0624143)
    for (symbol, published) in [("E", 1.9051), ("α", 0.3511), ("β", 0.4587)] {
      let value = try #require(fit[symbol]).value
      #expect(abs(value / published - 1) < 1e-3, "\(symbol) \(value)")
    }
  }
}
