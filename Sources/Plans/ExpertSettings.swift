import Analysis
import Files
import Models

extension Setting {
  /// How the feed-forward layers of moe models are split and routed.
  static let ofExperts: [Setting] = [
    .integer(
      .model, "experts", in: 1...4096,
      "number of experts E, in units of the dense feed-forward layer; 1 is a dense model", \.moe.experts
    ) { $0.configuration.model.moe?.experts ?? 1 },
    .integer(
      .model, "top_k", in: 1...4096, "number of experts that a token uses, K, in the same unit", \.moe.topK
    ) { $0.configuration.model.moe?.topK },
    .integer(
      .model, "granularity", in: 1...1024,
      "number of parts that each expert is split into, G: K·G of E·G parts are chosen",
      \.moe.granularity
    ) { $0.configuration.model.moe?.granularity },
    .integer(
      .model, "shared_experts", in: 0...4096, "parts among the K·G that all tokens use", \.moe.shared
    ) { $0.configuration.model.moe?.shared },
    .choice(
      .model, "routed_blocks", "which blocks have experts; every_other begins with the second block",
      \.moe.placement
    ) { $0.configuration.model.moe?.placement },
    .choice(
      .model, "gate",
      "weights of the chosen experts: their probabilities in the softmax over all experts, or a softmax over the chosen ones",
      \.moe.gate, column: .named(isSelfExplanatory: true)
    ) { $0.configuration.model.moe?.gate },
    Setting(
      .model, "capacity_factor",
      values: .other(
        "number, or none",
        .any(of: .choice(of: ["none"]), .decimal(in: 0.01...1000))),
      default: "none",
      "largest load of an expert, in units of an even load; tokens beyond it are dropped",
      \.moe.capacityFactor,
      cell: { run in
        .text(run.configuration.model.moe.map { $0.capacityFactor.map { "\($0)" } ?? "none" } ?? "")
      }
    ) { try $0.string() == "none" ? nil : $0.number(in: 0.01...1000) },
    .choice(
      .model, "balance",
      "how the experts' loads are balanced: by an auxiliary loss, or by a bias on each expert's logit that affects only the choice",
      \.moe.balance
    ) { $0.configuration.model.moe?.balance },
    .number(
      .model, "balance_weight", in: .closed(0, 100), default: "0.01; where the balance is none, 0",
      "weight of that loss, or step size of the biases", \.balanceWeight,
      cell: { $0.configuration.model.moe?.balanceWeight }, as: { $0 }),
    .number(
      .model, "z_loss", in: .closed(0, 100),
      "weight of the squared log-sum-exp of a router's logits", \.moe.zLoss
    ) { $0.configuration.model.moe?.zLoss },
    .number(
      .model, "router_noise", in: .closed(0, 100),
      "standard deviation of the noise on a router's logits while training", \.moe.noise
    ) { $0.configuration.model.moe?.noise },
  ]
}
