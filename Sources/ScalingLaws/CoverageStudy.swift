import Foundation

/// How often 95 % intervals contain planted values, and how often breaks are claimed where there are some or none.
public struct CoverageStudy: Sendable, Codable {
  /// How often something held over many simulated tables.
  public struct Row: Sendable, Codable {
    /// A description of the tables.
    public let design: String
    /// The relative standard deviation of the losses.
    public let noise: Double
    /// The quantity whose interval is meant, or what is counted.
    public let quantity: String
    /// The number of tables.
    public let tables: Int
    /// The number of tables in which it held.
    public let held: Int
    /// The number of tables in which the quantity was not identified, so that there was no interval.
    public let unidentified: Int

    /// The fraction of tables in which it did not hold: a wrong interval, or a wrong claim.
    public var missed: Double { Double(tables - held - unidentified) / Double(max(tables, 1)) }
  }

  /// A group of designs.
  public enum Group: String, CaseIterable, Sendable {
    /// Surfaces of N and D with 12 to 150 points.
    case surfaces
    /// Power laws through 3 to 6 points.
    case lines
    /// Surfaces of few trainings with several points each, which share an error.
    case clusters
    /// Exponents of IsoFLOP minima.
    case profiles
    /// Tests for breaks of straight and bent lines.
    case bends
  }

  /// The rows.
  public let rows: [Row]

  /// Simulates the tables of a group.
  ///
  /// - Parameter sets: The number of tables of each design.
  public init(
    _ group: Group, sets: Int, bootstraps: Int = 1000, objective: Objective = Objective(.leastSquares)
  ) {
    let study = { (planted: Planted) in planted.rows(sets, bootstraps, objective) }
    switch group {
    case .surfaces: rows = Planted.surfaces.flatMap(study)
    case .lines: rows = Planted.lines.flatMap(study)
    case .clusters: rows = Planted.clusters.flatMap(study)
    case .profiles: rows = Self.profiles(sets, bootstraps)
    case .bends: rows = Self.bends(sets, bootstraps)
    }
  }

  private static func profiles(_ sets: Int, _ bootstraps: Int) -> [Row] {
    let law = ChinchillaLaw()
    let θ = [400, 2000, 0.35, 0.37, 1.8]
    let a = θ[3] / (θ[2] + θ[3])
    let optimum = { (c: Double) in
      pow(θ[2] * θ[0] / (θ[3] * θ[1]), 1 / (θ[2] + θ[3])) * pow(c / 6, a)
    }
    let designs = [(7, 5, 0.002), (7, 5, 0.01), (4, 4, 0.002)]
    return designs.flatMap { sizes, budgets, noise in
      [IsoFLOPAnalysis.Method.leastSquares, .robust, .local].map { method in
        let places = (0..<budgets).flatMap { budget in
          (0..<sizes).map { size -> Observation in
            let c = 1e18 * pow(10, Double(budget))
            let n = optimum(c) * pow(1.6, Double(size) - Double(sizes - 1) / 2)
            return Observation(parameters: n, tokens: c / (6 * n), compute: c, loss: 1)
          }
        }
        let exponents = (0..<sets).compactMap { set -> Estimate? in
          let runs = Planted(law: .chinchilla(law), θ: θ, places: places, noise: noise).table(set)
          let analysis = try? IsoFLOPAnalysis(runs, method: method, bootstraps: bootstraps)
          return analysis?.parameters?.exponent
        }
        return Row(
          design: "\(sizes) sizes × \(budgets) budgets, \(method.rawValue)", noise: noise, quantity: "a",
          exponents, a)
      }
    }
  }

  private static func bends(_ sets: Int, _ bootstraps: Int) -> [Row] {
    let places = (0..<30).map { Observation(tokens: 1e5 * pow(10, 4 * Double($0) / 29), loss: 1) }
    let power = NamedLaw.power(PowerLaw(in: .tokens))
    let straight: [(String, [Double], Floor)] = [
      ("line with a free floor", [20, 0.25, 1.2], .free),
      ("line with a known floor", [20, 0.25, 1.2], .known(1.2)),
      ("line that ends near its known floor", [60, 0.4, 1.2], .known(1.2)),
    ]
    let unbent = straight.map { name, θ, floor in
      let planted = Planted(law: power, θ: θ, places: places, noise: 0.02)
      let found = (0..<sets).compactMap { set in
        // Losses at or below a known floor are not possible.
        let runs = planted.table(set).filter { $0.loss > floor.value }
        return try? Bends(in: .tokens, of: runs, floor: floor, bootstraps: 0)
      }
      return Row(
        design: "\(name), 30 points", noise: 0.02, quantity: "no bend", tables: found.count,
        held: found.count { $0.bends.isEmpty }, unidentified: 0)
    }
    let place = 1e7
    let knee = Planted(
      law: .broken(BrokenLaw(in: .tokens, floor: .zero)), θ: [60, 0.3, -0.2, place, 0.3], places: places,
      noise: 0.02)
    let found = (0..<sets).compactMap { set in
      try? Bends(in: .tokens, of: knee.table(set), floor: .zero, bootstraps: bootstraps)
    }
    let design = "knee from .3 to .1, 30 points"
    let estimates = found.compactMap(\.bends.first?.place)
    return unbent + [
      Row(
        design: design, noise: 0.02, quantity: "a bend", tables: found.count, held: estimates.count,
        unidentified: 0),
      Row(design: design, noise: 0.02, quantity: "its place", estimates, place),
    ]
  }
}

