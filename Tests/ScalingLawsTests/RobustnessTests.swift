import Foundation
import ScalingLaws
import Testing

/// Tables with little information: fits end soon and report what they could not determine.
@Suite struct RobustnessTests {
  private func grid(_ loss: (Double, Double, Int) -> Double) -> [Observation] {
    (0..<16).map { index in
      let (n, d) = (1e5 * pow(10, Double(index % 4)), 1e8 * pow(10, Double(index / 4)))
      return Observation(parameters: n, tokens: d, compute: 6 * n * d, loss: loss(n, d, index))
    }
  }

  private static let degenerate: [[Double]] = [
    [1e30, 2, 2, 2, 2], [2, 2, 2, 2, 2], [2, 2 + 1e-15, 2, 2, 2], [1e300, 1e-300, 1, 1e300, 2],
  ]

  @Test(arguments: degenerate)
  func degenerateLossesAreFittedOrRefusedSoon(_ losses: [Double]) throws {
    let observations = grid { _, _, index in losses[index % losses.count] }
    for law in [
      NamedLaw.chinchilla(ChinchillaLaw()), .power(PowerLaw(in: .tokens)), .overtraining(OvertrainingLaw()),
    ] {
      let fit = try? Fitter(law, bootstraps: 20).fit(observations)
      #expect(fit?.values.allSatisfy { $0.isFinite } ?? true)
    }
  }

  @Test func lossesThatRiseAreRefusedOrFinite() throws {
    // An accuracy: it rises with N and D.
    let rising = grid { n, d, _ in 0.02 * log(n * d) }
    do {
      let fit = try Fitter(.chinchilla(ChinchillaLaw()), bootstraps: 20).fit(rising)
      #expect(fit.values.allSatisfy { $0.isFinite })
    } catch let error as FitError {
      #expect(error.message.contains("diverges: the losses do not follow"))
    }
  }

  @Test func aSearchStopsAtItsLimitOfWorkAndTheFitTellsIt() throws {
    let observations = (0..<60).map { index in
      let tokens = 1e6 * pow(10, Double(index) / 10)
      let noise = 0.1 * sin(Double(index * index))
      return Observation(parameters: 1e6, tokens: tokens, loss: 2 + 100 * pow(tokens, -0.3) + noise)
    }
    let law = NamedLaw.broken(BrokenLaw(in: .tokens, breaks: 3))
    let fit = try Fitter(law, minimizing: Objective(.leastAbsolute), bootstraps: 0).fit(observations)
    let unfinished = try #require(fit.unfinished)
    #expect(unfinished.starts > 0 && unfinished.starts < fit.starts)
    #expect(unfinished.text.contains("stopped at the limit of evaluations: \(unfinished.starts) starts"))
    #expect(fit.rmsLogResidual < 0.06)
  }

  @Test func runsInOnePlaceAreRefused() {
    let observations = (0..<12).map { Observation(parameters: 1e6, tokens: 1e8, loss: 2 + 0.01 * Double($0)) }
    let error = #expect(throws: FitError.self) { try Fitter(.chinchilla(ChinchillaLaw())).fit(observations) }
    #expect(error?.message.contains("all observations have one and the same N, D") == true)
  }

  private static let degenerateDesigns: [@Sendable (Double) -> (Double, Double)] = [
    { (1e8, 1e8 * pow(2, $0)) },
    { (1e6 * pow(2, $0), 2e7 * pow(2, $0)) },
    // Rounded counts.
    { (1e6 * pow(2, $0), 2e7 * pow(2, $0) * (1 + 0.005 * sin($0))) },
  ]

  /// A run of a surface without noise.
  private func run(_ n: Double, _ d: Double) throws -> Observation {
    var run = Observation(parameters: n, tokens: d, loss: 1)
    run.loss = try #require(ChinchillaLaw().loss([400, 900, 0.33, 0.35, 1.75], at: run))
    return run
  }

  @Test(arguments: degenerateDesigns.indices)
  func aSplitThatTheRunsDoNotShowIsNotGiven(_ design: Int) throws {
    let observations = try (0..<15).map { index in
      let (n, d) = Self.degenerateDesigns[design](Double(index))
      return try run(n, d)
    }
    let fit = try Fitter(.chinchilla(ChinchillaLaw()), bootstraps: 20).fit(observations)
    #expect(fit.derived.allSatisfy { !$0.identified && $0.interval == nil })
    let lack = try #require(fit.lack)
    #expect(["all runs have one N", "D/N is the same in all runs"].contains(lack))
    let error = #expect(throws: FitError.self) { try Allocation(.compute(1e21), under: fit) }
    #expect(error?.message.contains("do not determine how to split a budget: \(lack)") == true)
    let read = try JSONDecoder().decode(Estimate.self, from: JSONEncoder().encode(fit.derived[0]))
    #expect(!read.identified && read.interval == nil)
  }

