import Files
import Foundation
import Plans
import ScalingLaws
import Training

/// Returns the score of an interval that should contain a number with a probability: its width, and a penalty if the number
/// is outside; less is better   (Gneiting & Raftery 2007, eq. 43)
///
/// The expected score is least for the interval between the (1 − level)/2 and the (1 + level)/2 quantiles of what one
/// believes, so that an honest interval is the best one.
public func intervalScore(low: Double, high: Double, level: Double, of outcome: Double) -> Double {
  let miss = max(low - outcome, 0) + max(outcome - high, 0)
  return high - low + 2 / (1 - level) * miss
}

/// The losses that the final budget bought, and the scores of the players.
public struct FinalResults: Sendable {
  /// A model with its losses.
  public struct Entry: Sendable {
    /// The model.
    public let model: FinalModel
    /// Whether the game trains it to find the best loss.
    public let isReference: Bool
    /// The loss of each seed, in nats per token; nil if the run has diverged.
    let losses: [Double?]

    /// The mean loss over the seeds; nil if a run has diverged.
    public var loss: Double? {
      losses.contains(nil) || losses.isEmpty
        ? nil : losses.compactMap { $0 }.reduce(0, +) / Double(losses.count)
    }

    package init(model: FinalModel, isReference: Bool, losses: [Double?]) {
      (self.model, self.isReference, self.losses) = (model, isReference, losses)
    }
  }

  /// The score of a player, in nats per token; less is better.
  public struct Score: Sendable {
    /// The prediction.
    public let prediction: Prediction
    /// The mean loss of the model over the seeds; nil if a run has diverged.
    public let loss: Double?
    /// The loss above the best one.
    public let regret: Double?
    /// Whether two standard errors of a difference are larger than the regret; nil if the noise is not known.
    public let isWithinNoise: Bool?
    /// The score of the interval.
    public let interval: Double?

    /// Whether the loss was in the interval.
    public var isInside: Bool? { loss.map { prediction.low <= $0 && $0 <= prediction.high } }
    /// The sum of regret and interval score.
    public var total: Double? { regret.flatMap { regret in interval.map { regret + $0 } } }
  }

  /// All models, by their size.
  public let entries: [Entry]
  /// The standard deviation of a loss between seeds; nil with one seed.
  public let deviation: Double?
  /// The model of the least mean loss.
  public let best: Entry?
  /// The scores, the best first.
  public let scores: [Score]

  /// Returns the results of the finished final runs. Models with unfinished runs are left out.
  ///
  /// - Parameters:
  ///   - plan: The plan of the final runs.
  ///   - result: Returns the result of a run; nil if it is not finished.
  public init(_ plan: Plan, _ ledger: Ledger, rules: GameRules, result: (PlannedRun) throws -> RunResult?)
    rethrows
  {
    let models = Dictionary(grouping: plan.runs, by: FinalModel.init)
    let entries = try models.compactMap { model, runs -> Entry? in
      let results = try runs.compactMap(result)
      guard results.count == runs.count else { return nil }
      return Entry(
        model: model, isReference: runs.contains { $0.isoFLOPBudget != nil }, losses: results.map(\.loss))
    }
    self.init(entries, ledger.accounts.compactMap(\.prediction), level: rules.level)
  }

  package init(_ entries: [Entry], _ predictions: [Prediction], level: Double) {
    self.entries = entries.sorted {
      ($0.model.parameters, $0.model.tokens) < ($1.model.parameters, $1.model.tokens)
    }
    let best = self.entries.filter { $0.loss != nil }.min { $0.loss ?? .infinity < $1.loss ?? .infinity }
    self.best = best
    let (squares, freedom) = entries.reduce((0.0, 0)) { sum, entry in
      guard let mean = entry.loss else { return sum }
      let squares = entry.losses.compactMap { $0 }.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      return (sum.0 + squares, sum.1 + entry.losses.count - 1)
    }
    let deviation = freedom > 0 ? (squares / Double(freedom)).squareRoot() : nil
    self.deviation = deviation
    let scores = predictions.compactMap { prediction -> Score? in
      guard let entry = entries.first(where: { $0.model == FinalModel(prediction) }) else { return nil }
      let regret = entry.loss.flatMap { loss in best?.loss.map { loss - $0 } }
      let error = deviation.map {
        $0 * (1 / Double(entry.losses.count) + 1 / Double(best?.losses.count ?? 1)).squareRoot()
      }
      return Score(
        prediction: prediction, loss: entry.loss, regret: regret,
        isWithinNoise: regret.flatMap { regret in error.map { regret <= 2 * $0 } },
        interval: entry.loss.map {
          intervalScore(low: prediction.low, high: prediction.high, level: level, of: $0)
        })
    }
    self.scores = scores.sorted {
      ($0.total ?? .infinity, $0.prediction.player) < ($1.total ?? .infinity, $1.prediction.player)
    }
  }

  /// Whether the best model is the smallest or the largest reference, so that the best loss may be still lower.
  public var isBestAtEdge: Bool {
    let sizes = entries.filter(\.isReference).map(\.model.parameters)
    guard let best, best.isReference, let smallest = sizes.min(), let largest = sizes.max() else {
      return false
    }
    return best.model.parameters == smallest || best.model.parameters == largest
  }
}
