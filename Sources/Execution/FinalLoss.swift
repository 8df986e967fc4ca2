import Files
import Foundation
import Plans
import ScalingLaws
import Synchronization
import Training

/// What the loss of an unfinished run will be at its end, with a 95 % interval.
public struct FinalLoss: Codable, Sendable {
  /// The label of the run.
  public let label: String
  /// The tokens of the last point of its learning curve.
  public let tokens: Int
  /// The loss at that point, in nats per token.
  public let now: Double
  /// The loss at the end.
  public let estimate: Double
  /// The ends of the 95 % interval.
  public let low: Double
  public let high: Double
  /// The number of finished runs that the estimate is based on.
  public let basis: Int
}

/// A run whose loss is far from what the power law of its neighbours predicts.
public struct FarOffRun: Codable, Sendable {
  /// The label of the run.
  public let label: String
  /// The loss of the finished run, or its estimate, in nats per token.
  public let loss: Double
  /// The loss that the neighbours predict.
  public let expected: Double
  /// The number of the neighbours.
  public let neighbours: Int

  /// A warning for people.
  public var text: String {
    let (loss, expected) = (String(format: "%.4g", loss), String(format: "%.4g", expected))
    return "\(label): the loss \(loss) is far \(self.loss > self.expected ? "above" : "below") \(expected), "
      + "which the power law of the \(neighbours) nearest runs predicts"
  }
}

/// Predicts final losses of runs from finished runs of the same plans.
///
/// Training curves of runs with one text and one schedule are alike in units of their own length (the collapse of
/// curves, Qiu et al. 2025, arXiv:2507.02119). With the floor E, which is the entropy where it is known and else 0, and
/// the fraction x of the tokens:
///
///     ln(L(1) − E) = ln(L(x) − E) + g(x)
///
/// `g` is the mean over the finished runs that are nearest in size and length, and its interval is that of another run
/// among them. `isoflop bench forecasts` measures it. On 545 runs of the book's pages with the text `village`, the
/// estimate misses the final reducible loss by 11 % (root mean square) at a tenth of the tokens, 9 % at a quarter, 5 % at
/// half and 3 % in the cooldown, and its intervals hold in 96 to 98 %. The text `recall`, where skills appear at once, is
/// harder to predict: 67 % at a quarter, 14 % in the cooldown; the intervals show it. On an earlier set of 297 of these
/// runs, a power law in the annealed rate (Tissue et al. 2024, arXiv:2408.11029) with the gain of the cooldown from the
/// same runs missed by 10 % at a quarter, where this estimate missed by 5 %.
public final class LossForecaster: Sendable {
  /// A finished run.
  private struct Finished: Sendable {
    let candidate: Candidate
    /// The loss above the floor.
    let reducible: Double
    let floor: Double
  }

  /// A run with what it is compared by.
  private struct Candidate: Sendable {
    let run: TrunkJob.Run
    /// A hash of the configuration, which takes longer to compute than all comparisons of a run.
    let identifier: String
    let recipe: RunConfiguration
    /// The size, as training FLOPs a token, and the length, as tokens.
    let variables: [Double]

    init(_ run: TrunkJob.Run) {
      let tokens = Double(run.configuration.training.tokens)
      self.run = run
      identifier = run.configuration.identifier
      recipe = run.configuration.recipe
      variables = [run.flops / tokens, tokens]
    }
  }

  private let candidates: [Candidate]
  let store: RunStore
  /// The results of finished runs, by identifier.
  private let results = Mutex<[String: RunResult]>([:])
  /// The learning curves of finished runs.
  private let curves = Mutex<[String: [CurvePoint]]>([:])

  /// The fewest finished runs for an estimate.
  private static let fewest = 3
  /// The number of nearest runs for an estimate, and for the power law.
  private static let (similar, planar) = (8, 12)

  /// - Parameter runs: All runs, whether they are finished or not.
  public init(_ runs: [TrunkJob.Run], in store: RunStore) {
    candidates = runs.map(Candidate.init)
    self.store = store
  }

  /// Reads all finished runs in a folder of runs; their labels are their identifiers.
  ///
  /// - Throws: `InputError` if there is none, or they cannot be read.
  public convenience init(finishedIn root: String) throws {
    let runs = try StoredRun.all(in: root).compactMap { stored -> TrunkJob.Run? in
      guard let configuration = stored.configuration, let result = stored.result else { return nil }
      return TrunkJob.Run(configuration: configuration, label: stored.identifier, flops: result.flops)
    }
    guard !runs.isEmpty else {
      throw InputError("has no finished run", file: root, remedy: "Train some with `isoflop run`")
    }
    self.init(runs, in: RunStore(reading: root))
  }

