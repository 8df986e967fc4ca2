import Foundation

/// The critical batch of a model, measured: how many steps and tokens each batch needs for one loss, at several losses.
///
/// At each batch and each number of tokens the best learning rate counts, by the mean over its seeds. Where the curve of
/// a batch crosses a loss is interpolated on logarithmic axes. Intervals are from a bootstrap over trainings.
public struct CriticalBatchAnalysis: Sendable, Codable {
  /// What one loss takes at each batch that reaches it.
  public struct Target: Sendable, Codable {
    public let batches: [Double]
    /// Optimizer steps, and tokens = steps · batch, one for each batch.
    public let steps: [Double]
    public let tokens: [Double]
    /// The hyperbola through them. Its loss is that above the floor.
    public let tradeoff: CriticalBatch.Tradeoff
    /// 95 % intervals of the critical batch and of the law through the critical batches of all losses, at this loss.
    public let interval: Interval?
    public let lawInterval: Interval?
  }

  /// What is taken off each loss: the true entropy, or 0 where it is not known.
  public let floor: Double
  public let targets: [Target]
  /// Bcrit = B*·(L − floor)^−exponent
  public let law: CriticalBatch
  /// B*, 1/αB, and the exponent of Bcrit in the tokens Dmin that a vanishing batch would need.
  public let coefficient: Estimate
  public let exponent: Estimate
  public let growth: Estimate

  /// Batches that must reach a loss; a draw of the bootstrap may miss one of them.
  private static let (leastBatches, leastDrawn) = (4, 3)
  private static let lossCount = 6

  /// - Parameter observations: Runs of one size that differ in batch, learning rate, tokens and seed. Those without one
  ///   batch for all of their steps are left out.
  /// - Throws: `FitError` where sizes differ, fewer than four batches reach a loss in common, or they do not bracket the
  ///   critical one.
  public init(_ observations: [Observation], above floor: Double, bootstraps: Int = 400, seed: UInt64 = 1)
    throws
  {
    guard Set(observations.map(\.parameters)).count <= 1 else {
      throw FitError("a critical batch is of one model: choose one size with `where`")
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
        interval: critical.isEmpty ? nil : Interval(of: critical),
        lawInterval: laws.isEmpty ? nil : Interval(of: laws))
    }
    let estimate = { (name: String, symbol: String, unit: String, value: (Numbers) -> Double) in
      Estimate(name, symbol, unit: unit, of: numbers, draws: draws.map(\.numbers), value: value)
    }
    let loss = floor > 0 ? "loss above the entropy" : "loss"
    coefficient = estimate("critical batch at a \(loss) of 1", "Bstar", "tokens") { $0.law.coefficient }
    exponent = estimate("1/αB, exponent of Bcrit in the \(loss)", "exponent", "1") { $0.law.exponent }
    growth = estimate("exponent of Bcrit in Dmin", "growth", "1") { $0.growth }
  }

  /// The power laws through the critical batches of several losses.
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

  /// Losses at equal ratios in the range that enough batches reach, not at its ends.
  private static func losses(of curves: [Curve]) throws -> [Double] {
    let highest = curves.compactMap { $0.points.map(\.loss).max() }.sorted(by: >)[leastBatches - 1]
    let lowest = curves.compactMap { $0.points.map(\.loss).min() }.sorted()[leastBatches - 1]
    guard lowest < highest else {
      throw FitError("no loss is reached by \(leastBatches) batches: train those that end high for longer")
    }
    return (0..<lossCount).map { exp(highest + (lowest - highest) * (Double($0) + 0.5) / Double(lossCount)) }
  }

  /// The tokens that each batch needs for a loss, of those that reach it.
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
  /// Rising log D, with the logarithm of the loss above the floor.
  let points: [(tokens: Double, loss: Double)]

  /// log D where the curve first falls through a loss.
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

  /// The indices of the trainings that are drawn together.
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

  /// The curves of two or more points, of trainings that each count so many times.
  ///
  /// A place of which the best rate is not among them is left out: a worse rate in its stead would raise the curve.
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
