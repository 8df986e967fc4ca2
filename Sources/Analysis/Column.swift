import Files

/// A column of `results.csv`: its name, its meaning, and how to access its cell in a `RunRow`.
///
/// To add a column of results, add one entry to `Column.results` or `sizes`, and one property to `RunRow`. The module
/// that defines the settings provides their columns (`Column.setting`). Writing, reading and the reference use these
/// entries.
public struct Column: Sendable {
  /// The type of a column's cells.
  public enum Kind: Sendable {
    case text, integer, number
    /// A whole number where it is one, as a fixed batch is; text otherwise, as a ramp is.
    case integerOrText
  }

  /// The kind of information in a column.
  public enum Role: Sendable {
    /// The run and its status.
    case identity
    /// A setting of the run.
    case setting
    /// A quantity that follows from the settings before training.
    case plan
    /// A result of training.
    case result
  }

  /// The name in the header.
  public let name: String
  /// The name in prose, such as `learning rate`.
  public let words: String
  /// The type of the cells.
  public let kind: Kind
  /// The unit; empty for text and pure numbers.
  public let unit: String
  /// A description for the reference.
  public let meaning: String
  /// The kind of information.
  public let role: Role
  /// True for a setting that usually follows from other settings, so that labels omit it.
  public let isDerived: Bool
  /// True if labels show the value without the name, such as `gpt2`.
  public let isSelfExplanatory: Bool
  /// The names in files of earlier versions.
  public let formerNames: [String]
  /// Returns the cell of a run.
  let cell: @Sendable (RunRow) -> Cell
  /// Sets the cell of a run.
  let fill: @Sendable (inout RunRow, Cell) -> Void

  private init(
    _ name: String, words: String? = nil, _ kind: Kind, _ unit: String, _ meaning: String, _ role: Role,
    isDerived: Bool = false, isSelfExplanatory: Bool = false, formerNames: [String] = [],
    cell: @escaping @Sendable (RunRow) -> Cell,
    fill: @escaping @Sendable (inout RunRow, Cell) -> Void
  ) {
    self.name = name
    self.words = words ?? name.replacing("_", with: " ")
    self.kind = kind
    self.unit = unit
    self.meaning = meaning
    self.role = role
    self.isDerived = isDerived
    self.isSelfExplanatory = isSelfExplanatory
    self.formerNames = formerNames
    self.cell = cell
    self.fill = fill
  }

  /// Returns the column of a setting, whose value is in `RunRow.settings` under its name.
  public static func setting(
    _ name: String, words: String? = nil, kind: Kind, unit: String = "", meaning: String,
    isDerived: Bool = false,
    isSelfExplanatory: Bool = false, formerNames: [String] = []
  ) -> Column {
    Column(
      name, words: words, kind, unit, meaning, .setting, isDerived: isDerived,
      isSelfExplanatory: isSelfExplanatory,
      formerNames: formerNames,
      cell: { $0.settings[name] ?? .none }, fill: { $0.settings[name] = $1 })
  }

  static let identity: [Column] = [
    Column(
      "run", .text, "", "hash of everything that determines the run's numbers; the name of its folder",
      .identity,
      cell: { .text($0.run) }, fill: { $0.run = $1.description }),
    Column(
      "trunk", .text, "", "hash of the trunk that it branches off; runs of one trunk are not independent",
      .identity,
      cell: { .text($0.trunk) }, fill: { $0.trunk = $1.description }),
    Column(
      "status", .text, "", "completed, diverged or missing", .identity, cell: { .text($0.status.rawValue) },
      fill: { $0.status = RunRow.Status(rawValue: $1.description) ?? .missing }),
  ]

