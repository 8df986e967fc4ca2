import Foundation
import ScalingLaws
import Testing

@Suite struct MultiplierTests {
  private static let (floor, exponent) = (1.7, 0.3)

  /// Returns runs along a path in compute whose curve needs `factor` times the compute.
  private static func path(
    _ name: String, needing factor: Double = 1, exponent: Double = exponent, noise: Double = 0,
    stream: Int = 0,
    from first: Double = 1e12, to last: Double = 1e15
  ) -> MultiplierGroup {
    var generator = SeededGenerator(seed: 77, stream: stream)
    let count = 20
    return MultiplierGroup(
      name,
      (0..<count).map { index in
        let compute = first * pow(last / first, Double(index) / Double(count - 1))
        let loss = floor + 2 * pow(compute / factor / 1e12, -exponent)
        return Observation(compute: compute, loss: loss * exp(noise * generator.normal()))
      })
  }

  @Test func exactCurvesGiveTheFormula() throws {
    let (a, b) = (Self.path("a"), Self.path("b", needing: 1.4))
    for floors in [Multiplier.Floors.shared, .known(Self.floor)] {
      let found = try Multiplier(of: b, over: a, floors: floors, bootstraps: 0)
      let (worse, better) = (b.runs[9].loss - Self.floor, a.runs[9].loss - Self.floor)
      #expect(abs(found.factor.value / pow(worse / better, 1 / Self.exponent) - 1) < 1e-4)
      #expect(abs(found.constantFactor.value / 1.4 - 1) < 1e-4 && abs(found.trend.value) < 1e-3)
      #expect(found.basis == .runs && found.factor.interval == nil)
      // Only losses that both reach: the reference's range without a factor of 1.4.
      #expect(abs(found.decades - (3 - log10(1.4))) < 1e-3, "\(found.decades)")
    }
  }

  /// The interval of a planted multiplier covers it in about 95 % of data sets, and is not wide.
  @Test func intervalsCover() throws {
    var (covered, changing) = (0, 0)
    var widths: [Double] = []
    let sets = 60
    for set in 0..<sets {
      let found = try Multiplier(
        of: Self.path("b", needing: 1.4, noise: 0.02, stream: 2 * set),
        over: Self.path("a", noise: 0.02, stream: 2 * set + 1), bootstraps: 200)
      let interval = try #require(found.factor.interval)
      if interval.contains(1.4) { covered += 1 }
      if found.course == .changes { changing += 1 }
      widths.append(log(interval.high / interval.low))
    }
    #expect((54...60).contains(covered), "\(covered) of \(sets)")
    #expect(changing <= 5, "\(changing) of \(sets)")
    #expect((0.25...0.5).contains(widths.sorted()[sets / 2]), "\(widths.sorted()[sets / 2])")
  }

