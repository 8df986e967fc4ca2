import Autograd
import Files

/// How feed-forward layers are split among experts, of which each token uses a few   (Shazeer et al. 2017).
///
/// Sizes are in units of the dense feed-forward layer: E `experts` have E times its weights, and `topK` = K of them
/// take K times its operations. A `granularity` G splits each expert into G pieces with a G-th of the hidden width,
/// of which K·G are chosen; weights and operations stay the same (Dai et al. 2024; Krajewski et al. 2024). They also
/// do where some of the K·G pieces are `shared`: all tokens use these without choosing them.
public struct MoE: Codable, Hashable, Sendable {
  /// What keeps the loads of experts even.
  public enum Balance: String, Codable, Sendable, CaseIterable {
    /// An auxiliary loss: E·Σ f·p over experts, with their fractions f of the choices and mean probabilities p
    /// (Fedus et al. 2021)
    case auxiliary
    /// A bias on each expert's logit, which affects only the choice. It falls by a fixed step where the expert's load
    /// is above the mean, and rises elsewhere   (Wang et al. 2024)
    case bias
    case none
  }

  /// Which blocks are routed.
  public enum Placement: String, Codable, Sendable, CaseIterable {
    case all
    /// The second, the fourth and so on   (Lepikhin et al. 2020)
    case everyOther = "every_other"
  }

  public var experts: Int
  public var topK: Int
  public var granularity: Int
  public var shared: Int
  /// The most rows that an expert takes, in units of an even load; nil for no limit. Loads are counted over the rows
  /// that one program computes: a shard of a batch, or some windows of an evaluation.
  public var capacityFactor: Double?
  public var gate: Gate
  public var placement: Placement
  public var balance: Balance
  /// The weight of the balancing loss, or the step of the biases.
  public var balanceWeight: Double
  /// The weight of the z-loss, the squared log-sum-exp of the router's logits   (Zoph et al. 2022)
  public var zLoss: Double
  /// The standard deviation of the noise on the logits while training.
  public var noise: Double

  public init(
    experts: Int, topK: Int = 1, granularity: Int = 1, shared: Int = 0, capacityFactor: Double? = nil,
    gate: Gate = .softmaxFirst, placement: Placement = .all, balance: Balance = .auxiliary,
    balanceWeight: Double? = nil, zLoss: Double = 0.001, noise: Double = 0
  ) {
    self.experts = experts
    self.topK = topK
    self.granularity = granularity
    self.shared = shared
    self.capacityFactor = capacityFactor
    self.gate = gate
    self.placement = placement
    self.balance = balance
    self.balanceWeight = balanceWeight ?? Self.usualBalanceWeight(balance)
    self.zLoss = zLoss
    self.noise = noise
  }

  /// The default of `balanceWeight`: 0.01 for the auxiliary loss (Fedus et al. 2021). For biases it is ten times the
  /// step of Wang et al. (2024), because trainings are a hundred times shorter: with 0.001 loads are even only at the
  /// end.
  public static func usualBalanceWeight(_ balance: Balance) -> Double {
    switch balance {
    case .auxiliary, .bias: 0.01
    case .none: 0
    }
  }

  /// The number of pieces that a router chooses from.
  public var routed: Int { experts * granularity - shared }
  /// The number of pieces that it chooses for each token.
  public var choices: Int { topK * granularity - shared }

  /// Whether the feed-forward layer of a block is routed.
  package func routes(block: Int) -> Bool { placement == .all || !block.isMultiple(of: 2) }

  /// The most rows that an expert takes when `rows` are routed together; nil for no limit.
  func capacity(rows: Int) -> Int? {
    // Where the product exceeds the range of Int, there is room for all rows.
    capacityFactor.map {
      max(1, Int(exactly: ($0 * Double(rows * choices) / Double(routed)).rounded(.up)) ?? rows * choices)
    }
  }

  /// Checks what ranges of single settings do not.
  ///
  /// - Throws: `SettingFault` if a model of this shape cannot have these experts.
  func check(feedForwardWidth: Int, depth: Int) throws {
    func fault(_ setting: String, _ message: String, _ remedy: String) -> SettingFault {
      SettingFault(setting: setting, message: message, remedy: remedy)
    }
    guard (1...experts).contains(topK) else {
      throw fault(
        "top_k", "top_k is \(topK) of \(experts) experts", "It must be at least 1 and at most \(experts)")
    }
    guard feedForwardWidth.isMultiple(of: granularity) else {
      throw fault(
        "granularity", "a granularity of \(granularity) does not divide the hidden width \(feedForwardWidth)",
        "Choose among \([1, 2, 4, 8, 16].filter(feedForwardWidth.isMultiple))")
    }
    guard shared < topK * granularity else {
      throw fault(
        "shared_experts",
        "\(shared) shared experts leave nothing to choose of the \(topK * granularity) that a token uses",
        "Lower shared_experts, or raise top_k or granularity")
    }
    guard gate == .softmaxFirst || choices > 1 || routed == 1 else {
      throw fault(
        "gate",
        "with choice_first the gate of a single chosen expert is always 1, so that the router cannot learn",
        "Choose softmax_first, or a top_k of at least 2")
    }
    guard placement == .all || depth > 1 else {
      throw fault(
        "routed_blocks", "every_other routes no block of a model of depth 1",
        "Choose all, or a depth of at least 2")
    }
  }
}