  static let sizes: [Column] = [
    integer(
      "n_non_embedding", "parameters", "N without embeddings, positions and head (Kaplan)", .plan,
      \.nonEmbeddingParameters),
    integer("n_total", "parameters", "N, all of them (Chinchilla)", .plan, \.totalParameters),
    integer("n_active", "parameters", "N that takes part in predicting one token", .plan, \.activeParameters),
    integer(
      "n_router", "parameters", "N of routers alone, which the other counts include", .plan,
      \.routerParameters),
    integer("d_tokens", "tokens", "D, tokens trained on", .plan, \.tokens),
    integer("unique_tokens", "tokens", "unique tokens among them", .result, \.uniqueTokens),
    integer(
      "cache_bytes", "bytes", "memory of one sequence while it is continued: keys and values, or states",
      .plan,
      \.cacheBytes),
    number("weight_bits", "bits", "bits of a weight in its products", .plan, \.weightBits),
    number(
      "pruned_fraction", "", "fraction of the weights of matrices that pruning sets to 0", .plan,
      \.prunedFraction),
    number(
      "quantised_bits", "bits", "bits of a weight when the trained model is evaluated", .plan, \.quantisedBits
    ),
    number("activation_bits", "bits", "bits of an activation in these products", .plan, \.activationBits),
    number("gradient_bits", "bits", "bits of a gradient in these products", .plan, \.gradientBits),
    number("cache_bits", "bits", "bits of a number in keys and values", .plan, \.cacheBits),
    number("epochs", "", "times that each token was seen: D divided by the unique tokens", .plan, \.epochs),
    integer("steps", "steps", "optimizer steps, S", .plan, \.steps),
    number(
      "c_exact", "FLOPs", "C of the training: every matrix product, attention and head included", .plan,
      \.exactCompute),
    number(
      "c_with_optimizer", "FLOPs", "the same and the update rule's own matrix products, as of muon", .plan,
      \.computeWithOptimizer),
    number(
      "c_events", "FLOPs",
      "C without products of hidden units that are 0 and of their gradients, as an event-driven machine trains",
      .result, \.computeOfEvents),
    number(
      "c_bits", "FLOPs", "C times the mean bits of weights, activations and gradients, divided by 32", .plan,
      \.computeTimesBits),
    number("c_6nd", "FLOPs", "C as 6·N·D with all active parameters", .plan, \.sixNDCompute),
    number(
      "c_6nd_non_embedding", "FLOPs", "C as 6·N·D without embeddings", .plan,
      \.sixNDNonEmbeddingCompute),
    number(
      "isoflop_budget", "FLOPs", "the budget that D was computed from, counted as c_exact", .plan,
      \.isoFLOPBudget),
  ]

  static let results: [Column] = [
    number("loss", "nats/token", "loss on the validation windows", .result, \.loss),
    number("loss_se", "nats/token", "its standard error over windows", .result, \.lossStandardError),
    number(
      "loss_bits_per_byte", "bits/byte", "the same loss, comparable between tokenizers", .result,
      \.lossBitsPerByte),
    number(
      "entropy", "nats/token", "true entropy of the validation windows: no model can do better", .result,
      \.entropy),
    number("entropy_bits_per_byte", "bits/byte", "the same entropy", .result, \.entropyBitsPerByte),
    number(
      "training_entropy", "nats/token",
      "true entropy of the training text where its distribution differs from the source's; with noise that of the text and the noise together, an upper bound",
      .result, \.trainingEntropy),
    number(
      "sample_entropy", "nats/token",
      "entropy of the samples that it was trained on, those of the model before it", .result, \.sampleEntropy),
    integer(
      "sample_names", "",
      "different names in the text of generation 0 that these samples name too",
      .result, \.sampleNames),
    number(
      "names_kept", "", "these names divided by those that as much new text of the corpus names too", .result,
      \.namesKept),
    number("sample_tail", "", "Zipf's exponent of the names in the samples", .result, \.sampleTail),
    number(
      "corpus_tail", "", "Zipf's exponent of the names in the text of generation 0", .result, \.corpusTail),
    number(
      "known_bits", "bits", "what the model knows of the text's associations, where `knowledge` is asked for",
      .result, \.knownBits),
    number("known_bits_int8", "bits", "the same with weights rounded to int8", .result, \.knownBitsInInt8),
    number("possible_bits", "bits", "what there is to know", .result, \.possibleBits),
    number(
      "bits_per_parameter", "bits", "known bits divided by all parameters", .result, \.bitsPerParameter),
    number(
      "bits_per_parameter_int8", "bits", "the same with weights rounded to int8", .result,
      \.bitsPerParameterInInt8),
    number("reducible", "nats/token", "loss minus entropy", .result, \.reducible),
    number(
      "reducible_se", "nats/token", "its standard error over windows", .result, \.reducibleStandardError),
    number(
      "hidden_active", "", "fraction of the hidden units of feed-forward layers that are not 0", .result,
      \.activeHidden),
    number(
      "event_operations", "FLOPs",
      "operations of predicting a token, without products of hidden units that are 0, as an event-driven machine does them",
      .result, \.eventOperations),
    number(
      "load_entropy", "",
      "entropy of the experts' loads divided by that of even loads, in the least even layer",
      .result,
      \.loadEntropy),
    integer(
      "dead_experts", "", "experts that no validation token chose, in all layers", .result, \.deadExperts),
    number(
      "dropped", "", "fraction of the choices that found an expert full, the mean over layers", .result,
      \.dropped),
    number(
      "router_entropy", "",
      "entropy of the routers' softmax divided by that of even probabilities, the mean over layers", .result,
      \.routerEntropy),
  ]

  /// What is measured on the machine that trained, and differs each time. `timings.csv` has it, and figures may show it.
  public static let times: [Column] = [
    number(
      "tokens_per_second", "tokens/s", "training tokens a second on one core", .result, \.tokensPerSecond),
    number(
      "decoding_ms", words: "milliseconds a token", "ms",
      "time to continue one sequence by the last token of its window", .result, \.decodingMilliseconds),
  ]