  @Test func aFactorThatGrowsWithScaleIsFound() throws {
    let found = try Multiplier(
      of: Self.path("b", exponent: 0.24, noise: 0.002, stream: 1),
      over: Self.path("a", noise: 0.002, stream: 2),
      bootstraps: 200)
    #expect(found.course == .changes && found.aiccGain > 10)
    // 2·(x/1e12)^−.3 = 2·(y/1e12)^−.24 gives y ∝ x^1.25.
    #expect(try #require(found.trend.interval).contains(0.25))
    #expect(abs(found.perDecade.value / pow(10, 0.25) - 1) < 0.2)
    let (first, last) = (try #require(found.places.first), try #require(found.places.last))
    #expect(last.factor > 3 * first.factor && first.loss > last.loss)
  }

  /// Runs that spread over N and D are compared by the lowest loss at each compute.

  /// Several groups that are rescalings of one, and groups of which one has an exponent of its own.
  @Test func oneExponentForAllIsTested() throws {
    func groups(_ set: Int, exponentOfLast: Double = Self.exponent) -> [MultiplierGroup] {
      [1, 1.4, 0.7].enumerated().map { index, factor in
        let exact = Self.path(
          "\(index)", needing: factor, exponent: index == 2 ? exponentOfLast : Self.exponent)
        var generator = SeededGenerator(seed: 78, stream: 3 * set + index)
        let runs = exact.runs.map { run in
          var run = run
          run.loss = Self.floor + (run.loss - Self.floor) * exp(0.03 * generator.normal())
          return run
        }
        return MultiplierGroup(exact.name, runs)
      }
    }
    let floors = Multiplier.Floors.known(Self.floor)
    let sets = 30
    var (covered, rejected, lowest) = ([0, 0, 0], 0, 1.0)
    for set in 0..<sets {
      let found = try SharedExponent(of: groups(set), floors: floors, bootstraps: 200)
      let planted = [
        (found.exponents[0], Self.exponent), (found.factors[1][0], 1.4), (found.factors[2][0], 0.7),
      ]
      for (index, (estimate, value)) in planted.enumerated()
      where estimate.interval?.contains(value) ?? false {
        covered[index] += 1
      }
      #expect(found.factors[0][0].value == 1)
      rejected += found.pValue <= 0.05 ? 1 : 0
      lowest = min(lowest, found.pValue)
    }
    #expect(covered.allSatisfy { (25...30).contains($0) } && rejected <= 5, "\(covered), \(rejected)")
    #expect(lowest < 0.5)
    let found = try SharedExponent(of: groups(0, exponentOfLast: 0.2), floors: floors, bootstraps: 0)
    #expect(found.pValue < 0.01 && found.aiccGain > 2 && found.exponents[0].interval == nil)
  }

  @Test func gridsAreComparedByTheirSurfaces() throws {
    func grid(_ name: String, needing factor: Double, costing cost: Double) -> MultiplierGroup {
      MultiplierGroup(
        name,
        (0..<5).flatMap { i in
          (0..<5).map { j in
            let (n, d) = (1e5 * pow(3, Double(i)), 1e7 * pow(4, Double(j)))
            let gain = factor.squareRoot()
            let loss = 1 + 60 * pow(n / gain, -0.35) + 300 * pow(d / gain, -0.3)
            return Observation(parameters: n, tokens: d, compute: cost * n * d, loss: loss)
          }
        })
    }
    let (a, b) = (grid("a", needing: 1, costing: 6), grid("b", needing: 1.4, costing: 6))
    let found = try Multiplier(of: b, over: a, bootstraps: 0)
    #expect(found.basis == .surface && abs(found.factor.value / 1.4 - 1) < 1e-3, "\(found.factor.value)")
    #expect(abs(found.curves[0].exponent.value - 0.35 * 0.3 / 0.65) < 1e-3)
    // The curve is the lowest loss of the planted surface at a compute.
    let lowest = (0...4000).map { step -> Double in
      let n = 1e4 * pow(1e5, Double(step) / 4000)
      return 1 + 60 * pow(n, -0.35) + 300 * pow(1e16 / (6 * n), -0.3)
    }.min()
    #expect(abs(found.curves[0](1e16) / (lowest ?? 0) - 1) < 1e-4)
    // Twice the FLOPs for each parameter and token count as twice the compute.
    let dear = try Multiplier(of: grid("b", needing: 1, costing: 12), over: a, bootstraps: 0)
    #expect(abs(dear.factor.value / 2 - 1) < 1e-3, "\(dear.factor.value)")
  }

  @Test func dataAreComparedAtOneSize() throws {
    func runs(_ name: String, needing factor: Double, sizes: [Double]) -> MultiplierGroup {
      MultiplierGroup(
        name,
        sizes.flatMap { n in
          (0..<6).map { index in
            let d = 1e6 * pow(2, Double(index))
            return Observation(
              parameters: n, tokens: d, loss: 1 + 20 * pow(n, -0.4) + 30 * pow(d / factor, -0.4))
          }
        })
    }
    let found = try Multiplier(
      of: runs("b", needing: 1.4, sizes: [1e5, 2e5]), over: runs("a", needing: 1, sizes: [2e5, 4e5]),
      in: .tokens, bootstraps: 0)
    #expect(found.basis == .slice && found.curves.map(\.held) == [2e5, 2e5])
    #expect(abs(found.factor.value / 1.4 - 1) < 1e-3, "\(found.factor.value)")
  }

  @Test func nothingIsExtrapolated() throws {
    let (high, low) = (Self.path("small", to: 1e13), Self.path("large", needing: 0.01, from: 1e13))
    #expect(throws: FitError.self) { try Multiplier(of: low, over: high, bootstraps: 0) }
    do {
      _ = try Multiplier(of: low, over: high, bootstraps: 0)
    } catch {
      #expect("\(error)".contains("no loss is reached by both groups: small reaches losses of"), "\(error)")
    }
    let few = MultiplierGroup("few", Array(Self.path("few").runs.prefix(3)))
    do {
      _ = try Multiplier(of: few, over: high, bootstraps: 0)
      Issue.record("three points are no curve with a fitted floor")
    } catch {
      #expect("\(error)" == "few has 3 different C; a curve needs at least 4", "\(error)")
    }
  }
}
