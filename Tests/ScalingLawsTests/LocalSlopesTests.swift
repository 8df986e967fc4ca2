import Foundation
import ScalingLaws
import Testing

@Suite struct LocalSlopesTests {
  /// Three seeds at each of 15 token counts over three decades.
  static func slopes(_ law: NamedLaw, _ θ: [Double], noise: Double, seed: Int, bootstraps: Int = 0) throws
    -> LocalSlopes
  {
    var generator = SeededGenerator(seed: 5, stream: seed)
    let runs = (0..<3).flatMap { trunk in
      (0..<15).map { index in
        var run = Observation(tokens: 1e5 * pow(1.64, Double(index)), loss: 1, cluster: "\(trunk)-\(index)")
        run.loss = (law.law.loss(θ, at: run) ?? .nan) * exp(noise * generator.normal())
        return run
      }
    }
    let fit = try Fitter(
      .power(PowerLaw(in: .tokens)), minimizing: Objective(.leastSquares), bootstraps: bootstraps
    ).fit(runs)
    return try LocalSlopes(of: runs, under: fit)
  }

  @Test func aPowerLawIsStraightAboveItsFloorAndNotWithoutIt() throws {
    let slopes = try Self.slopes(
      .power(PowerLaw(in: .tokens)), [30, 0.3, 1], noise: 0.001, seed: 1, bootstraps: 100)
    #expect(abs(slopes.overall - 0.3) < 0.01)
    #expect(slopes.spread < 0.1 && slopes.spread <= 2 * slopes.noiseLimit)
    #expect(slopes.windows.count > 8 && slopes.windows.allSatisfy { $0.high / $0.low <= 10.001 })
    #expect(slopes.windows.allSatisfy { $0.observations >= 9 })
    // The slope of the loss itself decreases toward the floor.
    let (first, last) = (slopes.windows[0].ofLoss, slopes.windows[slopes.windows.count - 1].ofLoss)
    #expect(last.value < 0.8 * first.value)
    let inside = slopes.windows.count { $0.aboveFloor.interval?.contains(0.3) ?? false }
    #expect(inside >= slopes.windows.count - 3)
  }

  /// Straight lines exceed the limit in about one of 20 cases, and a bend always.
  @Test func noiseIsToldFromABend() throws {
    var exceeded = 0
    for seed in 0..<40 {
      let slopes = try Self.slopes(
        .power(PowerLaw(in: .tokens, floor: .zero)), [30, 0.2], noise: 0.01, seed: seed)
      if slopes.spread > 1.5 * slopes.noiseLimit { exceeded += 1 }
    }
    #expect(exceeded <= 6, "\(exceeded) of 40")
    let bent = try Self.slopes(
      .broken(BrokenLaw(in: .tokens)), [20, 0.1, 0.3, 3e6, 0.3, 0], noise: 0.005, seed: 1)
    #expect(bent.spread > 2 * bent.noiseLimit, "\(bent.verdict)")
    #expect(bent.verdict.contains("not a straight line"))
  }

  @Test func twoPointsAreRefused() throws {
    let runs = (0..<6).map { Observation(tokens: 1e5 * pow(20, Double($0)), loss: 3 / Double($0 + 1)) }
    let fit = try Fitter(.power(PowerLaw(in: .tokens, floor: .zero)), bootstraps: 0).fit(runs)
    #expect(throws: FitError.self) { try LocalSlopes(of: runs, under: fit) }
  }
}
