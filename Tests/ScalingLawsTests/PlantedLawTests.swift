import Foundation
import ScalingLaws
import Testing

/// Every law recovers the parameters of noiseless synthetic losses.
@Suite struct PlantedLawTests {
  static let sizesAndTokens = (0..<36).map { index in
    let (n, d) = (1e6 * pow(4, Double(index % 6)), 1e8 * pow(4, Double(index / 6)))
    return Observation(
      parameters: n, tokens: d, compute: 6 * n * d, steps: d / 1e5,
      uniqueTokens: 1e8 * pow(4, Double(index % 4)),
      experts: pow(2, Double(index % 9)), loss: 1)
  }
  static let curve = (0..<60).map { Observation(tokens: 1e5 * pow(1.25, Double($0)), loss: 1) }
  static let mixtures = (1..<40).map { index -> Observation in
    let first = Double(index) / 40
    let second = (1 - first) * Double(index % 7) / 7
    return Observation(mixture: [first, second, 1 - first - second], loss: 1)
  }

  static let laws: [(NamedLaw, [Double], [Observation])] = [
    (.power(PowerLaw(in: .tokens, floor: .zero)), [30, 0.21], curve),
    (.power(PowerLaw(in: .tokens)), [30, 0.21, 1.3], curve),
    (.power(PowerLaw(in: .compute, floor: .known(1.3))), [30, 0.11], sizesAndTokens),
    (.chinchilla(ChinchillaLaw()), [400, 2000, 0.35, 0.37, 1.8], sizesAndTokens),
    (.chinchilla(ChinchillaLaw(floor: .known(0.3))), [400, 2000, 0.35, 0.37], sizesAndTokens),
    (.interaction(InteractionLaw()), [400, 2000, 0.35, 0.37, 0.6, 1.8], sizesAndTokens),
    (.kaplan(KaplanLaw()), [6.4e13, 1.8e13, 0.076, 0.103], sizesAndTokens),
    (.kaplanSteps(KaplanStepsLaw()), [8, 300, 0.077, 0.76], sizesAndTokens),
    (.repeatedData(RepeatedDataLaw()), [15.4, 5.3, 520, 1490, 0.35, 0.36, 1.87], repeats),
    (.overtraining(OvertrainingLaw()), [100, 300, 0.28, 1.6], sizesAndTokens),
    (.broken(BrokenLaw(in: .tokens)), [20, 0.1, 0.3, 3e7, 0.3, 0.5], curve),
    (
      .broken(BrokenLaw(in: .tokens, breaks: 2, floor: .zero)), [8, 0.08, 0.3, 3e6, 0.2, -0.2, 5e8, 0.3],
      curve
    ),
    (.routed(RoutedLaw()), [-0.083, -0.118, 0.0099, 1.1136, 2.1, 240], routed),
    (.routed(RoutedLaw(floor: .known(0.8))), [-0.3, -0.2, 0.02, 2.5, 2.1, 240], routed),
    (
      .jointRouted(JointRoutedLaw(floor: .known(0.25))), [40, 120, 0.4, 0.4, -0.3, -0.015, 0.1, 0.01], sparse
    ),
    (.mixture(MixtureLaw(domains: 3)), [1.2, 0.8, -2, 1], mixtures),
  ]

  static let repeats = [1e8, 3e8, 1e9, 3e9].flatMap { n in
    [1e8, 1e9, 1e10].flatMap { u in
      [1.0, 2, 4, 8, 16, 40, 100].map { Observation(parameters: n, tokens: u * $0, uniqueTokens: u, loss: 1) }
    }
  }
  static let sparse = [1e4, 3e4, 1e5].flatMap { n in
    [5e5, 1e6, 4e6].flatMap { d in
      [1.0, 2, 4, 8, 32].map { Observation(parameters: n, tokens: d, experts: $0, loss: 1) }
    }
  }
  static let routed = (0..<50).map {
    Observation(
      parameters: 1.5e7 * pow(3, Double($0 % 5)), experts: pow(2, Double($0 / 5)), loss: 1)
  }

  static func planted(
    _ law: any Law, _ θ: [Double], _ design: [Observation], noise: Double = 0, seed: UInt64 = 11
  )
    throws -> [Observation]
  {
    var generator = SeededGenerator(seed: seed)
    return try design.map { place in
      var place = place
      place.loss =
        law.knownFloor + (try #require(law.loss(θ, at: place)) - law.knownFloor)
        * exp(noise * generator.normal())
      return place
    }
  }

  @Test(arguments: laws.indices) func recovered(_ index: Int) throws {
    let (law, θ, design) = Self.laws[index]
    let fit = try Fitter(law, minimizing: Objective(.leastSquares), bootstraps: 0).fit(
      Self.planted(law.law, θ, design))
    for (estimate, planted) in zip(fit.parameters, θ) {
      #expect(
        abs(estimate.value / planted - 1) < 1e-3,
        "\(fit.name): \(estimate.symbol) \(estimate.value), not \(planted)")
    }
  }