  /// All runs.
  public var runs: [TrunkJob.Run] { candidates.map(\.run) }

  /// Returns the result of a run; nil if it is not finished. A finished run is read once.
  ///
  /// - Throws: `InputError` if the record cannot be read.
  public func result(of run: TrunkJob.Run) throws -> RunResult? {
    try result(of: run.configuration, run.configuration.identifier)
  }

  private func result(of run: RunConfiguration, _ identifier: String) throws -> RunResult? {
    if let known = results.withLock({ $0[identifier] }) { return known }
    guard let result = try store.folder(of: run).finishedRecord()?.result else { return nil }
    results.withLock { $0[identifier] = result }
    return result
  }

  /// Returns the learning curve of a run, or that of its trunk so far. That of a finished run is read once.
  ///
  /// - Throws: `InputError` if the log cannot be read.
  public func curve(of run: TrunkJob.Run) throws -> [CurvePoint] {
    let identifier = run.configuration.identifier
    if let known = curves.withLock({ $0[identifier] }) { return known }
    let isFinished = try result(of: run) != nil
    let curve = try store.curve(of: run.configuration)
    if isFinished { curves.withLock { $0[identifier] = curve } }
    return curve
  }

  /// Returns what the loss of a run will be; nil if it has not begun, or too few runs like it are finished.
  ///
  /// - Throws: `InputError` if a record or log cannot be read.
  public func finalLoss(of run: TrunkJob.Run) throws -> FinalLoss? {
    guard let last = try curve(of: run).last else { return nil }
    return try finalLoss(of: run, from: last, by: neighbours(of: run))
  }

  /// Returns what the loss of a run will be, from a point of its learning curve and from finished runs.
  ///
  /// - Parameter neighbours: The finished runs, the nearest first.
  private func finalLoss(of run: TrunkJob.Run, from last: CurvePoint, by neighbours: [Finished]) throws
    -> FinalLoss?
  {
    let x = min(Double(last.tokens) / Double(run.configuration.training.tokens), 1)
    var gains: [Double] = []
    var floor = 0.0
    for other in neighbours {
      guard let reducible = try reducible(other, at: x), reducible > 0 else { continue }
      gains.append(log(other.reducible / reducible))
      floor = other.floor
      if gains.count == Self.similar { break }
    }
    guard gains.count >= Self.fewest, last.curveLoss > floor else { return nil }
    let (gain, width) = nextValue(after: gains)
    let at = { (shift: Double) in floor + (last.curveLoss - floor) * exp(shift) }
    return FinalLoss(
      label: run.label, tokens: last.tokens, now: last.curveLoss, estimate: at(gain), low: at(gain - width),
      high: at(gain + width), basis: gains.count)
  }

  /// What would have been predicted for a run that is finished now.
  public struct Replay: Sendable {
    /// The source of the run's text.
    public let corpus: String
    /// The logarithm of the reducible loss over its estimate.
    public let error: Double
    /// Whether the loss is in the 95 % interval.
    public let isInside: Bool
  }

  /// Predicts the losses of all finished runs again: each from its learning curve up to a part of its tokens, and from
  /// all other finished runs but those that differ from it in the seed alone.
  ///
  /// - Parameter share: The part of the tokens, from 0 to 1.
  /// - Throws: `InputError` if a record or log cannot be read.
  public func replays(at share: Double) throws -> [Replay] {
    try candidates.compactMap { own in
      guard let ended = try finished(own) else { return nil }
      let seen = share * Double(own.run.configuration.training.tokens)
      let others = try neighbours(of: own.run).filter {
        $0.candidate.variables != own.variables || $0.candidate.recipe != own.recipe
      }
      guard let last = try curve(of: own.run).last(where: { Double($0.tokens) <= seen }),
        let found = try finalLoss(of: own.run, from: last, by: others)
      else { return nil }
      return Replay(
        corpus: own.run.configuration.corpus.source,
        error: log(ended.reducible / (found.estimate - ended.floor)),
        isInside: found.low...found.high ~= ended.floor + ended.reducible)
    }
  }

