import Autograd
import Files

/// Everything that determines a network: its architecture, its size and its parametrisation.
public struct ModelConfiguration: Codable, Hashable, Sendable {
  /// The design of norms, activations, biases and head. What files call an architecture is a `Preset`.
  public enum Architecture: String, Codable, Sendable, CaseIterable {
    /// Layer norm, GELU, biases, and a head tied to the embedding   (Radford et al. 2019)
    case gpt2
    /// RMS norm, SwiGLU, no biases, and a head of its own   (Touvron et al. 2023)
    case llama

    /// Whether linear maps and norms have biases.
    var hasBiases: Bool { self == .gpt2 }
  }

  /// How the network encodes the position of a token.
  public enum Positions: String, Codable, Sendable, CaseIterable {
    /// Queries and keys are rotated by an angle that grows with the position.
    case rotary
    /// A learned vector for each position is added to the token's.
    case learned
    /// No encoding: only the causal mask depends on the position.
    case none
  }

  /// What the weights of linear attention are products of.
  public enum FeatureMap: String, Codable, Sendable, CaseIterable {
    /// elu(x) + 1   (Katharopoulos et al. 2020)
    case elu
    /// Positive random features, which estimate the weights of attention   (Choromanski et al. 2020)
    case favor
  }

  /// How initial weights and learning rates change with the width.
  public enum Parametrisation: String, Codable, Sendable, CaseIterable {
    /// One learning rate for all weights.
    case standard
    /// The best learning rate stays the same at every width   (Yang et al. 2022)
    case mup
  }

  public var architecture: Architecture
  /// The length C of the vectors between blocks.
  public var width: Int
  /// The number of blocks.
  public var depth: Int
  /// The number H of attention heads.
  public var heads: Int
  /// The number of heads of keys and values, each used by H / `kvHeads` heads of queries; nil for H.
  public var kvHeads: Int?
  /// The width of one head. All heads together may be wider than C.
  public var headWidth: Int
  /// A letter for the sequence mixer of each block (`layerLetters`); nil for attention in all of them.
  public var layers: String?
  /// The number of positions that window attention sees; nil for `usualWindow`, or without such a layer.
  public var window: Int?
  /// The features of linear attention; nil for elu, or without such a layer.
  public var featureMap: FeatureMap?
  /// The number of its random features; nil for `usualFeatures`, or without any.
  public var features: Int?
  /// The size of a recurrent layer's state for each channel; nil for `usualState`, or without such a layer.
  public var state: Int?
  /// The channels of a selective scan divided by C; nil for `usualExpansion`, or without such a layer.
  public var expansion: Int?
  /// The number T of tokens in a window.
  public var context: Int
  /// The number V of different tokens.
  public var vocabulary: Int
  public var positions: Positions
  /// Whether the head is the embedding transposed.
  public var tiedHead: Bool
  public var parametrisation: Parametrisation
  /// How feed-forward layers are split among experts; nil in a dense model.
  public var moe: MoE?
  /// The base of rotary positions; nil for `RotaryAngles.usualBase`.
  public var rotaryBase: Double?
  /// What norms add to the mean square; nil for `Recorder.usualNormEpsilon`.
  public var normEpsilon: Double?
  /// The hidden width of feed-forward layers; nil for that of the architecture.
  public var feedForward: Int?
  /// The activation of feed-forward layers without gates; nil for GELU, or where there are others.
  public var activation: Activation?
  /// The fraction of a token's hidden units that stay in these layers; nil for all.
  public var activeHidden: Double?
  /// The precision of the operands of matrix products in training and validation; nil for float32. Samples are
  /// computed in float32.
  public var precision: Precision?

  /// The formats that numbers are rounded to; nil for float32 everywhere.
  public var formats: NumberFormats?

  /// What computes its products in training and validation in this process.
  public var kernel: ProductKernel {
    (formats?.areProductsOfBfloat16 == true ? .bfloat16 : precision ?? .float32).kernel
  }

  /// The names in files, which run identifiers depend on. A setting that is nil is left out.
  private enum CodingKeys: String, CodingKey {
    case architecture = "family"
    case moe = "mixture"
    case width, depth, heads, kvHeads, headWidth, layers, window, featureMap, features, state, expansion,
      context, vocabulary, positions, tiedHead, parametrisation, rotaryBase, normEpsilon, feedForward,
      precision, formats, activation, activeHidden
  }