extension CoverageStudy.Row {
  /// Counts the intervals that contain a value.
  fileprivate init(design: String, noise: Double, quantity: String, _ estimates: [Estimate], _ truth: Double)
  {
    self.design = design
    self.noise = noise
    self.quantity = quantity
    tables = estimates.count
    held = estimates.count { $0.interval?.contains(truth) ?? false }
    unidentified = estimates.count { $0.interval == nil }
  }
}

/// A law with noise at some places.
private struct Planted: Sendable {
  let law: NamedLaw
  let θ: [Double]
  let places: [Observation]
  /// The relative standard deviations of each loss, and of all losses of a cluster.
  let noise: Double
  var clusterNoise = 0.0
  var symbols: [String] = []
  var design = ""

  /// Returns a table with random losses.
  func table(_ set: Int) -> [Observation] {
    var generator = SeededGenerator(seed: 2026, stream: set)
    var shared: [String: Double] = [:]
    return places.map { place in
      var place = place
      var error = noise * generator.normal()
      if let cluster = place.cluster {
        let own = shared[cluster] ?? clusterNoise * generator.normal()
        shared[cluster] = own
        error += own
      }
      place.loss = (law.law.loss(θ, at: place) ?? .nan) * exp(error)
      return place
    }
  }

  /// Returns how often the intervals of the quantities cover.
  func rows(_ sets: Int, _ bootstraps: Int, _ objective: Objective) -> [CoverageStudy.Row] {
    let fits = (0..<sets).compactMap { set in
      try? Fitter(law, minimizing: objective, bootstraps: bootstraps).fit(table(set))
    }
    let planted = law.law.derived(θ).map { ($0.symbol, $0.value) } + zip(law.law.parameters.map(\.symbol), θ)
    return symbols.map { symbol in
      CoverageStudy.Row(
        design: design, noise: noise, quantity: symbol, fits.compactMap { $0[symbol] },
        planted.first { $0.0 == symbol }?.1 ?? .nan)
    }
  }

  /// Places over three decades of N and D, with a cluster for each size and repetition, or none.
  private static func grid(_ sizes: Int, _ lengths: Int, repetitions: Int? = nil) -> [Observation] {
    let step = { (index: Int, count: Int) in pow(1000, Double(index) / Double(count - 1)) }
    return (0..<sizes).flatMap { size in
      (0..<(repetitions ?? 1)).flatMap { repetition in
        (0..<lengths).map { length in
          Observation(
            parameters: 1e7 * step(size, sizes), tokens: 2e8 * step(length, lengths), loss: 1,
            cluster: repetitions.map { _ in "\(size) \(repetition)" })
        }
      }
    }
  }

  private static let surface = (law: NamedLaw.chinchilla(ChinchillaLaw()), θ: [400, 1200, 0.34, 0.36, 1.7])

  static let surfaces = [(4, 3), (5, 4), (8, 5), (15, 10)].flatMap { sizes, lengths in
    [0.01, 0.03].map { noise in
      Planted(
        law: surface.law, θ: surface.θ, places: grid(sizes, lengths), noise: noise,
        symbols: ["α", "β", "E", "a"], design: "surface, \(sizes * lengths) points")
    }
  }

  static let clusters = [(4, 1, 5), (6, 1, 6), (4, 3, 4)].map { sizes, repetitions, lengths in
    Planted(
      law: surface.law, θ: surface.θ, places: grid(sizes, lengths, repetitions: repetitions), noise: 0.005,
      clusterNoise: 0.01, symbols: ["α", "β", "E", "a"],
      design: "surface, \(sizes * repetitions) trainings of \(lengths) points")
  }

  static let lines = (3...6).flatMap { count -> [Planted] in
    let places = (0..<count).map {
      Observation(tokens: 1e8 * pow(1000, Double($0) / Double(count - 1)), loss: 1)
    }
    return [0.005, 0.02].flatMap { noise -> [Planted] in
      let pure = Planted(
        law: .power(PowerLaw(in: .tokens, floor: .zero)), θ: [30, 0.1], places: places, noise: noise,
        symbols: ["α"], design: "line, \(count) points")
      let floored = Planted(
        law: .power(PowerLaw(in: .tokens)), θ: [400, 0.3, 1.7], places: places, noise: noise,
        symbols: ["α", "E"], design: "line with a floor, \(count) points")
      // Three parameters need four points.
      return count > 3 ? [pure, floored] : [pure]
    }
  }
}
