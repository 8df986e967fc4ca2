import Foundation

/// The measured critical batch of a model, from the numbers of steps and tokens that each batch needs to reach several
/// losses.
///
/// For each batch and number of tokens, the learning rate with the lowest mean loss over its seeds is used. The
/// crossing of a loss is interpolated on logarithmic axes. Intervals are from a bootstrap over trainings.
public struct CriticalBatchAnalysis: Sendable, Codable {
  /// The cost of one loss at each batch that reaches it.
  public struct Target: Sendable, Codable {
    /// The batches, in tokens.
    public let batches: [Double]
    /// The number of optimizer steps, for each batch.
    public let steps: [Double]
    /// The number of tokens, steps · batch, for each batch.
    public let tokens: [Double]
    /// The fitted hyperbola. Its loss is the loss above the floor.
    public let tradeoff: CriticalBatch.Tradeoff
    /// The 95 % interval of the critical batch at this loss; nil without draws.
    public let interval: Interval?
    /// The 95 % interval, at this loss, of the law through the critical batches of all losses; nil without draws.
    public let lawInterval: Interval?
  }

  /// The value that is subtracted from each loss: the true entropy, or 0 if it is not known.
  public let floor: Double
  /// The results for each loss, by decreasing loss.
  public let targets: [Target]
  /// Bcrit = B*·(L − floor)^−exponent
  public let law: CriticalBatch
  /// B*, in tokens.
  public let coefficient: Estimate
  /// 1/αB.
  public let exponent: Estimate
  /// The exponent of Bcrit as a function of Dmin, the number of tokens in the limit of a vanishing batch.
  public let growth: Estimate

  /// The numbers of batches that must reach a loss: in the data, and in a bootstrap draw.
  private static let (leastBatches, leastDrawn) = (4, 3)
  private static let lossCount = 6

  /// Analyses runs of one model size.
  ///
  /// - Parameter observations: Runs of one size that differ in batch, learning rate, tokens and seed. Runs whose batch
  ///   changes during training are left out.
  /// - Throws: `FitError` if sizes differ, fewer than four batches reach a common loss, or they do not bracket the
  ///   critical batch.
  public init(_ observations: [Observation], above floor: Double, bootstraps: Int = 400, seed: UInt64 = 1)
    throws
  {
    guard Set(observations.map(\.parameters)).count <= 1 else {
      throw FitError("a critical batch needs runs of one model size: select one with `where`")
    }
    let measured = Measured(observations, above: floor)
    let curves = measured.curves(counts: measured.trainings.map { _ in 1 })
    guard curves.count >= Self.leastBatches else {
      throw FitError(
        "a critical batch needs runs of at least \(Self.leastBatches) fixed batches, each of two lengths; there are "
          + "\(curves.count)")
    }
    let losses = try Self.losses(of: curves)
    let places = losses.map { loss in (loss, Self.place(loss, on: curves)) }
    let found = places.compactMap { loss, place in
      Self.tradeoff(loss, place, least: Self.leastBatches).map { (place: place, tradeoff: $0) }
    }
    guard let numbers = Numbers(found.map(\.tradeoff)) else {
      throw FitError(
        "the batches do not bracket the critical one at two losses: steps or tokens do not vary with them")
    }
    let draws = parallelMap(bootstraps) {
      sample -> (numbers: Numbers, tradeoffs: [CriticalBatch.Tradeoff?])? in
      var generator = SeededGenerator(seed: seed, stream: sample)
      var counts = measured.trainings.map { _ in 0 }
      for _ in counts { counts[generator.index(below: counts.count)] += 1 }
      let curves = measured.curves(counts: counts)
      let tradeoffs = found.map { target in
        let loss = target.tradeoff.loss
        return Self.tradeoff(loss, Self.place(loss, on: curves), least: Self.leastDrawn)
      }
      return Numbers(tradeoffs.compactMap { $0 }).map { ($0, tradeoffs) }
    }.compactMap { $0 }

    self.floor = floor
    law = numbers.law
    targets = found.enumerated().map { index, target in
      let critical = draws.compactMap { $0.tradeoffs[index]?.criticalBatch }
      let laws = draws.map { $0.numbers.law.tokens(atLoss: target.tradeoff.loss) }
      return Target(
        batches: target.place.map(\.batch), steps: target.place.map { $0.tokens / $0.batch },
        tokens: target.place.map(\.tokens), tradeoff: target.tradeoff,
        interval: critical.isEmpty
          ? nil : Interval(of: critical, around: target.tradeoff.criticalBatch, spread: .percentiles),
        lawInterval: laws.isEmpty
          ? nil
          : Interval(of: laws, around: numbers.law.tokens(atLoss: target.tradeoff.loss), spread: .percentiles)
      )
    }
    let estimate = Estimator(of: numbers, draws: draws.map(\.numbers))
    let loss = floor > 0 ? "loss above the entropy" : "loss"
    coefficient = estimate("critical batch at a \(loss) of 1", "Bstar", "tokens") { $0.law.coefficient }
    exponent = estimate("1/αB, exponent of Bcrit in the \(loss)", "exponent", "1") { $0.law.exponent }
    growth = estimate("exponent of Bcrit in Dmin", "growth", "1") { $0.growth }
  }

