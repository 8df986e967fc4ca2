import Foundation
import ScalingLaws
import Testing

@Suite struct AllocationTests {
  static let θ = [400, 2000, 0.35, 0.37, 1.8]

  static func fit(bootstraps: Int = 100) throws -> LawFit {
    try Fitter(.chinchilla(ChinchillaLaw()), minimizing: Objective(.leastSquares), bootstraps: bootstraps)
      .fit(
        PlantedLawTests.planted(ChinchillaLaw(), θ, PlantedLawTests.sizesAndTokens, noise: 0.003))
  }

  /// The optimum agrees with Hoffmann's closed form N* = G·(C/6)^a.
  @Test func computeOptimum() throws {
    let fit = try Self.fit()
    let plan = try Allocation(.compute(1e20), under: fit)
    let (g, a) = (try #require(fit["G"]).value, try #require(fit["a"]).value)
    #expect(abs(plan.parameters.value / (g * pow(1e20 / 6, a)) - 1) < 1e-5)
    #expect(abs(plan.compute.value / 1e20 - 1) < 1e-9)
    #expect(try #require(plan.parameters.interval).contains(IsoFLOPTests.optimum(1e20)))
    #expect(plan.warning == nil)
    let far = try Allocation(.compute(1e26), under: fit)
    #expect(far.decadesBeyond > 1 && far.warning != nil)
    // Each coordinate of the optimum, given as the budget, leads to the same optimum.
    for budget in [
      Allocation.Budget.parameters(plan.parameters.value), .tokens(plan.tokens.value), .loss(plan.loss.value),
    ] {
      let again = try Allocation(budget, under: fit)
      #expect(abs(again.compute.value / 1e20 - 1) < 1e-3, "\(budget)")
    }
  }

  /// Inference makes the optimal model smaller and its training longer at the same loss (Sardana et al. 2023).
  @Test func inferenceMakesModelsSmaller() throws {
    let fit = try Self.fit(bootstraps: 0)
    let training = try Allocation(.compute(1e20), under: fit)
    let serving = try Allocation(.loss(training.loss.value), under: fit, inferenceTokens: 1e12)
    #expect(serving.parameters.value < training.parameters.value)
    #expect(serving.tokens.value > training.tokens.value)
    #expect(abs(serving.loss.value / training.loss.value - 1) < 1e-9)
    let cost = { (n: Double, d: Double) in 6 * n * d + 2 * n * 1e12 }
    #expect(
      cost(serving.parameters.value, serving.tokens.value)
        < cost(training.parameters.value, training.tokens.value))
  }

  @Test func lossBelowTheFloorIsRefused() throws {
    let fit = try Self.fit(bootstraps: 0)
    #expect(throws: FitError.self) { try Allocation(.loss(1.0), under: fit) }
  }

