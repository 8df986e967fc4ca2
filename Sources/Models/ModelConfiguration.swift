/// All that determines a network: its family, its size and its parametrisation.
public struct ModelConfiguration: Codable, Hashable, Sendable {
  /// The design of a block.
  public enum Family: String, Codable, Sendable, CaseIterable {
    /// Layer norm, GELU, biases, and a head tied to the embedding   (Radford et al. 2019)
    case gpt2
    /// RMS norm, SwiGLU, no biases, and a head of its own   (Touvron et al. 2023)
    case llama
  }

  /// How the network knows where a token stands.
  public enum Positions: String, Codable, Sendable, CaseIterable {
    /// Queries and keys are turned by an angle that grows with the position.
    case rotary
    /// A learned vector for each position is added to the token's.
    case learned
    /// Not at all, but that a token sees only those before it.
    case none
  }

  /// How initial weights and learning rates change with the width.
  public enum Parametrisation: String, Codable, Sendable, CaseIterable {
    /// One learning rate for all weights.
    case standard
    /// The best learning rate stays the same at every width   (Yang et al. 2022)
    case mup
  }

  public var family: Family
  /// The length C of the vectors between blocks.
  public var width: Int
  /// The number of blocks.
  public var depth: Int
  /// The number H of attention heads.
  public var heads: Int
  /// The width of one head. All heads together may be wider than C.
  public var headWidth: Int
  /// The number T of tokens in a window.
  public var context: Int
  /// The number V of tokens that there are.
  public var vocabulary: Int
  public var positions: Positions
  /// Whether the head is the embedding transposed.
  public var tiedHead: Bool
  public var parametrisation: Parametrisation
  /// How feed-forward parts are split among experts; nil in a dense model.
  public var mixture: MixtureOfExperts?

  /// - Parameters:
  ///   - heads: their number; nil for as many as it takes to be at least C wide together.
  ///   - headWidth: nil for C / heads, and where `heads` is nil too, for `usualHeadWidth`.
  /// - Throws: `ModelFault` if no network can be built so.
  public init(
    family: Family = .gpt2, width: Int, depth: Int = 2, heads: Int? = nil, headWidth: Int? = nil,
    context: Int = 128, vocabulary: Int,
    positions: Positions = .rotary, tiedHead: Bool? = nil, parametrisation: Parametrisation = .mup,
    mixture: MixtureOfExperts? = nil
  ) throws {
    self.family = family
    self.width = width
    self.depth = depth
    if let heads, headWidth == nil, heads > 0, !width.isMultiple(of: heads) {
      let possible = (1...max(width, 1)).filter { width.isMultiple(of: 4 * $0) }
      throw ModelFault(
        setting: "heads", message: "\(heads) heads do not divide the width \(width)",
        remedy: possible.isEmpty
          ? "Choose a width that is a multiple of \(4 * heads), or give `head_width`"
          : "Choose heads among \(possible)")
    }
    let headWidth = headWidth ?? heads.map { width / max($0, 1) } ?? Self.usualHeadWidth
    self.headWidth = headWidth
    self.heads = heads ?? (width + headWidth - 1) / max(headWidth, 1)
    self.context = context
    self.vocabulary = vocabulary
    self.positions = positions
    self.tiedHead = tiedHead ?? (family == .gpt2)
    self.parametrisation = parametrisation
    self.mixture = mixture
    try check()
  }

  /// Heads of 8 do better at toy sizes than wider ones at the same number of parameters.
  public static let usualHeadWidth = 8

  /// The width at which both parametrisations are the same.
  public static let baseWidth = 32

  /// The width of all heads together.
  public var attentionWidth: Int { heads * headWidth }

  /// The hidden width of the feed-forward part: four times the width, or for SwiGLU, which has three matrices
  /// instead of two, 8/3 of it rounded up to a multiple of 8.
  public var feedForwardWidth: Int {
    switch family {
    case .gpt2: 4 * width
    case .llama: (8 * width / 3 + 7) / 8 * 8
    }
  }

  /// The greatest length of any side of a model: products of three do not overflow.
  public static let largest = 65_536

  /// - Throws: `ModelFault` if no network can be built so.
  public func check() throws {
    for (setting, value) in [
      ("width", width), ("depth", depth), ("heads", heads), ("head_width", headWidth), ("context", context),
      ("vocabulary", vocabulary),
    ] where !(1...Self.largest).contains(value) {
      throw ModelFault(
        setting: setting, message: "\(setting) is \(value)",
        remedy: "It must be at least 1 and at most \(Self.largest)")
    }
    guard headWidth.isMultiple(of: 4) else {
      throw ModelFault(
        setting: "heads",
        message: "\(heads) heads of width \(headWidth): a head's width must be a multiple of 4",
        remedy: "Choose heads of width \(Self.usualHeadWidth), or a width that is a multiple of \(4 * heads)")
    }
    try mixture?.check(feedForwardWidth: feedForwardWidth, depth: depth)
  }
}

/// A setting of a model that cannot be.
public struct ModelFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// The setting at fault, by its name in `ModelConfiguration`.
  public let setting: String
  public let message: String
  public let remedy: String

  public var description: String { "\(message). \(remedy)." }
}
