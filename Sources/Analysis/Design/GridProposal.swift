import Foundation
import ScalingLaws

/// The cheapest grid of an experiment's models whose fit of L = E + A/N^α + B/D^β reaches a wanted interval.
public struct GridProposal: Codable, Sendable {
  /// The shape of a grid.
  public enum Shape: String, CaseIterable, Codable, Sendable {
    /// Every size with every number of tokens.
    case full
    /// Every number of tokens at the largest size, and every size at the largest number of tokens.
    case lShape = "L"
  }

  /// A model that may be trained.
  struct Model: Sendable {
    let parameters: Double
    let flopsPerToken: Double
    let label: String
  }

  /// A number with the half width of its interval that is wanted.
  public struct Wish: Sendable {
    /// The number.
    public let target: DesignInformation.Target
    /// Half the width of the 95 % interval.
    public let halfWidth: Double

    /// Creates a wish.
    public init(_ target: DesignInformation.Target, halfWidth: Double) {
      (self.target, self.halfWidth) = (target, halfWidth)
    }
  }

  /// The number that was aimed at.
  public let target: DesignInformation.Target
  /// The wanted half width.
  public let wanted: Double
  /// The shape.
  public let shape: Shape
  /// The sizes, as the file gives them: by width, or N.
  public let sizes: [String]
  /// N of the sizes.
  public let parameters: [Double]
  /// The numbers of tokens.
  public let tokens: [Double]
  /// The number of seeds.
  public let seeds: Int
  /// The number of runs.
  public let runs: Int
  /// The compute of all runs, in FLOPs.
  public let compute: Double
  /// The half width by the linearised law.
  public let linearised: Double
  /// The median half width of simulated fits, with another seed than the search's own.
  public let simulated: Double

  /// Searches.
  ///
  /// Candidates are evenly chosen sizes among the models of the table, numbers of tokens from the table's smallest to
  /// four times its largest, one to eight seeds, and both shapes. The cheapest one by the linearised law is
  /// simulated; if it misses the wish, the search is repeated with a narrower one.
  ///
  /// - Parameters:
  ///   - floorIsKnown: Whether the fit knows the floor.
  ///   - progress: Called repeatedly with the completed fraction.
  /// - Throws: `FitError` if the table has fewer than three sizes, or no candidate reaches the wish.
  public init(
    _ wish: Wish, models table: ResultsTable, prior: PriorLaw, noise: Double, floorIsKnown: Bool,
    objective: Objective = .chinchilla, seed: UInt64 = 1, progress: (Double) -> Void = { _ in }
  ) throws {
    let models = Self.models(of: table)
    guard models.count >= 3 else {
      throw FitError(
        "a proposal needs three or more sizes in the file to choose among; it has \(models.count)")
    }
    if wish.target == .floor, floorIsKnown {
      throw FitError("the file's fit knows the floor: E is not fitted")
    }
    // The bootstrap resamples whole trunks, where the file's runs branch off them.
    let sharingTrunks = Set(table.rows.map(\.trunk)).count < table.rows.count
    let candidates = Self.candidates(
      models, table, sharingTrunks: sharingTrunks, wish.target, prior, noise, floorIsKnown)
    var aim = wish.halfWidth
    let attempts = 12
    for attempt in 0..<attempts {
      guard let best = candidates.first(where: { $0.halfWidth <= aim }) else {
        let least = candidates.map(\.halfWidth).min().map {
          "; by the linearised law the least is ± \(shortText($0))"
        }
        throw FitError(
          "no grid of these sizes reaches ± \(shortText(wish.halfWidth)) of \(wish.target.rawValue)\(least ?? "")"
        )
      }
      let runs = best.grid.runs
      let simulated = try Self.simulate(
        runs, sharingTrunks: sharingTrunks, wish.target, prior, noise, floorIsKnown, objective, seed: seed)
      progress(Double(attempt + 1) / Double(attempts))
      guard simulated <= wish.halfWidth || attempt == attempts - 1 else {
        // The fit is less efficient than the linearised law says, most of all with few runs: the next step is bounded.
        aim *= min(max(wish.halfWidth / simulated, 0.8), 0.97)
        continue
      }
      guard simulated <= wish.halfWidth else { break }
      target = wish.target
      wanted = wish.halfWidth
      shape = best.grid.shape
      sizes = best.grid.models.map(\.label)
      parameters = best.grid.models.map(\.parameters)
      tokens = best.grid.tokens
      seeds = best.grid.seeds
      self.runs = runs.count
      compute = best.compute
      linearised = best.halfWidth
      self.simulated = simulated
      return
    }
    throw FitError(
      "no grid of these sizes reached ± \(shortText(wish.halfWidth)) of \(wish.target.rawValue) in simulations"
    )
  }

  private struct Grid: Sendable {
    let shape: Shape
    let models: [Model]
    let tokens: [Double]
    let seeds: Int

    /// The places of one seed.
    var places: [(model: Model, tokens: Double)] {
      let all = models.flatMap { model in tokens.map { (model, $0) } }
      guard shape == .lShape, let largest = models.last, let longest = tokens.last else { return all }
      return all.filter { $0.0.parameters == largest.parameters || $0.1 == longest }
    }