  /// - Parameters:
  ///   - depth: nil for the number of `layers`, or else `usualDepth`.
  ///   - heads: The number of heads; nil for as many as together are at least C wide.
  ///   - headWidth: nil for C / heads, or `usualHeadWidth` where `heads` is nil too.
  ///   - kvHeads: The number of heads of keys and values; nil for as many as `heads`.
  ///   - layers: A letter for each block; nil for attention in all of them.
  ///   - window: The number of positions that window attention sees; nil for `usualWindow`.
  ///   - features: The number of random features of linear attention; nil for `usualFeatures`.
  ///   - state: The size of a recurrent layer's state for each channel; nil for `usualState`.
  ///   - expansion: The channels of a selective scan divided by C; nil for `usualExpansion`.
  /// - Throws: `SettingFault` if such a network cannot be built.
  public init(
    architecture: Architecture = .gpt2, width: Int, depth: Int? = nil, heads: Int? = nil,
    headWidth: Int? = nil, kvHeads: Int? = nil, layers: String? = nil, window: Int? = nil,
    featureMap: FeatureMap = .elu, features: Int? = nil, state: Int? = nil, expansion: Int? = nil,
    context: Int = 128, vocabulary: Int, positions: Positions = .rotary, tiedHead: Bool? = nil,
    parametrisation: Parametrisation = .mup,
    moe: MoE? = nil, precision: Precision = .float32, formats: NumberFormats = NumberFormats(),
    activation: Activation = .gelu, activeHidden: Double = 1
  ) throws {
    self.architecture = architecture
    self.width = width
    self.depth = depth ?? layers?.count ?? Self.usualDepth
    if let heads, headWidth == nil, heads > 0, !width.isMultiple(of: heads) {
      let possible = (1...max(width, 1)).filter { width.isMultiple(of: 4 * $0) }
      throw SettingFault(
        setting: "heads", message: "\(heads) heads do not divide the width \(width)",
        remedy: possible.isEmpty
          ? "Choose a width that is a multiple of \(4 * heads), or give `head_width`"
          : "Choose heads among \(possible)")
    }
    let headWidth = headWidth ?? heads.map { width / max($0, 1) } ?? Self.usualHeadWidth
    self.headWidth = headWidth
    self.heads = heads ?? (width + headWidth - 1) / max(headWidth, 1)
    // Defaults are left out of files, even where they were given: equal models have equal identifiers.
    self.kvHeads = kvHeads == self.heads ? nil : kvHeads
    self.layers =
      layers?.count == self.depth && layers?.allSatisfy { $0 == Attention.letter } == true ? nil : layers
    self.context = context
    self.vocabulary = vocabulary
    self.positions = positions
    self.tiedHead = tiedHead ?? (architecture == .gpt2)
    self.parametrisation = parametrisation
    self.moe = moe
    self.precision = precision == .float32 ? nil : precision
    self.formats = formats.areFloat32 ? nil : formats
    self.activation = activation == .gelu || !hasPlainFeedForward ? nil : activation
    self.activeHidden = activeHidden == 1 || !hasPlainFeedForward ? nil : activeHidden
    self.window = window == Self.usualWindow || !has(WindowAttention.self) ? nil : window
    self.featureMap = featureMap == .elu || !has(LinearAttention.self) ? nil : featureMap
    self.features = features == Self.usualFeatures || !usesRandomFeatures ? nil : features
    self.state = state == Self.usualState || !hasStates ? nil : state
    self.expansion = expansion == Self.usualExpansion || !has(SelectiveScan.self) ? nil : expansion
    try check()
  }

  /// The number of blocks of a model without `layers`.
  public static let usualDepth = 2

  /// Heads of width 8 do better at toy sizes than wider ones at the same number of parameters.
  public static let usualHeadWidth = 8

  /// Half of the usual context.
  public static let usualWindow = 64

  /// Enough for heads of the usual width.
  public static let usualFeatures = 16

  /// The state size of Gu & Dao (2023).
  public static let usualState = 16

