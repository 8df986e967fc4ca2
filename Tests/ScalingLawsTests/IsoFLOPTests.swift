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
    print(
      analysis.parameters!, analysis.tokens!, analysis.centreOffset!, analysis.centreDrift!, analysis.spacing!
    )
    for p in analysis.profiles { print(p.budget, p.observations.count, p.minimum as Any, p.refusal ?? "") }
    #expect(analysis.profiles.count == 10)
    let a = try #require(analysis.parameters?.exponent)
    #expect(abs(a.value - 0.4632) < 5e-4, "\(a.value)")
  }

  @Test func approach3() throws {
    let fit = try Fitter(
      .chinchilla(ChinchillaLaw()), minimizing: Objective(.leastSquares, on: .raw), bootstraps: 200
    ).fit(Self.observations())
    print(fit.values, fit.derived)
    for (symbol, published) in [("α", 0.3100), ("β", 0.3136), ("a", 0.5029)] {
      let value = try #require(fit[symbol]).value
      #expect(abs(value - published) < 1e-4, "\(symbol) \(value)")
    }
  }

  @Test func all() throws {
    let t = Date()
    let a = ScalingAnalysis(of: try Self.observations())
    print("analysis", Date().timeIntervalSince(t), a.refusals)
    for f in a.fits {
      print(
        f.name, f.parameters.map { "\($0.symbol) \($0.value) \($0.interval!) \($0.identified)" },
        f.rmsLogResidual, f.startsAgreeing, f.starts)
    }
    print(a.frontier!.law?.parameters ?? [], a.frontier!.observations.count)
    print(try JSONEncoder().encode(a).count)
  }
}
