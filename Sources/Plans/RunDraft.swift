import Corpora
import Foundation
import Models
import Training

/// One run as an experiment file describes it, before the vocabulary of its corpus is known.
struct RunDraft: Sendable {
  /// How long to train.
  enum Length: Hashable, Sendable {
    case tokens(Int)
    /// An IsoFLOP budget: as many tokens as it pays for.
    case flops(Double)
  }

  /// The largest number of training tokens; sums of such numbers do not overflow.
  static let mostTokens = 1_000_000_000_000
  /// The most validation tokens, and the most tokens in a step: they are held in memory at once.
  static let mostTokensAtOnce = 100_000_000
  /// Whole numbers that a file's `Double` holds exactly.
  static let seeds = 0...9_000_000_000_000_000

  var corpus = CorpusConfiguration(source: "")
  var model = ModelOptions()
  var length: Length?
  var learningRate: LearningRate.Height?
  /// The names of the update rule and of the objective.
  var updateRule = updateRules[0].name
  var objective = trainingObjectives[0].name
  /// The settings of the update rule and of the objective that are given, by key.
  var chosen: [String: Double] = [:]
  /// Everything else about the training; its tokens and its learning rate are set when the run is planned.
  var training = TrainingConfiguration(tokens: 0)
  var seed: UInt64 = 0
  /// The settings that were given, by name; each with its line if it was given in a file.
  var lines: [String: Int?] = [:]
  /// The values that the grid chose for this run, in the order of the file.
  var axes: [AxisValue] = []

  /// Whether a setting was given.
  func isGiven(_ setting: String) -> Bool { lines[setting] != nil }

  /// The line on which a setting was given, if there is one.
  func line(of setting: String) -> Int? { lines[setting] ?? nil }

  /// The choice named `name` with its given settings; nil for the first of `types` with its defaults.
  private static func selection(
    _ name: String, among types: [any Selectable.Type], _ chosen: [String: Double]
  ) -> Selection? {
    guard let type = types.first(where: { $0.name == name }) else { return nil }
    let selection = Selection(type, chosen.filter { key, _ in type.settings.contains { $0.key == key } })
    return selection == Selection(types[0]) ? nil : selection
  }

  /// How to train a model of a width; its tokens are not set.
  func training(width: Int) -> TrainingConfiguration {
    var training = training
    let rate = learningRate ?? LearningRate.Height.usual(model.parametrisation, experts: model.moe.experts)
    training.learningRate = rate(width: width)
    training.updateRule = Self.selection(updateRule, among: updateRules, chosen)
    training.objective = Self.selection(objective, among: trainingObjectives, chosen)
    return training
  }
}

/// A value that the grid chose for a run, as written in the file.
public struct AxisValue: Hashable, Sendable {
  /// The setting's name in the grid.
  public let setting: String
  public let value: String
}