  /// Compares a run's loss with the power law in size and length of the nearest finished runs that differ from it in
  /// nothing else. A run is far off if it deviates by more than four standard deviations and by more than a tenth:
  /// none of 252 regular runs of the book does.
  ///
  /// - Returns: Nil if the run is not far off, or if that cannot be told.
  public func farOff(_ run: TrunkJob.Run) throws -> FarOffRun? {
    let own = Candidate(run)
    let ended = try finished(own)
    let estimate = try result(of: run) == nil ? finalLoss(of: run) : nil
    let alike = try neighbours(of: run).filter { $0.candidate.recipe == own.recipe }.prefix(Self.planar)
    guard let floor = ended?.floor ?? alike.first?.floor,
      let reducible = ended?.reducible ?? estimate.map({ $0.estimate - floor }), reducible > 0,
      let law = LocalPowerLaw(alike.map { ($0.candidate.variables, $0.reducible) }, at: own.variables)
    else { return nil }
    // The interval of an estimate is about two standard deviations to each side.
    let width = estimate.map { log(($0.high - floor) / reducible) } ?? 0
    let distance = abs(log(reducible) - law.logLoss)
    guard distance > max(4 * hypot(law.deviation, width / 2), 0.1) else { return nil }
    return FarOffRun(
      label: run.label, loss: floor + reducible, expected: floor + exp(law.logLoss), neighbours: alike.count)
  }

  /// The finished runs with the text and schedule of a run, the nearest first; none for a run whose loss does not follow
  /// from a training on the corpus alone.
  private func neighbours(of run: TrunkJob.Run) throws -> [Finished] {
    let (own, one) = (Candidate(run), run.configuration)
    guard one.isPlain else { return [] }
    return try candidates.compactMap { other -> (distance: Double, label: String, finished: Finished)? in
      let two = other.run.configuration
      guard two.corpusFingerprint == one.corpusFingerprint, two.training.schedule == one.training.schedule,
        two != one, two.isPlain, let finished = try finished(other)
      else { return nil }
      let ratios = zip(own.variables, other.variables).map { abs(log($0 / $1)) }
      // Another recipe counts as much as a size or length that differs by a factor of e.
      let distance = ratios.reduce(0, +) + (other.recipe == own.recipe ? 0 : 1)
      return (distance, other.run.label, finished)
    }.sorted { ($0.distance, $0.label) < ($1.distance, $1.label) }.map(\.finished)
  }

  /// The finished run; nil if it is not finished, or has no loss above the floor.
  private func finished(_ candidate: Candidate) throws -> Finished? {
    guard let result = try result(of: candidate.run.configuration, candidate.identifier),
      let loss = result.loss
    else { return nil }
    let floor = result.entropy ?? 0
    return loss > floor ? Finished(candidate: candidate, reducible: loss - floor, floor: floor) : nil
  }

  /// The reducible loss at a fraction of a finished run's tokens, linear between the points of its curve on logarithmic
  /// axes; nil before its first point.
  private func reducible(_ run: Finished, at x: Double) throws -> Double? {
    let configuration = run.candidate.run.configuration
    let place = log(x * Double(configuration.training.tokens))
    let points = try curve(of: run.candidate.run).compactMap { point in
      point.curveLoss > run.floor ? (log(Double(point.tokens)), log(point.curveLoss - run.floor)) : nil
    }
    guard let after = points.firstIndex(where: { $0.0 >= place - 1e-9 }) else {
      // The last step may end a little after the planned tokens.
      return points.last.map { exp($0.1) }
    }
    guard after > 0 else { return points[0].0 <= place + 1e-9 ? exp(points[0].1) : nil }
    let ((x0, y0), (x1, y1)) = (points[after - 1], points[after])
    return exp(y0 + (y1 - y0) * (place - x0) / (x1 - x0))
  }
}

extension RunConfiguration {
  /// The configuration without what makes a run larger, longer or another sample.
  fileprivate var recipe: RunConfiguration {
    var recipe = self
    recipe.model.width = 0
    recipe.model.depth = 0
    recipe.model.heads = 0
    recipe.model.kvHeads = nil
    recipe.model.layers = model.layers.map { String(Set($0).sorted()) }
    recipe.training.tokens = 0
    recipe.seed = 0
    return recipe
  }
}

extension RunStore {
  /// Returns the learning curve of a run, or that of its trunk so far; empty before it has begun.
  ///
  /// - Throws: `InputError` if the log cannot be read.
  public func curve(of run: RunConfiguration) throws -> [CurvePoint] {
    let own = try folder(of: run).curve()
    guard own.isEmpty else { return own }
    // The trunk goes on beyond the point where the run leaves it.
    return try trunkFolder(of: run).curve().filter { $0.tokens <= run.training.tokens }
  }
}

extension RunConfiguration {
  /// Whether it is trained on the corpus alone, and evaluated as it was trained.
  fileprivate var isPlain: Bool { samples == nil && trained == self }
}