  /// Noise may put the minimum where a term vanishes; the exponents of the optimum do not change with it there.
  @Test func aVanishingTermDoesNotDetermineASplit() throws {
    let observations = try (0..<16).map { index in
      let n = 1e7 * pow(200, Double(index) / 15)
      var observation = try run(n, 20 * n)
      observation.loss *= 1 + 0.005 * sin(Double(7 * index * index))
      return observation
    }
    let fit = try Fitter(.chinchilla(ChinchillaLaw()), bootstraps: 20).fit(observations)
    #expect(fit.derived.allSatisfy { !$0.identified && $0.interval == nil && $0.standardError == nil })
  }

  /// Two D determine one number of E, B and β; a change of one is undone by the others.
  @Test func whatOtherParametersMakeUpForIsNotIdentified() throws {
    let observations = try [1e7, 1e8, 1e9].flatMap { n in
      try [1e9, 1e10].map { d in
        var observation = try run(n, d)
        observation.loss += 0.01 * sin(n * d)
        return observation
      }
    }
    let fit = try Fitter(.chinchilla(ChinchillaLaw()), bootstraps: 20).fit(observations)
    for symbol in ["B", "β", "E", "a", "b", "G"] {
      #expect(fit[symbol]?.identified == false && fit[symbol]?.interval == nil, "\(symbol)")
    }
    let error = #expect(throws: FitError.self) { try Allocation(.compute(1e21), under: fit) }
    #expect(error?.message.contains("they do not identify") == true)
  }

  /// Files of earlier versions have no member `identified`, and text instead of null.
  @Test func estimatesOfEarlierVersionsAreRead() throws {
    let text =
      #"{"name": "a", "symbol": "a", "unit": "1", "value": 0.5, "interval": {"low": 0.4, "high": 0.6}}"#
    let old = try JSONDecoder().decode(Estimate.self, from: Data(text.utf8))
    #expect(old.identified && old.interval?.high == 0.6)
    let null = #"{"name": "a", "symbol": "a", "unit": "1", "value": null, "identified": false}"#
    let read = try JSONDecoder().decode(Estimate.self, from: Data(null.utf8))
    #expect(read.value.isNaN && !read.identified)
    #expect(String(decoding: try JSONEncoder().encode(read), as: UTF8.self).contains(#""value":null"#))
  }

  @Test func budgetsWithoutMinimaAreNamed() throws {
    let falling = (0..<12).map { index in
      let (n, c) = (1e6 * pow(2, Double(index % 4)), pow(10, Double(18 + index / 4)))
      return Observation(parameters: n, tokens: c / (6 * n), compute: c, loss: 3 - 0.01 * log(n))
    }
    let refusal = try #require(IsoFLOPAnalysis(falling, bootstraps: 0).refusal)
    #expect(refusal.contains("fewer than two budgets have a minimum: C = 1e+18: "), "\(refusal)")
    #expect(refusal.contains("C = 1e+20: "))
  }

  /// The frontier agrees with its definition, which compares all pairs.
  @Test func theFrontierIsThatOfAllPairs() throws {
    // Random values.
    let observations = (1...300).map { index -> Observation in
      let (x, y) = (
        (Double(index) * 0.618_034).truncatingRemainder(dividingBy: 1), Double(index * index % 41)
      )
      return Observation(compute: pow(10, 18 + 2 * x), loss: 2 + y / 20)
    }
    let expected = observations.filter { own in
      observations.allSatisfy { $0.loss >= own.loss || ($0.compute ?? 0) > 1.02 * (own.compute ?? 0) }
    }.sorted { ($0.compute ?? 0, $0.loss) < ($1.compute ?? 0, $1.loss) }
    let found = try Frontier(observations).observations
    #expect(found == expected && !found.isEmpty)
  }

  @Test func elementsAreGroupedInTheOrderOfTheirKeys() {
    #expect([3, 1, 4, 1, 5, 9, 2, 6].grouped { $0 % 3 } == [[3, 9, 6], [1, 4, 1], [5, 2]])
  }
}
