import Foundation
import ScalingLaws
import Testing

@Suite struct EmbeddingCountTests {
  /// Pearce and Song 2024, section 3.2: N_T = N + ω·N^(1/3), and the refit of Chinchilla's law by Besiroglu et al.
  static let ω = 47491.0
  static let θ = [482.01, 2085.43, 0.3478, 0.3658, 1.8169]

  static func total(_ n: Double) -> Double { n + ω * pow(n, 1.0 / 3) }

  /// C at which N is the best size: there α·A·N_T^−α · dlog N_T/dlog N = β·B·D^−β.
  static func compute(atBest n: Double) -> Double {
    let share = (n + ω / 3 * pow(n, 1.0 / 3)) / total(n)
    let data = θ[2] * θ[0] * pow(total(n), -θ[2]) * share / (θ[3] * θ[1])
    return 6 * n * pow(data, -1 / θ[3])
  }

  /// Over the sizes of Kaplan et al. 2020 the exponent without embeddings is .78, near their .73; in total it is .51.
  @Test func kaplansExponentFromChinchillasLaw() throws {
    let runs = [1e7, 1e8, 1e9, 1e10].flatMap { n in
      [1e9, 1e10, 1e11].map { d in
        var run = Observation(parameters: n, tokens: d, loss: 1)
        run.loss = ChinchillaLaw().loss(Self.θ, at: run) ?? .nan
        return run
      }
    }
    let fit = try Fitter(.chinchilla(ChinchillaLaw()), bootstraps: 20).fit(runs)
    #expect(abs(try #require(fit["α"]).value - Self.θ[2]) < 1e-3)
    let sizes = (0...60).map { 768 * pow(1.5e9 / 768, Double($0) / 60) }
    let count = try EmbeddingCount(
      under: fit, pairs: sizes.map { .init(nonEmbedding: $0, total: Self.total($0)) },
      compute: Self.compute(atBest: 768)...Self.compute(atBest: 1.5e9))
    #expect(abs(count.nonEmbedding.value - 0.78) < 0.01, "\(count.nonEmbedding.value)")
    #expect(abs(count.total.value - 0.3658 / (0.3478 + 0.3658)) < 0.002, "\(count.total.value)")
    let first = try #require(count.frontierNonEmbedding.first)
    #expect(abs(first.parameters / 768 - 1) < 0.1, "\(first.parameters)")
    #expect(count.nonEmbedding.interval != nil)
  }

  @Test func otherLawsAndTooFewModelsAreRefused() throws {
    let runs = (1...6).map { Observation(tokens: 1e5 * Double($0), loss: 3 / Double($0)) }
    let fit = try Fitter(.power(PowerLaw(in: .tokens, floor: .zero)), bootstraps: 0).fit(runs)
    #expect(throws: FitError.self) { try EmbeddingCount(under: fit, pairs: [], compute: 1e9...1e12) }
  }
}