  /// The gradient that comes with the formula against central differences of the formula.
  @Test(arguments: laws.indices) func gradient(_ index: Int) throws {
    let (named, θ, design) = Self.laws[index]
    let law = named.law
    for observation in [design[1], design[design.count / 2]] {
      let values = law.variables.map { observation[$0] ?? .nan }
      let logs = values.map { log($0) }
      func loss<T: Number>(_ θ: [T]) -> T { evaluate(law, θ, values, logs) }
      for block in stride(from: 0, to: θ.count, by: Dual.lanes) {
        let dual = loss(θ.enumerated().map { Dual($1, lane: $0 - block) })
        for lane in 0..<min(Dual.lanes, θ.count - block) {
          let h = 1e-5 * abs(θ[block + lane])
          var (up, down) = (θ, θ)
          up[block + lane] += h
          down[block + lane] -= h
          let difference = (loss(up.map { Scalar($0) }).value - loss(down.map { Scalar($0) }).value) / (2 * h)
          #expect(
            abs(dual.derivatives[lane] - difference) <= 1e-5
              * (abs(difference) + dual.value / abs(θ[block + lane]) * 1e-3))
        }
      }
    }
  }

  private func evaluate<T: Number>(_ law: some Law, _ θ: [T], _ values: [Double], _ logs: [Double]) -> T {
    law.loss(θ, at: values, logs: logs)
  }

  /// The objective's scale must not change the answer: losses in other units give the same exponents, and
  /// their coefficients in those units.
  @Test func scaleInvariance() throws {
    let law = NamedLaw.chinchilla(ChinchillaLaw())
    let observations = try Self.planted(
      law.law, [400, 2000, 0.35, 0.37, 1.8], Self.sizesAndTokens, noise: 0.01)
    let scaled = observations.map { observation in
      var scaled = observation
      scaled.loss *= 1e-6
      return scaled
    }
    for objective in [Objective(.leastSquares, on: .raw), Objective(.leastSquares), .chinchilla] {
      let fits = try [observations, scaled].map {
        try Fitter(law, minimizing: objective, bootstraps: 0).fit($0)
      }
      for (symbol, factor) in [("A", 1e-6), ("B", 1e-6), ("α", 1), ("β", 1), ("E", 1e-6)] {
        let (a, b) = (try #require(fits[0][symbol]).value, try #require(fits[1][symbol]).value)
        #expect(abs(b / (a * factor) - 1) < 1e-5, "\(objective.text): \(symbol)")
      }
    }
  }

  @Test func clustersWidenIntervals() throws {
    let law = NamedLaw.power(PowerLaw(in: .tokens, floor: .zero))
    let once = try Self.planted(law.law, [30, 0.2], Self.curve, noise: 0.02)
    let copied = (0..<4).flatMap { _ in
      once.enumerated().map { index, observation in
        var copy = observation
        copy.cluster = "\(index)"
        return copy
      }
    }
    let fit = { try Fitter(law, minimizing: Objective(.leastSquares), bootstraps: 400).fit($0) }
    let single = try #require(fit(once)["α"]?.standardError)
    let clustered = try #require(fit(copied)["α"]?.standardError)
    #expect(abs(clustered / single - 1) < 0.15)
  }

  @Test func impossibleObservationsAreNamed() throws {
    var observations = try Self.planted(ChinchillaLaw(), [400, 2000, 0.35, 0.37, 1.8], Self.sizesAndTokens)
    observations[4].loss = .nan
    #expect(throws: FitError("the loss is nan; it must be positive", observation: 4)) {
      try Fitter(.chinchilla(ChinchillaLaw())).fit(observations)
    }
    #expect(throws: FitError("has no S (steps), which Kaplan L(N, S) needs", observation: 0)) {
      try Fitter(.kaplanSteps(KaplanStepsLaw())).fit([Observation(parameters: 1, tokens: 1, loss: 1)])
    }
    #expect(throws: FitError.self) {
      try Fitter(.chinchilla(ChinchillaLaw())).fit(Array(observations.prefix(4)))
    }
  }
}
