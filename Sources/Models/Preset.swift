import Files

/// A word for a whole model: a design, and the sequence layers that go with it. It stands for settings of the model
/// and is no part of it: the model is the same whether the word or the settings were given.
///
/// The designs of `mamba` and `hybrid` are that of `llama`, and the design of `performer` is that of `gpt2`, so that a
/// preset differs from one with attention in its sequence layers alone. As everywhere, each sequence layer is followed by
/// a feed-forward layer, which the blocks of Gu & Dao (2023) do not have.
public enum Preset: String, Sendable, CaseIterable {
  case gpt2
  case llama
  case mamba
  case hybrid
  case performer

  /// Its norms, activations, biases and head.
  public var design: ModelConfiguration.Architecture {
    switch self {
    case .gpt2, .performer: .gpt2
    case .llama, .mamba, .hybrid: .llama
    }
  }

  /// What it is, in a line of the reference.
  public var summary: String {
    switch self {
    case .gpt2:
      "layer norm, GELU, biases, a head tied to the embedding, and attention (Radford et al. 2019)"
    case .llama: "RMS norm, SwiGLU, no biases, a head of its own, and attention (Touvron et al. 2023)"
    case .mamba: "llama with selective scans instead of attention (Gu & Dao 2023)"
    case .hybrid:
      "llama with selective scans, and attention in every fourth block, in a shallower model in the last "
        + "(Lieber et al. 2024 compare one in four and one in eight)"
    case .performer:
      "gpt2 with linear attention, and `feature_map: favor` unless given (Choromanski et al. 2020)"
    }
  }

  /// The letters of the sequence layers of a model with `depth` blocks; nil for attention in all of them.
  ///
  /// - Throws: `SettingFault` if the model is too shallow for them.
  func layers(depth: Int) throws -> String? {
    func all(_ mixer: any SequenceMixer.Type) -> String {
      String(repeating: mixer.letter, count: max(depth, 0))
    }
    switch self {
    case .gpt2, .llama: return nil
    case .mamba: return all(SelectiveScan.self)
    case .performer: return all(LinearAttention.self)
    case .hybrid:
      guard depth > 1 else {
        throw SettingFault(
          setting: "depth", message: "a hybrid of depth \(depth) has no place for two kinds of layers",
          remedy: "Give it at least 2 blocks, or choose llama or mamba")
      }
      let period = min(depth, 4)
      return String(
        (1...depth).map { $0.isMultiple(of: period) ? Attention.letter : SelectiveScan.letter })
    }
  }

  /// The features of its linear attention.
  var featureMap: ModelConfiguration.FeatureMap { self == .performer ? .favor : .elu }
}