  /// Returns the columns of a task of the text.
  static func task(_ task: String) -> [Column] {
    func column(
      _ name: String, _ unit: String, _ meaning: String,
      _ part: WritableKeyPath<RunRow.Task, Double?> & Sendable
    ) -> Column {
      Column(
        "\(name)_\(task)", .number, unit, meaning, .result, cell: { Cell($0.tasks[task]?[keyPath: part]) },
        fill: { $0.tasks[task, default: RunRow.Task()][keyPath: part] = $1.number })
    }
    return [
      column("loss", "nats/token", "loss on the targets of the task, or of the answers, `\(task)`", \.loss),
      column("entropy", "nats/token", "true entropy of these targets", \.entropy),
      column(
        "exact_match", "",
        "fraction of its answers that are predicted to the last token", \.exactMatch),
    ]
  }

  /// What the names of columns of tasks begin with.
  static let prefixesOfTasks = ["exact_match_", "entropy_", "loss_"]

  /// The variable of equations for which each run counts once for each range of positions.
  static let positionName = "position"

  /// Returns the column of the loss at positions of the window up to a last one.
  static func position(_ last: Int) -> Column {
    let first = firstPosition(upTo: last)
    return Column(
      "loss_at_\(last)", .number, "nats/token",
      first == last ? "loss at position \(last) of the window" : "loss at its positions \(first) to \(last)",
      .result, cell: { Cell($0.positions[last]) }, fill: { $0.positions[last] = $1.number })
  }

  /// The columns that a table only has where a run has such a number, by what their names begin with: a meaning for each.
  package static let openKinds: [(prefix: String, meaning: String)] = [
    ("weight_", "weight of the task `TASK` in the training text, where `weights` are given"),
    (
      "known_rank_", "fraction of the bits known about words of frequency ranks N to 2N − 1, with `knowledge`"
    ),
    (
      "known_seen_",
      "fraction of the bits known about words that the training text named N to 2N − 1 times, with "
        + "`knowledge`"
    ),
  ]

  /// Whether a column is the weight of a task in the data mixture.
  static func isTaskWeight(_ name: String) -> Bool { name.hasPrefix("weight_") && name != "weight_decay" }

  /// Returns the column with a name that begins as those of `openKinds`; nil for another name.
  static func openColumn(_ name: String) -> Column? {
    openKinds.first { name.hasPrefix($0.prefix) }.map { kind in
      Column(
        name, .number, "", kind.meaning, .result, cell: { Cell($0.open[name]) },
        fill: { $0.open[name] = $1.number })
    }
  }

  /// Returns the first position of the range that ends with one: that after the largest smaller power of two.
  static func firstPosition(upTo last: Int) -> Int {
    var first = 1
    while 2 * first < last { first *= 2 }
    return last == 1 ? 1 : first + 1
  }

  /// Returns the last position that the column with a name is about; nil for another column.
  static func lastPosition(of name: String) -> Int? {
    name.hasPrefix("loss_at_") ? Int(name.dropFirst("loss_at_".count)).flatMap { $0 > 0 ? $0 : nil } : nil
  }

  /// Returns the name of a column, which may be one of a task or of positions that the table only has once runs are there.
  ///
  /// - Throws: `InputError` if there can be no such column.
  static func name(of yaml: YAMLValue, among columns: [Column]) throws -> String {
    let name = try yaml.string()
    let isOfTask = (prefixesOfTasks + openKinds.map(\.prefix)).contains { name.hasPrefix($0) }
    return isOfTask && !columns.contains { $0.name == name } ? name : try yaml.choice(of: columns.map(\.name))
  }

  /// Returns all columns of a table, in order.
  ///
  /// - Parameters:
  ///   - positions: The last positions of the ranges with a loss of their own.
  ///   - open: The names of columns that begin as those of `openKinds`.
  public static func all(
    settings: [Column], tasks: [String], positions: [Int] = [], open: [String] = []
  ) -> [Column] {
    identity + settings + sizes + results + tasks.flatMap(task) + positions.map(position)
      + open.compactMap(openColumn)
  }

  private static func integer(
    _ name: String, _ unit: String, _ meaning: String, _ role: Role,
    _ path: WritableKeyPath<RunRow, Int?> & Sendable
  ) -> Column {
    Column(
      name, .integer, unit, meaning, role, cell: { Cell($0[keyPath: path]) },
      fill: { $0[keyPath: path] = if case .integer(let value) = $1 { value } else { nil } })
  }

  private static func number(
    _ name: String, words: String? = nil, _ unit: String, _ meaning: String, _ role: Role,
    _ path: WritableKeyPath<RunRow, Double?> & Sendable
  ) -> Column {
    Column(
      name, words: words, .number, unit, meaning, role, cell: { Cell($0[keyPath: path]) },
      fill: { $0[keyPath: path] = $1.number })
  }
}
