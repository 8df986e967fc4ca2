import Autograd
import Corpora
import Files
import Foundation
import Models

/// Everything that determines the numbers of a training run. Two runs with equal configurations on one machine give the
/// same numbers to the bit, whatever the number of threads.
public struct RunConfiguration: Codable, Hashable, Sendable {
  public var corpus: CorpusConfiguration
  /// The checksum of the corpus's content: with a changed corpus it is another run.
  public var corpusFingerprint: String
  public var model: ModelConfiguration
  public var training: TrainingConfiguration
  /// What models have written of the training text; nil for nothing.
  public var samples: SampledText?
  /// The seed of the initial weights, and of the order of data that are repeated.
  public var seed: UInt64

  public init(
    corpus: CorpusConfiguration, corpusFingerprint: String, model: ModelConfiguration,
    training: TrainingConfiguration, samples: SampledText? = nil, seed: UInt64
  ) {
    self.corpus = corpus
    self.corpusFingerprint = corpusFingerprint
    self.model = model
    self.training = training
    self.samples = samples
    self.seed = seed
  }

  /// Changes whenever the program changes the numbers that a configuration gives, so that old records are not
  /// mixed with new ones.
  public static let numericsVersion = 1

  /// The name of the run: a hash of everything that determines its numbers.
  public var identifier: String { identifier(numerics: Self.numericsVersion) }

  /// The name that the run has in a version of the program with other numerics.
  package func identifier(numerics: Int) -> String {
    // The fingerprint identifies the text, wherever it lies.
    var configuration = self
    configuration.corpus.source = ""
    configuration.samples?.source?.path = ""
    return String(checksum("isoflop \(numerics) \(configuration.canonicalJSON)").prefix(16))
  }

  /// The name of the trunk that the run shares with all that differ from it only in how long they train, or of
  /// the run itself where the schedule or the text depends on the length. The models of a lineage that are trained on
  /// samples share one, because they are trained one after the other.
  public var trunkIdentifier: String { trunk.identifier }

  /// The run whose training this one has: the same without what happens to its weights afterwards.
  public var trained: RunConfiguration {
    var trained = self
    trained.training.quantised = nil
    trained.training.pruned = nil
    return trained
  }

  /// What all runs of a trunk have in common: a configuration without a length.
  var trunk: RunConfiguration {
    if samples != nil {
      var lineage = trained
      lineage.training.tokens = tokensOfText
      lineage.samples?.generation = 0
      return lineage
    }
    if case .cosine = training.schedule { return trained }
    if corpus.dependsOnLength { return trained }
    var trunk = trained
    trunk.training.tokens = 0
    return trunk
  }

  /// The number of lanes in which training reads its text, one for each window of a batch; nil where windows carry no
  /// state.
  public var lanes: Int? {
    training.carry == true ? training.batch.tokens(after: 0) / model.context : nil
  }

  /// The configuration as JSON with sorted keys: equal configurations give equal bytes.
  public var canonicalJSON: String {
    guard let data = try? Files.canonicalJSON(self) else {
      preconditionFailure("a configuration holds only numbers and text")
    }
    return String(decoding: data, as: UTF8.self)
  }
}

/// How a model is trained.
public struct TrainingConfiguration: Codable, Hashable, Sendable {
  /// The number D of tokens to train on. The run ends with the first step that reaches it.
  public var tokens: Int
  public var batch: BatchSchedule
  /// Whether recurrent states go from a window to the next one of its text, forward only (truncated backpropagation
  /// through time). Requires a batch of one size. Nil for false, or in a model without such states.
  public var carry: Bool?
  /// The peak learning rate; under μP that of a model of `ModelConfiguration.baseWidth`.
  public var learningRate: Double
  /// Steps in which the rate rises to its peak.
  public var warmupSteps: Int
  public var schedule: Schedule
  /// How a step changes weights, one of `updateRules`; nil for AdamW.
  public var updateRule: Selection?
  /// What is minimised, one of `trainingObjectives`; nil for the cross-entropy of the next token.
  public var objective: Selection?
  /// The weight decay λ: each step shrinks weights by λ times the learning rate. Gains and biases do not decay.
  public var weightDecay: Double
  /// The decay of AdamW's first moment.
  public var beta1: Double
  /// The decay of AdamW's second moment.
  public var beta2: Double
  /// The greatest norm of the gradient of all parameters together; a longer one is scaled down to it.
  public var clip: Double
  /// Whether the result tells what the model knows of the text's associations. Nil for false.
  public var knowledge: Bool?
  /// Which weights are set to 0 once the model is trained, before it is evaluated; nil for none. Runs that differ in it alone
  /// are trained once.
  public var pruned: Pruning?
  /// The format that weights are rounded to once the model is trained, before it is evaluated; nil for none. Runs that differ
  /// in it alone are trained once.
  public var quantised: NumberFormat?

  /// The best rate found at the base width. Experts see fewer tokens each, so that their gradients are noisier, and a
  /// lower rate is better.
  public static func usualLearningRate(of rule: any UpdateRule.Type, experts: Int) -> Double {
    (experts > 1 ? 0.7 : 1) * rule.usualRate
  }

  public init(
    tokens: Int, batch: BatchSchedule = .ramp, carry: Bool = false,
    learningRate: Double? = nil,
    warmupSteps: Int = 100,
    schedule: Schedule = .cooldown(fraction: 0.2, shape: .linear), updateRule: Selection? = nil,
    objective: Selection? = nil, weightDecay: Double = 0, beta1: Double = 0.9, beta2: Double = 0.95,
    clip: Double = 1
  ) {
    self.tokens = tokens
    self.batch = batch
    self.carry = carry ? true : nil
    let rule = updateRules.first { $0.name == updateRule?.name } ?? updateRules[0]
    self.learningRate = learningRate ?? Self.usualLearningRate(of: rule, experts: 1)
    self.warmupSteps = warmupSteps
    self.schedule = schedule
    // Defaults are left out of files, even where they were given: equal trainings have equal identifiers.
    self.updateRule = updateRule == Selection(updateRules[0]) ? nil : updateRule
    self.objective = objective == Selection(trainingObjectives[0]) ? nil : objective
    self.weightDecay = weightDecay
    self.beta1 = beta1
    self.beta2 = beta2
    self.clip = clip
  }

  /// - Throws: `SettingFault` if the update rule or the objective is unknown, or has an unknown setting or a value
  ///   out of range.
  public func check() throws {
    _ = try updateRule?.type(among: updateRules, setting: "update_rule")
    _ = try objective?.type(among: trainingObjectives, setting: "objective")
  }
}
