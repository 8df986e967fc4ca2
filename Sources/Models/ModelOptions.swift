import Autograd
import Files

/// The choices that make a model, before the vocabulary of its text is known.
///
/// Nil stands for a default that depends on other choices.
public struct ModelOptions: Sendable {
  /// How the number of heads is chosen.
  public enum Heads: Hashable, Sendable {
    /// Heads of `ModelConfiguration.usualHeadWidth`, as many as are together at least as wide as the model.
    case usual
    case count(Int)
    /// As many heads of this width as are together at least as wide as the model.
    case width(Int)
  }

  public var architecture = Preset.gpt2
  /// Required.
  public var width: Int?
  /// Nil for the number of `layers`, or for 2.
  public var depth: Int?
  /// A letter for each block; nil for those of the architecture.
  public var layers: String?
  /// The number of positions that window attention sees.
  public var window = ModelConfiguration.usualWindow
  /// The features of linear attention; nil for those of the architecture.
  public var featureMap: ModelConfiguration.FeatureMap?
  /// The number of its random features.
  public var features = ModelConfiguration.usualFeatures
  /// The numbers that a recurrent layer keeps of a sequence for each channel.
  public var state = ModelConfiguration.usualState
  /// The channels of a selective scan, in units of the width.
  public var expansion = ModelConfiguration.usualExpansion
  public var heads = Heads.usual
  /// The number of heads of keys and values; nil for as many as of queries.
  public var kvHeads: Int?
  public var context = 128
  public var positions = ModelConfiguration.Positions.rotary
  /// Nil for the default of the architecture.
  public var tiedHead: Bool?
  public var parametrisation = ModelConfiguration.Parametrisation.mup
  /// The experts; a single one is a dense model.
  public var moe = MoE(experts: 1)
  /// The weight of the experts' balancing; nil for the default of its kind.
  public var balanceWeight: Double?
  /// The activation of feed-forward layers without gates.
  public var activation = ModelConfiguration.Activation.gelu
  /// The fraction of hidden units that stay in them.
  public var activeHidden = 1.0
  public var precision = Precision.float32
  public var weightFormat = NumberFormat.float32
  public var activationFormat = NumberFormat.float32
  public var gradientFormat = NumberFormat.float32
  public var cacheFormat = NumberFormat.float32
  public var rounding = RoundingMode.nearest

  public init() {}

  /// The model for a text with `vocabulary` different tokens.
  ///
  /// - Throws: `SettingFault` if such a network cannot be built.
  public func configuration(vocabulary: Int) throws -> ModelConfiguration {
    let count: Int? = if case .count(let count) = heads { count } else { nil }
    let headWidth: Int? = if case .width(let width) = heads { width } else { nil }
    let layers = try layers ?? architecture.layers(depth: depth ?? ModelConfiguration.usualDepth)
    return try ModelConfiguration(
      architecture: architecture.design, width: width ?? 0, depth: depth, heads: count, headWidth: headWidth,
      kvHeads: kvHeads, layers: layers, window: window, featureMap: featureMap ?? architecture.featureMap,
      features: features, state: state, expansion: expansion, context: context, vocabulary: vocabulary,
      positions: positions,
      tiedHead: tiedHead, parametrisation: parametrisation, moe: experts, precision: precision,
      formats: NumberFormats(
        weights: weightFormat, activations: activationFormat, gradients: gradientFormat, cache: cacheFormat,
        rounding: rounding), activation: activation, activeHidden: activeHidden)
  }

  /// Whether a layer keeps a recurrent state; false also where no such network can be built.
  public var isRecurrent: Bool { (try? configuration(vocabulary: 1))?.isRecurrent ?? false }

  /// Whether it has linear attention; false also where no such network can be built.
  public var hasLinearAttention: Bool {
    (try? configuration(vocabulary: 1))?.has(LinearAttention.self) ?? false
  }

  /// The experts, with the default weight of their balancing; nil for a dense model.
  private var experts: MoE? {
    guard moe.experts > 1 else { return nil }
    var moe = moe
    moe.balanceWeight = balanceWeight ?? MoE.usualBalanceWeight(moe.balance)
    return moe
  }
}
