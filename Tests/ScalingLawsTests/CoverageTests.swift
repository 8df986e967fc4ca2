import Foundation
import ScalingLaws
import Testing

/// 95 % intervals must cover planted parameters about 95 % of the time.
@Suite(.serialized) struct CoverageTests {
  /// Fits `count` noisy copies of a planted surface and counts how often each parameter is covered.
  ///
  /// - Parameter held: The symbols of parameters that are held at their true values.
  static func study(
    _ law: NamedLaw, _ truth: [Double], at design: [Observation], noise: Double, holding held: [String] = [],
    count: Int = 200, bootstraps: Int = 300
  ) throws {
    let pairs = zip(law.law.parameters.map(\.symbol), truth).filter { held.contains($0.0) }
    var covered = truth.map { _ in 0 }
    var profiled = covered
    for set in 0..<count {
      var generator = SeededGenerator(seed: 2024, stream: set)
      let observations = design.map { place in
        var place = place
        place.loss = (law.law.loss(truth, at: place) ?? .nan) * exp(noise * generator.normal())
        return place
      }
      let fit = try Fitter(
        law, minimizing: Objective(.leastSquares), holding: Dictionary(uniqueKeysWithValues: pairs),
        bootstraps: bootstraps
      ).fit(observations)
      for (index, parameter) in fit.parameters.enumerated() where !held.contains(parameter.symbol) {
        if try #require(parameter.interval).contains(truth[index]) { covered[index] += 1 }
        let profile = try #require(parameter.profile)
        let interval = Interval(low: profile.low ?? -.infinity, high: profile.high ?? .infinity)
        if interval.contains(truth[index]) { profiled[index] += 1 }
      }
    }
    for (index, parameter) in law.law.parameters.enumerated() where !held.contains(parameter.symbol) {
      for (kind, hits) in [("bootstrap", covered[index]), ("profile", profiled[index])] {
        let part = Double(hits) / Double(count)
        #expect((0.92...0.98).contains(part), "\(law.law.name), \(kind) of \(parameter.symbol): \(part)")
      }
    }
  }

  /// Counts of 95 % intervals over 100 tables. All but three in a thousand of such counts are above 88 %.
  @Test(arguments: [CoverageStudy.Group.surfaces, .lines, .clusters, .profiles])
  func planted(_ group: CoverageStudy.Group) {
    for row in CoverageStudy(group, sets: 100, bootstraps: 300).rows {
      // Between four trainings, a law of five parameters leaves one degree of freedom.
      let least = group == .clusters ? 0.84 : 0.88
      #expect(row.missed <= 1 - least, "\(row)")
      // Noise may hide a floor, and any parameter of a line of few points. Nothing else may go without an interval.
      if group != .lines, row.quantity != "E" { #expect(row.unidentified == 0, "\(row)") }
    }
  }

  @Test func chinchilla() throws {
    var design: [Observation] = []
    for i in 0..<10 {
      for j in 0..<10 {
        design.append(
          Observation(parameters: 1e7 * pow(2.2, Double(i)), tokens: 2e8 * pow(2.5, Double(j)), loss: 1))
      }
    }
    try Self.study(.chinchilla(ChinchillaLaw()), [400, 1200, 0.34, 0.34, 1.7], at: design, noise: 0.005)
  }

  @Test func routed() throws {
    var design: [Observation] = []
    for i in 0..<7 {
      for j in 0..<10 {
        design.append(
          Observation(parameters: 1.5e7 * pow(2.2, Double(i)), experts: pow(2, Double(j)), loss: 1))
      }
    }
    try Self.study(
      .routed(RoutedLaw()), [-0.083, -0.118, 0.0099, 1.1136, 2.1, 240], at: design, noise: 0.003)
  }

  @Test func repeated() throws {
    var design: [Observation] = []
    for n in [1e8, 3e8, 1e9, 3e9] {
      for u in [1e8, 1e9, 1e10] {
        for r in [1.0, 2, 4, 8, 16, 40, 100] {
          design.append(Observation(parameters: n, tokens: u * r, uniqueTokens: u, loss: 1))
        }
      }
    }
    try Self.study(
      .repeatedData(RepeatedDataLaw()), [15.4, 5.3, 520, 1490, 0.3527, 0.3527, 1.87], at: design,
      noise: 0.005,
      holding: ["A", "B", "α", "β", "E"])
  }

  @Test func broken() throws {
    let design = (0..<100).map { Observation(tokens: 1e5 * pow(1.13, Double($0)), loss: 1) }
    try Self.study(.broken(BrokenLaw(in: .tokens)), [8, 0.08, 0.4, 2e7, 0.4, 0.7], at: design, noise: 0.003)
  }
}