  /// The parameters of the power laws through the critical batches of several losses.
  private struct Numbers: Sendable {
    let law: CriticalBatch
    let growth: Double

    init?(_ tradeoffs: [CriticalBatch.Tradeoff]) {
      guard tradeoffs.count >= 2, let law = try? CriticalBatch(through: tradeoffs),
        let growth = line(tradeoffs.map { log($0.minimumTokens) }, tradeoffs.map { log($0.criticalBatch) })
      else { return nil }
      (self.law, self.growth) = (law, growth.slope)
    }
  }

  /// Returns losses at equal ratios inside the range that enough batches reach.
  private static func losses(of curves: [Curve]) throws -> [Double] {
    let highest = curves.compactMap { $0.points.map(\.loss).max() }.sorted(by: >)[leastBatches - 1]
    let lowest = curves.compactMap { $0.points.map(\.loss).min() }.sorted()[leastBatches - 1]
    guard lowest < highest else {
      throw FitError("no loss is reached by \(leastBatches) batches: train those that end high for longer")
    }
    return (0..<lossCount).map { exp(highest + (lowest - highest) * (Double($0) + 0.5) / Double(lossCount)) }
  }

  /// Returns the number of tokens that each batch needs for a loss, without batches that do not reach it.
  private static func place(_ loss: Double, on curves: [Curve]) -> [(batch: Double, tokens: Double)] {
    curves.compactMap { curve in curve.tokens(atLoss: log(loss)).map { (curve.batch, exp($0)) } }
  }

  private static func tradeoff(
    _ loss: Double, _ place: [(batch: Double, tokens: Double)], least: Int
  ) -> CriticalBatch.Tradeoff? {
    guard place.count >= least else { return nil }
    return try? CriticalBatch.Tradeoff(
      loss: loss, batches: place.map(\.batch), steps: place.map { $0.tokens / $0.batch })
  }
}

/// The loss of one batch at its best learning rate.
private struct Curve {
  let batch: Double
  /// log D in increasing order, each with the logarithm of the loss above the floor.
  let points: [(tokens: Double, loss: Double)]

  /// Returns log D where the curve first falls to a log loss; nil if it does not.
  func tokens(atLoss loss: Double) -> Double? {
    zip(points, points.dropFirst()).first { $0.loss >= loss && $1.loss <= loss }.map { above, below in
      let part = above.loss > below.loss ? (above.loss - loss) / (above.loss - below.loss) : 0
      return above.tokens + part * (below.tokens - above.tokens)
    }
  }
}

/// The runs by batch, tokens and learning rate.
private struct Measured: Sendable {
  struct Run: Sendable {
    let training: Int
    let loss: Double
  }

  /// The runs of one batch and length, by learning rate.
  struct Place: Sendable {
    let batch: Double
    let tokens: Double
    let rates: [[Run]]
    /// The index of the rate of the lowest mean loss.
    let best: Int
  }

  /// The indices of the trainings, which the bootstrap resamples.
  let trainings: Range<Int>
  private let places: [Place]

  init(_ observations: [Observation], above floor: Double) {
    let fixed = observations.filter { $0.batch != nil && $0.tokens != nil && $0.loss > floor }
    let clusters = fixed.clusterIndices()
    trainings = 0..<((clusters.max() ?? -1) + 1)
    let places = Dictionary(grouping: zip(fixed, clusters)) { [$0.0.batch ?? 0, $0.0.tokens ?? 0] }
    self.places = places.sorted { ($0.key[0], $0.key[1]) < ($1.key[0], $1.key[1]) }.map { key, runs in
      let rates = Dictionary(grouping: runs) { $0.0.learningRate ?? 0 }.sorted { $0.key < $1.key }.map {
        $0.value.map { Run(training: $0.1, loss: $0.0.loss - floor) }
      }
      let losses = rates.map { mean($0.map(\.loss)) }
      return Place(
        batch: key[0], tokens: key[1], rates: rates, best: losses.indices.min { losses[$0] < losses[$1] } ?? 0
      )
    }
  }

  /// Returns the curves with two or more points.
  ///
  /// A point whose best learning rate was not drawn is left out, because another learning rate would raise the curve.
  ///
  /// - Parameter counts: The multiplicity of each training in the sample.
  func curves(counts: [Int]) -> [Curve] {
    var curves: [Double: [(tokens: Double, loss: Double)]] = [:]
    for place in places {
      let losses = place.rates.map { runs -> Double in
        let count = runs.reduce(0) { $0 + counts[$1.training] }
        return count == 0
          ? .infinity : runs.reduce(0) { $0 + Double(counts[$1.training]) * $1.loss } / Double(count)
      }
      guard losses[place.best].isFinite, let loss = losses.min() else { continue }
      curves[place.batch, default: []].append((log(place.tokens), log(loss)))
    }
    return curves.filter { $0.value.count >= 2 }.sorted { $0.key < $1.key }.map {
      Curve(batch: $0.key, points: $0.value)
    }
  }
}
