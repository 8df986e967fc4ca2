import Foundation
import Models

/// The learning rate of a weight in a step: peak · warmup · schedule · factor of the weight.
///
/// The peak is `TrainingConfiguration.learningRate`. A user may write it as a function of the width (`Height`). Under
/// μP weights have factors that follow the width (`scale(of:)`), so that one peak suits all widths.
public struct LearningRate: Sendable {
  private let training: TrainingConfiguration
  private let model: ModelConfiguration

  public init(_ training: TrainingConfiguration, _ model: ModelConfiguration) {
    self.training = training
    self.model = model
  }

  /// The rate of a step, for weights without a factor.
  ///
  /// - Parameters:
  ///   - step: The number of the step, counted from 1.
  ///   - seen: The tokens trained on before it.
  ///   - branched: The tokens after which the cooldown began; nil while on the trunk.
  ///   - tokens: The tokens of the whole run.
  func callAsFunction(step: Int, seen: Int, branched: Int?, tokens: Int) -> Double {
    let warmup = training.warmupSteps > 0 ? min(1, Double(step) / Double(training.warmupSteps)) : 1
    return training.learningRate * warmup
      * training.schedule.factor(seen: seen, branched: branched, tokens: tokens)
  }

  /// The factor for weights with these traits.
  func scale(of traits: ParameterTraits) -> Double {
    switch model.parametrisation {
    case .standard: 1
    case .mup: training.updateRuleType.rateScale(of: traits, widthRatio: model.widthRatio)
    }
  }

  /// The peak as a function of the width C, as a user may write it: η(C) = rate · (C / width)^exponent.
  public enum Height: Hashable, Sendable {
    case constant(Double)
    case power(rate: Double, width: Int, exponent: Double)

    /// The peak at a width C.
    public func callAsFunction(width: Int) -> Double {
      switch self {
      case .constant(let rate): rate
      case .power(let rate, let reference, let exponent):
        rate * pow(Double(width) / Double(reference), exponent)
      }
    }

    /// The default: the best rate found for the update rule at the base width. μP transfers it to other widths; in the
    /// standard parametrisation it is inversely proportional to the width.
    public static func usual(
      _ parametrisation: ModelConfiguration.Parametrisation, experts: Int, rule: any UpdateRule.Type
    ) -> Height {
      let rate = TrainingConfiguration.usualLearningRate(of: rule, experts: experts)
      return switch parametrisation {
      case .mup: .constant(rate)
      case .standard: .power(rate: rate, width: ModelConfiguration.baseWidth, exponent: -1)
      }
    }
  }
}
