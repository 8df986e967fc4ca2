import Corpora
import Foundation
import Models
import Training

/// One run as an experiment file describes it, while the vocabulary of its corpus is not known.
struct RunDraft: Sendable {
  /// How the number of heads is chosen.
  enum Heads: Hashable, Sendable {
    case usual
    case count(Int)
    /// As many heads of this width as there is room for.
    case width(Int)
  }

  /// How long to train.
  enum Length: Hashable, Sendable {
    case tokens(Int)
    /// An IsoFLOP budget: as many tokens as it pays for.
    case flops(Double)
  }

  /// The longest training in tokens; sums of such numbers do not overflow.
  static let mostTokens = 1_000_000_000_000
  /// The most validation tokens and tokens in a step: they are held in memory at once.
  static let mostTokensAtOnce = 100_000_000

  var corpus = CorpusConfiguration(source: "")
  var family = ModelConfiguration.Family.gpt2
  var width: Int?
  var depth = 2
  var heads = Heads.usual
  var context = 128
  var positions = ModelConfiguration.Positions.rotary
  var tiedHead: Bool?
  var parametrisation = ModelConfiguration.Parametrisation.mup
  /// The experts; one of them alone is a dense model.
  var mixture = MixtureOfExperts(experts: 1)
  /// The weight of the balancing, where it is not the usual one of its kind.
  var balanceWeight: Double?
  var length: Length?
  var learningRate: LearningRate.Height?
  /// Everything else about the training; its tokens and its rate are set when the run is planned.
  var training = TrainingConfiguration(tokens: 0)
  var seed: UInt64 = 0

  /// The settings that were given, and on which line if they stand in a file, by the setting's name.
  var lines: [String: Int?] = [:]

  /// Whether a setting was given.
  func isGiven(_ setting: String) -> Bool { lines[setting] != nil }

  /// The line on which a setting was given, if there is one.
  func line(of setting: String) -> Int? { lines[setting] ?? nil }
  /// What the grid chose for this run, in the order of the file.
  var axes: [AxisValue] = []

  /// The experts with all that is usual; nil of a dense model.
  var mixtureIfAny: MixtureOfExperts? {
    guard mixture.experts > 1 else { return nil }
    var mixture = mixture
    mixture.balanceWeight = balanceWeight ?? MixtureOfExperts.usualBalanceWeight(mixture.balance)
    return mixture
  }

  /// How to train a model of a width, but for the tokens.
  func training(width: Int) -> TrainingConfiguration {
    var training = training
    let rate = learningRate ?? LearningRate.Height.usual(parametrisation, experts: mixture.experts)
    training.learningRate = rate(width: width)
    return training
  }
}

/// A value that the grid chose for a run, as the file writes it.
public struct AxisValue: Hashable, Sendable {
  /// The setting's name in the grid.
  public let setting: String
  public let value: String
}