  @Test func predictionIntervals() throws {
    let fit = try Self.fit()
    let place = Observation(parameters: 1e8, tokens: 1e10, loss: 1)
    let prediction = try #require(fit.predict(at: place))
    let truth = try #require(ChinchillaLaw().loss(Self.θ, at: place))
    let (confidence, single) = (try #require(prediction.confidence), try #require(prediction.prediction))
    #expect(confidence.contains(truth))
    #expect(single.low < confidence.low && single.high > confidence.high)
    #expect(prediction.decadesBeyond == 0)
  }

  @Test func selectionPrefersTheTrueLaw() throws {
    let observations = try PlantedLawTests.planted(
      PowerLaw(in: .tokens), [30, 0.21, 1.3], PlantedLawTests.curve, noise: 0.005)
    let selection = try Selection(
      [
        .power(PowerLaw(in: .tokens, floor: .zero)), .power(PowerLaw(in: .tokens)),
        .broken(BrokenLaw(in: .tokens)),
      ], on: observations, leavingOutLargest: .tokens)
    #expect(selection.candidates[0].fit.equation == PowerLaw(in: .tokens).equation)
    #expect(selection.heldOut == 12)
    let pure = try #require(selection.candidates.first { $0.fit.parameters.count == 2 })
    #expect(pure.excess > 10)
    #expect(try #require(pure.heldOutRMS) > 3 * (try #require(selection.candidates[0].heldOutRMS)))
  }

  @Test func sensitivityTable() throws {
    let observations = try PlantedLawTests.planted(
      ChinchillaLaw(), Self.θ, PlantedLawTests.sizesAndTokens, noise: 0.003)
    let table = Sensitivity(
      of: Fitter(.chinchilla(ChinchillaLaw())), on: observations,
      variants: [("small runs", Array(observations.prefix(4)))])
    #expect(table.symbols == ["A", "B", "α", "β", "E", "a", "b", "G"])
    #expect(table.rows.filter { $0.values != nil }.allSatisfy { $0.values?.count == 8 })
    #expect(try #require(table.rows.last).refusal != nil)
  }

  @Test func aHeldParameterStaysAndTheOthersFollow() throws {
    let observations = try PlantedLawTests.planted(
      ChinchillaLaw(), Self.θ, PlantedLawTests.sizesAndTokens, noise: 0.003)
    let free = try Fitter(.chinchilla(ChinchillaLaw()), bootstraps: 50).fit(observations)
    let beta = try #require(free["β"])
    let held = try Fitter(.chinchilla(ChinchillaLaw()), holding: ["β": beta.value], bootstraps: 50).fit(
      observations)
    #expect(held.held == ["β"] && held["β"]?.value == beta.value && held["β"]?.interval == nil)
    #expect(held["β"]?.profile == nil && held["β"]?.identified == true)
    // Holding a parameter at its fitted value does not change the others, and narrows their intervals.
    let (heldB, freeB) = (try #require(held["B"]), try #require(free["B"]))
    #expect(abs(heldB.value / freeB.value - 1) < 1e-4)
    let (certain, uncertain) = (try #require(heldB.standardError), try #require(freeB.standardError))
    #expect(certain < 0.5 * uncertain)
    // A coefficient in which the law is linear, held away from its estimate, moves the exponent.
    let other = try Fitter(.chinchilla(ChinchillaLaw()), holding: ["B": 3 * Self.θ[1]], bootstraps: 0).fit(
      observations)
    #expect(other["B"]?.value == 3 * Self.θ[1])
    let exponent = try #require(other["β"]).value
    #expect(exponent > beta.value && other.objectiveValue > free.objectiveValue)
    #expect(throws: FitError.self) {
      try Fitter(.chinchilla(ChinchillaLaw()), holding: ["γ": 1]).fit(observations)
    }
  }

  @Test func aFloorAtZeroHasAnUpperBoundAlone() throws {
    let observations = try PlantedLawTests.planted(
      PowerLaw(in: .tokens, floor: .zero), [30, 0.21], PlantedLawTests.curve, noise: 0.005)
    // For half of all seeds the fitted floor is zero; this is one of them.
    let fit = try Fitter(.power(PowerLaw(in: .tokens)), minimizing: Objective(.leastSquares), bootstraps: 0)
      .fit(
        observations)
    let floor = try #require(fit["E"])
    let profile = try #require(floor.profile)
    let lowest = observations.map(\.loss).min() ?? 0
    #expect(profile.low == nil && !floor.identified)
    #expect(try #require(profile.high) < lowest)
    #expect(profile.values == profile.values.sorted())
  }

  @Test("Kaplan et al. 2020, equation 4.4: D of at least 5e3·N^.74 avoids overfitting")
  func tokensToAvoidOverfitting() {
    for size in [1e6, 1e8, 1e10] {
      let tokens = KaplanLaw.tokensToAvoidOverfitting(
        [6.4e13, 1.8e13, 0.076, 0.103], parameters: size, excess: 0.02)
      #expect((0.9...1.15).contains(tokens / (5e3 * pow(size, 0.74))), "\(size): \(tokens)")
    }
  }

  @Test func criticalBatch() throws {
    let batches = [1e4, 1e5, 1e6, 1e7]
    let tradeoffs = try [3.0, 2.5, 2.0].map { loss in
      let critical = CriticalBatch.kaplan.tokens(atLoss: loss)
      return try CriticalBatch.Tradeoff(
        loss: loss, batches: batches, steps: batches.map { 1000 * (1 + critical / $0) })
    }
    let fit = try CriticalBatch(through: tradeoffs)
    #expect(abs(fit.coefficient / 2e8 - 1) < 1e-6)
    #expect(abs(fit.exponent * 0.21 - 1) < 1e-6)
    #expect(abs(fit.minimumSteps(steps: 2000, batch: fit.tokens(atLoss: 2), loss: 2) - 1000) < 1e-9)
    #expect(abs(fit.minimumCompute(compute: 2000, batch: fit.tokens(atLoss: 2), loss: 2) - 1000) < 1e-9)
    #expect(throws: FitError.self) { try CriticalBatch.Tradeoff(loss: 2, batches: [1, 1], steps: [5, 5]) }
  }
}
