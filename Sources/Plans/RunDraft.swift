import Corpora
import Foundation
import Models
import Training

/// The settings of a run in an experiment file, before the vocabulary of its corpus is known.
struct RunDraft: Sendable {
  /// The length of training.
  enum Length: Hashable, Sendable {
    case tokens(Int)
    /// An IsoFLOP budget in FLOPs, which determines the number of tokens.
    case flops(Double)
  }

  /// The largest number of training tokens. Sums of such numbers do not overflow.
  static let mostTokens = 1_000_000_000_000
  /// The largest number of validation tokens or of tokens in a step, which are in memory at the same time.
  static let mostTokensAtOnce = 100_000_000
  /// The range of seeds: integers that a `Double` from a file represents exactly.
  static let seeds = 0...9_000_000_000_000_000

  /// The text, without its junk and duplicates.
  var corpus = CorpusConfiguration(source: "")
  /// The fraction of passages that are junk, and whether they have a tag.
  var junk = 0.0
  var junkTag = false
  /// The fraction of windows that are copies, and how often each comes.
  var duplicates = 0.0
  var duplicateTimes = 10
  /// The number of models before this one, each trained on samples of the one before, and what becomes of earlier text.
  var generations = 0
  var keep = SampledText.Keeping.replace
  var sampleFraction = 1.0
  var sampleTemperature = 1.0
  /// The checkpoint or the folder of the model that writes the first samples; nil for generation 0.
  var samplesFrom: String?
  var model = ModelOptions()
  var length: Length?
  var learningRate: LearningRate.Height?
  /// The names of the update rule and of the objective.
  var updateRule = updateRules[0].name
  var objective = trainingObjectives[0].name
  /// The settings of the update rule and of the objective that are given, by key.
  var chosen: [String: Double] = [:]
  /// Whether windows carry recurrent states, where the model has any.
  var carry = false
  /// Everything else about the training; its tokens and its learning rate are set when the run is planned.
  var training = TrainingConfiguration(tokens: 0)
  var seed: UInt64 = 0
  /// The lines of the settings that were given, by name. The line is nil for a setting that was not given in a file.
  var lines: [String: Int?] = [:]
  /// The values of this run in the grid, in the order of the file.
  var axes: [AxisValue] = []

  /// The whole configuration of the text.
  var text: CorpusConfiguration {
    var text = corpus
    text.junk = junk > 0 ? Junk(fraction: junk, isTagged: junkTag) : nil
    text.duplicates = duplicates > 0 ? Duplicates(fraction: duplicates, times: duplicateTimes) : nil
    return text
  }

  /// What models have written of the training text.
  ///
  /// - Parameter source: The model that writes the first samples; nil for generation 0.
  func samples(of source: SampledText.Source?) -> SampledText? {
    guard generations > 0 else { return nil }
    return SampledText(
      generation: generations, keep: keep, fraction: sampleFraction, temperature: sampleTemperature,
      source: source)
  }

  /// The models of its lineage up to this one, from generation 0 or from the first that is trained on samples.
  var lineage: [RunDraft] {
    guard generations > 0 else { return [self] }
    return ((samplesFrom == nil ? 0 : 1)...generations).map { generation in
      var model = self
      model.generations = generation
      let axis = AxisValue(setting: SampledText.generations, value: "\(generation)")
      if let place = axes.firstIndex(where: { $0.setting == axis.setting }) {
        model.axes[place] = axis
      } else {
        model.axes.append(axis)
      }
      return model
    }
  }

  /// Returns whether a setting was given.
  func isGiven(_ setting: String) -> Bool { lines[setting] != nil }

  /// Returns the line on which a setting was given; nil if there is none.
  func line(of setting: String) -> Int? { lines[setting] ?? nil }

  /// Returns the selection with a name and its given settings; nil for the default, the first of `types` with its
  /// defaults.
  private static func selection(
    _ name: String, among types: [any Selectable.Type], _ chosen: [String: Double]
  ) -> Selection? {
    guard let type = types.first(where: { $0.name == name }) else { return nil }
    let selection = Selection(type, chosen.filter { key, _ in type.settings.contains { $0.key == key } })
    return selection == Selection(types[0]) ? nil : selection
  }

  /// Returns the configuration of training for a model width. The number of tokens is not set.
  func training(width: Int) -> TrainingConfiguration {
    var training = training
    training.updateRule = Self.selection(updateRule, among: updateRules, chosen)
    let rate =
      learningRate
      ?? .usual(model.parametrisation, experts: model.moe.experts, rule: training.updateRuleType)
    training.learningRate = rate(width: width)
    training.carry = carry && model.isRecurrent ? true : nil
    training.objective = Self.selection(objective, among: trainingObjectives, chosen)
    return training
  }
}

/// The value of a setting in the grid for one run.
public struct AxisValue: Hashable, Sendable {
  /// The name of the setting in the grid.
  public let setting: String
  /// The value, as written in the file.
  public let value: String
}
