import Foundation
import ScalingLaws
import Testing

/// The published laws that are given by their formulas recover planted parameters.
@Suite struct NamedFormulaTests {
  /// Planted parameters, and the ranges of the columns; values are drawn evenly in the logarithm, or in the number
  /// itself from zero.
  static let planted: [String: ([String: Double], [String: (low: Double, high: Double)])] = [
    "coupling": (["E": 1.8, "A": 2000, "B": 20000, "alpha": 0.5, "beta": 0.55, "k": 0.7], [:]),
    "annealing": (
      ["L0": 2.6, "A": 0.6, "alpha": 0.5, "C": 0.3], ["S1": (0.1, 30), "S2": (0, 0.5)]
    ),
    "precision": (
      ["E": 1.8, "A": 400, "B": 2000, "alpha": 0.35, "beta": 0.37, "gw": 2.7, "ga": 2.2, "gkv": 1],
      ["Pw": (1, 16), "Pa": (1, 16), "Pkv": (1, 16)]
    ),
    "precision_weights": (
      ["E": 1.8, "A": 400, "B": 2000, "alpha": 0.35, "beta": 0.37, "gw": 2.7], ["Pw": (1, 16)]
    ),
    "distillation": (
      [
        "c0": 0.4, "c1": 1.5, "d1": 0.8, "f1": 0.2, "A": 40, "B": 60, "alpha": 0.3, "beta": 0.3, "gamma": 0.6,
      ], ["LT": (1.5, 4), "LS": (1.5, 4)]
    ),
    "transfer": (["k": 19000, "alpha": 0.2, "beta": 0.4], ["DF": (1e4, 1e9)]),
    "coverage": (["a": -3, "b": -0.4], ["k": (1, 1e4)]),
    "overoptimisation": (["alpha": 0.5, "beta": 0.04], ["d": (0.5, 8)]),
    "overoptimisation_rl": (["alpha": 0.5, "beta": 0.1], ["d": (0.5, 20)]),
    "sparsity": (
      ["E": 1.8, "B": 100, "C": 40, "beta": 0.3, "alpha": 0.3], ["sparsity": (0, 0.8)]
    ),
    "vocabulary": (["k": 3, "gamma": 0.8], ["Nnv": (1e7, 1e12)]),
    "rising": (["U": 0.9, "A": 60, "B": 80, "alpha": 0.3, "beta": 0.28], [:]),
    "rising_n": (["U": 0.9, "A": 60, "alpha": 0.3], [:]),
    "rising_d": (["U": 0.9, "A": 120, "alpha": 0.3], [:]),
    "rising_c": (["U": 0.9, "A": 800, "alpha": 0.2], [:]),
    "sigmoid_c": (["U": 0.8, "C50": 3e19, "s": 0.4], [:]),
  ]

  @Test(
    "Planted parameters are recovered, and their intervals cover", arguments: NamedFormula.all.map(\.name))
  func recovered(_ name: String) throws {
    let row = try #require(NamedFormula.all.first { $0.name == name })
    let law = try #require(row.law)
    let (values, ranges) = try #require(Self.planted[name])
    #expect(Set(ranges.keys) == Set(row.columns.keys) && !row.source.isEmpty)
    let θ = try law.parameters.map { try #require(values[$0.symbol]) }
    let design = Self.design(ranges)
    let exact = try Fitter(.formula(law), minimizing: Objective(.leastSquares), bootstraps: 0).fit(
      PlantedLawTests.planted(law, θ, design))
    for (estimate, value) in zip(exact.parameters, θ) {
      #expect(abs(estimate.value / value - 1) < 1e-3, "\(estimate.symbol) \(estimate.value)")
    }
    // An interval of 95 % misses the value in four of eight data sets with a probability of 1 in 2500.
    var covered = θ.map { _ in 0 }
    for seed in 1...8 as ClosedRange<UInt64> {
      let runs = try PlantedLawTests.planted(law, θ, design, noise: 0.002, seed: seed)
      let fit = try Fitter(.formula(law), minimizing: Objective(.leastSquares), bootstraps: 100).fit(runs)
      for index in θ.indices {
        covered[index] += fit.parameters[index].interval?.contains(θ[index]) == true ? 1 : 0
      }
    }
    for (parameter, count) in zip(law.parameters, covered) {
      #expect(count >= 5, "\(parameter.symbol) in \(count) of 8 intervals")
    }
  }

  private static func design(_ ranges: [String: (low: Double, high: Double)]) -> [Observation] {
    var generator = SeededGenerator(seed: 5)
    return (0..<120).map { _ in
      let (n, d) = (1e7 * pow(1000, generator.uniform()), 1e9 * pow(1000, generator.uniform()))
      var run = Observation(parameters: n, tokens: d, compute: 6 * n * d, loss: 1)
      run.columns = [:]
      for (name, range) in ranges.sorted(by: { $0.key < $1.key }) {
        let part = generator.uniform()
        run.columns?[name] =
          range.low > 0 ? range.low * pow(range.high / range.low, part) : range.high * part
      }
      return run
    }
  }
}