    var runs: [Run] {
      places.flatMap { place in
        (0..<seeds).map { seed in
          Run(parameters: place.model.parameters, tokens: place.tokens, trunk: "\(place.model.label) \(seed)")
        }
      }
    }

    var compute: Double {
      Double(seeds) * places.reduce(0) { $0 + $1.model.flopsPerToken * $1.tokens }
    }
  }

  private struct Candidate: Sendable {
    let grid: Grid
    let compute: Double
    let halfWidth: Double
  }

  private struct Run: Sendable {
    let parameters: Double
    let tokens: Double
    /// The name of the training that runs of one size and seed may branch off.
    let trunk: String
  }

  /// Returns the distinct sizes of a table, by N, with their cost.
  static func models(of table: ResultsTable) -> [Model] {
    let sized = table.rows.compactMap { row -> Model? in
      guard let n = row.totalParameters, let tokens = row.tokens, let flops = row.exactCompute, tokens > 0
      else {
        return nil
      }
      let width = row.text("width")
      return Model(
        parameters: Double(n), flopsPerToken: flops / Double(tokens), label: width.isEmpty ? "N \(n)" : width)
    }
    return sized.grouped(by: \.parameters).map { $0[0] }.sorted { $0.parameters < $1.parameters }
  }

  /// Returns candidates by increasing cost, each with its half width.
  private static func candidates(
    _ models: [Model], _ table: ResultsTable, sharingTrunks: Bool, _ target: DesignInformation.Target,
    _ prior: PriorLaw, _ noise: Double, _ floorIsKnown: Bool
  ) -> [Candidate] {
    let known = table.rows.compactMap { $0.tokens.map(Double.init) }
    let (least, most) = (known.min() ?? 1, known.max() ?? 1)
    var ladder = [least]
    while let last = ladder.last, last < 4 * most { ladder.append(last * 2) }
    let sizes = spans(of: models.count).map { $0.map { models[$0] } }
    let lengths = spans(of: ladder.count).map { $0.map { ladder[$0] } }
    let centre = models[models.count / 2].parameters
    var found: [Candidate] = []
    for models in sizes {
      for tokens in lengths {
        for shape in Shape.allCases {
          let one = Grid(shape: shape, models: models, tokens: tokens, seeds: 1)
          let compute = one.compute
          var information = DesignInformation(
            under: prior, fitsFloor: !floorIsKnown, noise: noise,
            centre: (centre, (least * most).squareRoot()))
          for place in one.places {
            information.add(parameters: place.model.parameters, tokens: place.tokens)
          }
          for seeds in [1, 2, 3, 4, 6, 8] {
            let trunks = sharingTrunks ? models.count * seeds : nil
            guard let halfWidth = information.halfWidth(of: target, seeds: seeds, trunks: trunks) else {
              continue
            }
            let grid = Grid(shape: shape, models: models, tokens: tokens, seeds: seeds)
            found.append(Candidate(grid: grid, compute: compute * Double(seeds), halfWidth: halfWidth))
          }
        }
      }
    }
    return found.sorted { ($0.compute, $0.halfWidth) < ($1.compute, $1.halfWidth) }
  }

  /// Returns evenly spaced selections of three to six of `count` indices.
  private static func spans(of count: Int) -> [[Int]] {
    var spans: Set<[Int]> = []
    for first in 0..<max(count - 2, 0) {
      for last in first + 2..<count {
        for chosen in 3...6 where chosen <= last - first + 1 {
          spans.insert((0..<chosen).map { first + $0 * (last - first) / (chosen - 1) })
        }
      }
    }
    return spans.sorted { $0.lexicographicallyPrecedes($1) }
  }

  /// Returns the median half width of the intervals of simulated fits.
  private static func simulate(
    _ runs: [Run], sharingTrunks: Bool, _ target: DesignInformation.Target, _ prior: PriorLaw,
    _ noise: Double, _ floorIsKnown: Bool, _ objective: Objective, seed: UInt64, simulations: Int = 9
  ) throws -> Double {
    let law = NamedLaw.chinchilla(ChinchillaLaw(floor: floorIsKnown ? .known(prior.floor) : .free))
    let symbol = ["alpha": "α", "beta": "β"][target.rawValue] ?? target.rawValue
    let widths = try (0..<simulations).map { simulation -> Double in
      var generator = SeededGenerator(seed: seed, stream: simulation)
      let observations = runs.map { run in
        let reducible = prior.reducible(parameters: run.parameters, tokens: run.tokens)
        return Observation(
          parameters: run.parameters, tokens: run.tokens,
          loss: prior.floor + reducible * exp(noise * generator.normal()),
          cluster: sharingTrunks ? run.trunk : nil)
      }
      var fitter = Fitter(law, minimizing: objective, bootstraps: 200, seed: seed)
      fitter.isProfiled = false
      let fit = try fitter.fit(observations)
      guard let interval = fit[symbol]?.interval else { return .infinity }
      return (interval.high - interval.low) / 2
    }
    return widths.sorted()[simulations / 2]
  }
}
