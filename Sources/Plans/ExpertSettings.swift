import Analysis
import Files
import Models

extension Setting {
  /// How the feed-forward parts of a mixture of experts are split and routed.
  static let ofExperts: [Setting] = [
    .integer(
      .model, "experts", in: 1...4096,
      "weights of the feed-forward part in units of the dense one's, E; 1 is a dense model", \.moe.experts
    ) { $0.configuration.model.moe?.experts ?? 1 },
    .integer(
      .model, "top_k", in: 1...4096, "how many of them a token uses, in the same units, K", \.moe.topK
    ) { $0.configuration.model.moe?.topK },
    .integer(
      .model, "granularity", in: 1...1024,
      "pieces that each expert is cut into, G: of E·G pieces K·G are chosen",
      \.moe.granularity
    ) { $0.configuration.model.moe?.granularity },
    .integer(
      .model, "shared_experts", in: 0...4096, "pieces among the K·G that all tokens use", \.moe.shared
    ) { $0.configuration.model.moe?.shared },
    .choice(
      .model, "routed_blocks", "which blocks have experts; every other begins with the second",
      \.moe.placement
    ) { $0.configuration.model.moe?.placement },
    .choice(
      .model, "gate",
      "what chosen experts are weighted by: their probabilities in the softmax over all, or a softmax over them alone",
      \.moe.gate, column: .named(isSelfExplanatory: true)
    ) { $0.configuration.model.moe?.gate },
    Setting(
      .model, "capacity_factor",
      values: .other(
        "number, or none",
        ["anyOf": [["enum": ["none"]], ["type": "number", "minimum": 0.01, "maximum": 1000]]]),
      default: "none",
      "tokens that an expert takes at most, in units of an even load; those beyond are dropped",
      \.moe.capacityFactor,
      cell: { run in
        .text(run.configuration.model.moe.map { $0.capacityFactor.map { "\($0)" } ?? "none" } ?? "")
      }
    ) { try $0.string() == "none" ? nil : $0.number(in: 0.01...1000) },
    .choice(
      .model, "balance",
      "what evens out the experts' loads: a loss, or a bias on each expert's logit for the choice alone",
      \.moe.balance
    ) { $0.configuration.model.moe?.balance },
    Setting(
      .model, "balance_weight", values: .number(.closed(0, 100)),
      default: "0.01; where the balance is none, 0",
      "the weight of that loss, or the step of the biases", \.balanceWeight,
      cell: { Cell($0.configuration.model.moe?.balanceWeight) }
    ) { try $0.number(in: 0...100) },
    .number(
      .model, "z_loss", in: .closed(0, 100),
      "weight of the squared logarithm of the sum of a router's exponentials", \.moe.zLoss
    ) { $0.configuration.model.moe?.zLoss },
    .number(
      .model, "router_noise", in: .closed(0, 100),
      "standard deviation of the noise on a router's logits while training", \.moe.noise
    ) { $0.configuration.model.moe?.noise },
  ]
}
