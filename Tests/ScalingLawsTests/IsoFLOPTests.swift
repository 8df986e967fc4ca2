import Foundation
import ScalingLaws
import Testing

/// Llama 3's IsoFLOP profiles, as digitised by Open-Athena.
@Suite(
  .enabled(
    if: PublishedData.has("openathena_llama3_isoflops"), "needs ../shared/data/openathena_llama3_isoflops"))
struct Llama3Tests {
  static func observations() throws -> [Observation] {
    try PublishedData.rows("openathena_llama3_isoflops/isoflops.csv").filter { $0["condition"] == "raw_loss" }
      .map {
        Observation(
          parameters: $0.number("params"), tokens: $0.number("tokens"), compute: $0.number("budget"),
          loss: $0.number("loss"))
      }
  }

  @Test func approach2() throws {
    let analysis = try IsoFLOPAnalysis(Self.observations())
    #expect(analysis.profiles.count == 10)
    let a = try #require(analysis.parameters?.exponent)
    #expect(abs(a.value - 0.4632) < 5e-4, "\(a.value)")
  }

  @Test func approach3() throws {
    let fit = try Fitter(
      .chinchilla(ChinchillaLaw()), minimizing: Objective(.leastSquares, on: .raw), bootstraps: 200
    ).fit(Self.observations())
    for (symbol, published) in [("α", 0.3100), ("β", 0.3136), ("a", 0.5029)] {
      let value = try #require(fit[symbol]).value
      #expect(abs(value - published) < 1e-4, "\(symbol) \(value)")
    }
  }

  @Test func theGridAloneHardlyMovesTheExponent() throws {
    let surface = try Fitter(.chinchilla(ChinchillaLaw()), bootstraps: 0).fit(Self.observations())
    let bias = try #require(IsoFLOPAnalysis(Self.observations(), bootstraps: 0).exponentBias(under: surface))
    #expect(abs(bias) < 0.01)
  }
}

@Suite struct IsoFLOPTests {
  static let law = ChinchillaLaw()
  static let θ = [400, 2000, 0.35, 0.37, 1.8]

  static func profile(_ c: Double, sizes: [Double]) -> [Observation] {
    sizes.map { n in
      var place = Observation(parameters: n, tokens: c / (6 * n), compute: c, loss: 1)
      place.loss = law.loss(θ, at: place) ?? .nan
      return place
    }
  }

  /// N* of the planted surface.
  static func optimum(_ c: Double) -> Double {
    let (a, b, α, β) = (θ[0], θ[1], θ[2], θ[3])
    return pow(α * a / (β * b), 1 / (α + β)) * pow(c / 6, β / (α + β))
  }

  @Test func centredGridGivesTheExponent() throws {
    let budgets = [1e18, 1e19, 1e20, 1e21]
    let observations = budgets.flatMap { c in
      Self.profile(c, sizes: (-3...3).map { Self.optimum(c) * pow(1.4, Double($0)) })
    }
    for method in [IsoFLOPAnalysis.Method.leastSquares, .robust] {
      let analysis = try IsoFLOPAnalysis(observations, method: method, bootstraps: 20)
      let a = try #require(analysis.parameters?.exponent.value)
      #expect(abs(a - 0.37 / 0.72) < 2e-3)
      #expect(abs(try #require(analysis.centreDrift)) < 0.02)
      #expect(abs(try #require(analysis.spacing) - 1.4) < 1e-6)
    }
  }

  /// A loss is no parabola over a factor of a thousand in N.
  @Test func theParabolaIsFittedNearTheMinimum() throws {
    let observations = (0..<5).flatMap { budget in
      // Profiles whose centres drift away from the minima.
      let c = 1e18 * pow(10, Double(budget))
      return Self.profile(
        c,
        sizes: (0..<13).map { Self.optimum(c) * pow(1000, Double($0 - 6) / 12) * pow(1.35, Double(budget)) })
    }
    for method in [IsoFLOPAnalysis.Method.leastSquares, .robust, .local] {
      let analysis = try IsoFLOPAnalysis(observations, method: method, bootstraps: 20)
      let a = try #require(analysis.parameters?.exponent.value)
      #expect(abs(a - 0.37 / 0.72) < 1e-3, "\(method): \(a)")
      for profile in analysis.profiles where method != .local {
        let window = try #require(profile.window)
        #expect(window.high / window.low < 64.1 && (5..<13).contains(profile.fittedModels))
        #expect(window.contains(try #require(profile.minimum).parameters))
      }
    }
  }

  @Test func minimumOutsideItsProfileIsRefused() throws {
    let sizes = (1...5).map { Self.optimum(1e19) * pow(1.5, Double($0)) }
    let analysis = try IsoFLOPAnalysis(Self.profile(1e19, sizes: sizes), bootstraps: 0)
    #expect(analysis.profiles[0].minimum == nil)
    #expect(try #require(analysis.profiles[0].refusal).contains("train smaller models"))
    #expect(analysis.parameters == nil)
  }

  @Test func noBudgetWithThreeModelsIsRefused() throws {
    #expect(throws: FitError.self) {
      try IsoFLOPAnalysis(Self.profile(1e19, sizes: [1e8, 2e8]), bootstraps: 0)
    }
  }

  @Test func envelopeOfTrainingCurves() throws {
    let sizes = (0..<14).map { 1e7 * pow(1.5, Double($0)) }
    let curves = sizes.flatMap { n in
      (0..<40).map { step -> Observation in
        let d = 1e8 * pow(1.25, Double(step))
        var place = Observation(parameters: n, tokens: d, compute: 6 * n * d, loss: 1, cluster: "\(n)")
        place.loss = Self.law.loss(Self.θ, at: place) ?? .nan
        return place
      }
    }
    let envelope = try Envelope(curves, bootstraps: 50)
    #expect(envelope.curves == 14)
    #expect(abs(envelope.parametersExponent.value - 0.37 / 0.72) < 0.02)
    let frontier = try Frontier(curves)
    let losses = frontier.observations.map(\.loss)
    #expect(losses == losses.sorted(by: >))
    let law = try #require(frontier.law)
    // L*(C) = E + k·C^(−αβ/(α+β)).
    #expect(abs(try #require(law["α"]).value - 0.35 * 0.37 / 0.72) < 0.02)
  }
}
