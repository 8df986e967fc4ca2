import Models
import Training

/// A column of `results.csv`: what it is called, what it means, and how a run fills it.
///
/// To add one, add its row to `fixed`: writing, reading and the reference follow from it.
public struct Column: Sendable {
  public enum Kind: Sendable { case text, integer, number }

  /// What stands in a cell.
  public enum Cell: Hashable, Sendable {
    case text(String)
    case integer(Int)
    case number(Double)
    /// Not known, or not there: an empty cell.
    case none
  }

  public let name: String
  public let kind: Kind
  /// Empty for text and pure numbers.
  public let unit: String
  public let meaning: String
  /// The run's cell; its result is nil while it is missing.
  let cell: @Sendable (PlannedRun, RunResult?) -> Cell

  /// The columns of every table, in their order.
  public static let fixed: [Column] = identity + configuration + sizes + losses + routing

  /// All columns of a table over some task families.
  public static func all(families: [String]) -> [Column] {
    fixed + families.flatMap { [loss(of: $0), entropy(of: $0), exactMatch(of: $0)] }
  }

  private static let identity: [Column] = [
    text("run", "hash of everything that determines the run's numbers; the name of its folder") { run, _ in
      run.configuration.identifier
    },
    text("trunk", "hash of the trunk that it branches off; runs of one trunk are not independent") { run, _ in
      run.configuration.trunkIdentifier
    },
    text("status", "completed, diverged or missing") { $1?.status.rawValue ?? "missing" },
  ]

  /// What determines a run, but for its length.
  static let configuration: [Column] = [
    text("corpus", "name of a recipe, or path of a text") { run, _ in run.corpus },
    text("tokenizer", "how text becomes tokens") { run, _ in run.tokenizer },
    integer("corpus_seed", "", "chooses the text") { run, _ in Int(clamping: run.configuration.corpus.seed) },
    text("family", "gpt2 or llama") { run, _ in run.configuration.model.family.rawValue },
    integer("width", "", "length of vectors, C") { run, _ in run.configuration.model.width },
    integer("depth", "blocks", "number of blocks") { run, _ in run.configuration.model.depth },
    integer("heads", "", "attention heads") { run, _ in run.configuration.model.heads },
    integer("context", "tokens", "window length, T") { run, _ in run.configuration.model.context },
    integer("vocabulary", "tokens", "different tokens, V") { run, _ in run.configuration.model.vocabulary },
    text("positions", "rotary, learned or none") { run, _ in run.configuration.model.positions.rawValue },
    text("tied_head", "whether the head is the embedding transposed") { run, _ in
      "\(run.configuration.model.tiedHead)"
    },
    text("parametrisation", "mup or standard") { run, _ in run.configuration.model.parametrisation.rawValue },
    integer("experts", "", "weights of the feed-forward part in units of the dense one's, E; 1 is dense") {
      run, _ in
      run.configuration.model.mixture?.experts ?? 1
    },
    integer("top_k", "", "experts that a token uses, K") { run, _ in
      run.configuration.model.mixture?.topK
    },
    integer("granularity", "", "pieces that each expert is cut into") { run, _ in
      run.configuration.model.mixture?.granularity
    },
    integer("shared_experts", "", "pieces that all tokens use") { run, _ in
      run.configuration.model.mixture?.shared
    },
    text("routed_blocks", "all or every_other; empty where there are no experts") { run, _ in
      run.configuration.model.mixture?.placement.rawValue ?? ""
    },
    text("gate", "softmax_first or choice_first") { run, _ in
      run.configuration.model.mixture?.gate.rawValue ?? ""
    },
    text("capacity_factor", "of an even load, or none") { run, _ in
      run.configuration.model.mixture.map { $0.capacityFactor.map { "\($0)" } ?? "none" } ?? ""
    },
    text("balance", "auxiliary, bias or none") { run, _ in
      run.configuration.model.mixture?.balance.rawValue ?? ""
    },
    number("balance_weight", "", "weight of the balancing loss, or step of the biases") { run, _ in
      run.configuration.model.mixture?.balanceWeight
    },
    number("z_loss", "", "weight of the loss on the size of a router's logits") { run, _ in
      run.configuration.model.mixture?.zLoss
    },
    number("router_noise", "", "standard deviation of the noise on them while training") { run, _ in
      run.configuration.model.mixture?.noise
    },
    number("learning_rate", "", "highest rate") { run, _ in run.configuration.training.learningRate },
    text("batch", "tokens in a step; after a semicolon, from how many tokens on another number") { run, _ in
      run.configuration.training.batch.text
    },
    integer("warmup", "steps", "steps in which the rate rises") { run, _ in
      run.configuration.training.warmupSteps
    },
    text("schedule", "how the rate changes after the warmup") { run, _ in
      run.configuration.training.schedule.text
    },
    number("weight_decay", "", "decay of weights a step, times the rate") { run, _ in
      run.configuration.training.weightDecay
    },
    integer("seed", "", "of the initial weights") { run, _ in Int(clamping: run.configuration.seed) },
  ]

