import Autograd
import Files

/// The part of a residual layer between norm and addition: normalised stream x (B·T, C) → (B·T, C).
protocol Mixer: Sendable {
  /// The settings of the layer. Their values are in `ModelOptions` and `ModelConfiguration`.
  static var settings: [LayerSetting] { get }

  /// Records the layer's operations.
  func callAsFunction(_ x: Tensor, _ context: RecordingContext) -> Tensor
}

extension Mixer {
  static var settings: [LayerSetting] { [] }
}

/// A layer that moves information between positions.
///
/// To add one: a file in this folder with a type that conforms, and its name in `sequenceMixers`.
///
/// Where the context has a `continuation`, the rows continue earlier positions. The layer then records a state,
/// `recorder.state([capacity, …])`, and an operation that reads and writes the states of the sequences in `slots`. A
/// sequence that starts at 0 ignores what its state holds; rows from `counts` on must not change the state.
protocol SequenceMixer: Mixer {
  /// The letter that stands for it in `layers`.
  static var letter: Character { get }
  /// The part of its weights' names after that of the block.
  static var name: String { get }
  /// What it does, in a line of the reference.
  static var summary: String { get }

  /// Adds its weights.
  ///
  /// - Parameter name: A prefix for the names of the weights, such as `blocks.0.attention`.
  init(_ name: String, _ configuration: ModelConfiguration, in parameters: inout ModelParameters)

  /// The numbers that it keeps of a sequence, however long that is; 0 where it keeps each position.
  static func stateCount(_ configuration: ModelConfiguration) -> Int

  /// - Throws: `SettingFault` if a model with this configuration cannot have the layer.
  static func check(_ configuration: ModelConfiguration) throws
}

extension SequenceMixer {
  static func stateCount(_ configuration: ModelConfiguration) -> Int { 0 }
}

/// A layer that treats each position separately.
///
/// To add one: a file in this folder with a type that conforms, its name in `channelMixers` and a case in `channelMixer`.
protocol ChannelMixer: Mixer {}

/// The letters that `layers` may contain, with the names and summaries of their sequence mixers; the first is the default.
public var layerLetters: [(letter: Character, name: String, summary: String)] {
  sequenceMixers.map { ($0.letter, $0.name, $0.summary) }
}

/// All sequence mixers; the first is the default.
let sequenceMixers: [any SequenceMixer.Type] = [
  Attention.self, WindowAttention.self, LinearAttention.self, SelectiveScan.self, DeltaRule.self,
]

/// All channel mixers.
let channelMixers: [any ChannelMixer.Type] = [FeedForward.self, RoutedFeedForward.self]

/// The settings that sequence mixers declare.
public let sequenceMixerSettings = sequenceMixers.flatMap { $0.settings }

/// The settings that channel mixers declare.
public let channelMixerSettings = channelMixers.flatMap { $0.settings }

extension ModelConfiguration {
  /// The sequence mixer of each block.
  var mixers: [any SequenceMixer.Type] {
    (layers ?? String(repeating: Attention.letter, count: depth)).compactMap { letter in
      sequenceMixers.first { $0.letter == letter }
    }
  }

  /// Whether a block has the sequence mixer.
  func has(_ mixer: any SequenceMixer.Type) -> Bool {
    layers?.contains(mixer.letter) ?? (mixer.letter == Attention.letter)
  }

  /// Whether a block has a sequence mixer with `state`.
  var hasStates: Bool { has(SelectiveScan.self) || has(DeltaRule.self) }

  /// The bytes of the recurrent states that the model keeps of a sequence, whatever its length.
  public var stateByteCount: Int {
    mixers.reduce(0) { $0 + $1.stateCount(self) } * MemoryLayout<Float>.stride
  }

  /// Whether a block keeps a recurrent state.
  public var isRecurrent: Bool { stateByteCount > 0 }

  /// Whether it has keys and values that a cache keeps.
  public var hasAttention: Bool { has(Attention.self) || has(WindowAttention.self) }

  /// The channel mixer of a block.
  func channelMixer(
    _ name: String, block: Int, in parameters: inout ModelParameters
  ) -> any ChannelMixer {
    if let moe, moe.routes(block: block) {
      return RoutedFeedForward(name, block: block, moe, self, in: &parameters)
    }
    return FeedForward(name, hidden: feedForwardWidth, self, in: &parameters)
  }
}