  /// The expansion of Gu & Dao (2023).
  public static let usualExpansion = 2

  /// The width at which both parametrisations are the same, with heads of the usual width.
  public static let baseWidth = 32

  /// The width of all heads together.
  public var attentionWidth: Int { heads * headWidth }

  /// The number of heads of keys and values.
  public var keyValueHeads: Int { kvHeads ?? heads }

  /// The width of all heads of keys together, which is that of values too.
  public var keyValueWidth: Int { keyValueHeads * headWidth }

  /// The number of positions that window attention sees.
  public var attentionWindow: Int { window ?? Self.usualWindow }

  /// The features of linear attention.
  public var attentionFeatureMap: FeatureMap { featureMap ?? .elu }

  /// The number of random features of linear attention.
  public var attentionFeatures: Int { features ?? Self.usualFeatures }

  /// Whether linear attention makes random features.
  var usesRandomFeatures: Bool { has(LinearAttention.self) && attentionFeatureMap == .favor }

  /// The size of a recurrent layer's state for each channel.
  public var stateSize: Int { state ?? Self.usualState }

  /// The channels of a selective scan divided by the width.
  public var channelsPerWidth: Int { expansion ?? Self.usualExpansion }

  /// The base of the angles of rotary positions.
  public var rotaryAngleBase: Double { rotaryBase ?? RotaryAngles.usualBase }

  /// What norms add to the mean square.
  public var normAddend: Double { normEpsilon ?? Double(Recorder.usualNormEpsilon) }

  /// Whether layers add noise, or round at random, while training.
  var isNoisy: Bool { moe?.noise ?? 0 > 0 || formats.map { $0.rounding != .nearest } ?? false }

  /// The hidden width of the feed-forward layer: usually four times the width, or for SwiGLU, which has three matrices
  /// instead of two, 8/3 of it rounded up to a multiple of 8.
  public var feedForwardWidth: Int {
    if let feedForward { return feedForward }
    return usualFeedForwardWidth
  }

  private var usualFeedForwardWidth: Int {
    switch architecture {
    case .gpt2: 4 * width
    case .llama: (8 * width / 3 + 7) / 8 * 8
    }
  }

  /// The greatest value of any dimension: products of three do not overflow.
  public static let largest = 65_536

  /// - Throws: `SettingFault` if such a network cannot be built.
  public func check() throws {
    for (setting, value) in [
      ("width", width), ("depth", depth), ("context", context), ("vocabulary", vocabulary),
    ] where !(1...Self.largest).contains(value) {
      throw SettingFault(
        setting: setting, message: "\(setting) is \(value)",
        remedy: "It must be at least 1 and at most \(Self.largest)")
    }
    for (setting, isValid, values) in [
      ("rotaryBase", (1...1e12).contains(rotaryAngleBase), "at least 1 and at most 1e12"),
      ("normEpsilon", (0...1).contains(normAddend), "at least 0 and at most 1"),
      (
        "feedForward", feedForward.map((1...Self.largest).contains) ?? true,
        "at least 1 and at most \(Self.largest)"
      ),
    ] where !isValid {
      throw SettingFault(
        setting: setting, message: "\(setting) is out of range", remedy: "It must be \(values)")
    }
    for setting in sequenceMixerSettings + channelMixerSettings { try setting.check(self) }
    let letters = try letters()
    for mixer in sequenceMixers where letters.contains(mixer.letter) { try mixer.check(self) }
    try moe?.check(feedForwardWidth: feedForwardWidth, depth: depth)
  }

  /// The letters of all sequence mixers in the model.
  private func letters() throws -> Set<Character> {
    guard let layers else { return [Attention.letter] }
    guard layers.count == depth else {
      throw SettingFault(
        setting: "layers", message: "layers has \(layers.count) letters, for a model of depth \(depth)",
        remedy: "Write a letter for each block, or leave depth out")
    }
    let letters = Set(layers)
    for letter in letters.sorted() where !sequenceMixers.contains(where: { $0.letter == letter }) {
      throw SettingFault(
        setting: "layers", message: "no layer is named `\(letter)`",
        remedy: "Choose among \(sequenceMixers.map { "\($0.letter) (\($0.name))" }.joined(separator: ", "))")
    }
    return letters
  }
}