  private static let sizes: [Column] = [
    integer("n_non_embedding", "parameters", "N without embeddings, positions and head (Kaplan)") { run, _ in
      run.counts.nonEmbedding
    },
    integer("n_total", "parameters", "N, all of them (Chinchilla)") { run, _ in run.counts.total },
    integer("n_active", "parameters", "N that takes part in predicting one token") { run, _ in
      run.counts.active
    },
    integer("n_router", "parameters", "N of routers alone, which are among the others") { run, _ in
      run.counts.router
    },
    integer("d_tokens", "tokens", "D, tokens trained on") { $1?.tokens ?? $0.tokens },
    integer("unique_tokens", "tokens", "different ones among them") { $1?.uniqueTokens },
    number("epochs", "", "times that each token was seen: D over the different ones") { _, result in
      result.map { Double($0.tokens) / Double(max($0.uniqueTokens, 1)) }
    },
    integer("steps", "steps", "optimizer steps, S") { $1?.steps ?? $0.steps },
    number("c_exact", "FLOPs", "C of the training: every matrix product, attention and head included") {
      $1?.flops ?? $0.flops
    },
    number("c_6nd", "FLOPs", "C as 6·N·D with all active parameters") { run, result in
      6 * Double(run.counts.active) * Double(result?.tokens ?? run.tokens)
    },
    number("c_6nd_non_embedding", "FLOPs", "C as 6·N·D with those but embeddings") { run, result in
      6 * Double(run.counts.active - run.counts.total + run.counts.nonEmbedding)
        * Double(result?.tokens ?? run.tokens)
    },
    number("isoflop_budget", "FLOPs", "the budget that D was computed from, in c_exact's convention") {
      run, _ in
      run.isoFLOPBudget
    },
  ]

  static let losses: [Column] = [
    number("loss", "nats/token", "loss on the validation windows") { $1?.loss },
    number("loss_se", "nats/token", "its standard error over windows") { $1?.lossStandardError },
    number("loss_bits_per_byte", "bits/byte", "the same loss, comparable between tokenizers") {
      $1?.lossBitsPerByte
    },
    number("entropy", "nats/token", "true entropy of the validation windows: no model can do better") {
      $1?.entropy
    },
    number("entropy_bits_per_byte", "bits/byte", "the same entropy") { $1?.entropyBitsPerByte },
    number("reducible", "nats/token", "loss minus entropy") { _, result in result?.reducible },
    number("reducible_se", "nats/token", "its standard error over windows") { $1?.reducibleStandardError },
  ]

  static let routing: [Column] = [
    number("load_entropy", "", "entropy of the experts' loads over that of even ones, the least of a layer") {
      $1?.routing?.map(\.loadEntropy).min()
    },
    integer("dead_experts", "", "experts that no validation token chose, of all layers") {
      $1?.routing?.map(\.dead).reduce(0, +)
    },
    number("dropped", "", "part of the choices that found an expert full, the mean over layers") {
      $1?.routing?.mean(of: \.dropped)
    },
    number(
      "router_entropy", "", "entropy of the routers' softmax over that of even parts, the mean over layers"
    ) {
      $1?.routing?.mean(of: \.routerEntropy)
    },
  ]

  static func loss(of family: String) -> Column {
    number("loss_\(family)", "nats/token", "loss on the targets of the family `\(family)`") { _, result in
      result?.families.first { $0.family == family }?.loss
    }
  }

  static func entropy(of family: String) -> Column {
    number("entropy_\(family)", "nats/token", "true entropy of these targets") { _, result in
      result?.families.first { $0.family == family }?.entropy
    }
  }

  static func exactMatch(of family: String) -> Column {
    number(
      "exact_match_\(family)", "", "part of its passages whose certain ending is predicted to the last token"
    ) {
      _, result in
      result?.families.first { $0.family == family }?.exactMatch
    }
  }

  private static func text(
    _ name: String, _ meaning: String, _ value: @escaping @Sendable (PlannedRun, RunResult?) -> String
  ) -> Column {
    Column(name: name, kind: .text, unit: "", meaning: meaning) { .text(value($0, $1)) }
  }

  private static func integer(
    _ name: String, _ unit: String, _ meaning: String,
    _ value: @escaping @Sendable (PlannedRun, RunResult?) -> Int?
  ) -> Column {
    Column(name: name, kind: .integer, unit: unit, meaning: meaning) {
      value($0, $1).map(Cell.integer) ?? .none
    }
  }

  private static func number(
    _ name: String, _ unit: String, _ meaning: String,
    _ value: @escaping @Sendable (PlannedRun, RunResult?) -> Double?
  ) -> Column {
    Column(name: name, kind: .number, unit: unit, meaning: meaning) {
      value($0, $1).map(Cell.number) ?? .none
    }
  }
}

extension Column.Cell: CustomStringConvertible {
  /// The cell's text in the file: the shortest digits that give the number again.
  public var description: String {
    switch self {
    case .text(let text): text
    case .integer(let integer): "\(integer)"
    case .number(let number): "\(number)"
    case .none: ""
    }
  }
}

extension RunResult {
  /// Loss minus the true entropy, in nats a token, where both are known.
  var reducible: Double? { loss.flatMap { loss in entropy.map { loss - $0 } } }
}

extension [LayerRouting] {
  fileprivate func mean(of part: (LayerRouting) -> Double) -> Double? {
    isEmpty ? nil : reduce(0) { $0 + part($1) } / Double(count)
  }
}

extension BatchSchedule {
  /// As in `512; 1024 from 1000000`.
  var text: String {
    stages.map { $0.from == 0 ? "\($0.tokens)" : "\($0.tokens) from \($0.from)" }.joined(separator: "; ")
  }
}

extension Schedule {
  /// As in `cooldown 0.2 linear`.
  var text: String {
    switch self {
    case .cooldown(let fraction, let shape): "cooldown \(fraction) \(shape.rawValue)"
    case .cosine(let final): "cosine \(final)"
    case .cosineOver(let final, let tokens): "cosine \(final) over \(tokens)"
    }
  }
}
