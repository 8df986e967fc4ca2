/// One run of a table of results: what was asked for, what size that is, and what came of it.
///
/// Properties are nil where the run does not have them or has not come so far. `Column` gives each its name in files.
public struct RunRow: Sendable, Equatable {
  public enum Status: String, Sendable { case completed, diverged, missing }

  /// What came of one task of the text.
  public struct Task: Sendable, Equatable {
    /// Nats a token, on the task's targets.
    public var loss: Double?
    /// The true entropy of these targets, nats a token.
    public var entropy: Double?
    /// The fraction of endings that are right to the last token.
    public var exactMatch: Double?

    public init(loss: Double? = nil, entropy: Double? = nil, exactMatch: Double? = nil) {
      self.loss = loss
      self.entropy = entropy
      self.exactMatch = exactMatch
    }
  }

  /// The run's identifier, and that of its trunk.
  public var run = ""
  public var trunk = ""
  public var status = Status.missing
  /// The value of each setting, by the name of its column.
  public var settings: [String: Cell] = [:]
  /// What the program takes for a setting of this run where nothing is given; empty where that is not known, as in a
  /// table that was read from a file.
  public var defaults: [String: Cell] = [:]

  /// Numbers of parameters.
  public var nonEmbeddingParameters: Int?
  public var totalParameters: Int?
  public var activeParameters: Int?
  public var routerParameters: Int?
  /// Tokens trained on, D, and the different ones among them.
  public var tokens: Int?
  public var uniqueTokens: Int?
  public var epochs: Double?
  public var steps: Int?
  /// FLOPs of the training, in three conventions.
  public var exactCompute: Double?
  public var sixNDCompute: Double?
  public var sixNDNonEmbeddingCompute: Double?
  /// The budget that D was computed from, FLOPs.
  public var isoFLOPBudget: Double?

  /// Losses in nats a token, if nothing else is said.
  public var loss: Double?
  public var lossStandardError: Double?
  public var lossBitsPerByte: Double?
  public var entropy: Double?
  public var entropyBitsPerByte: Double?
  public var reducible: Double?
  public var reducibleStandardError: Double?
  /// Of routed layers, fractions but for the number of experts.
  public var loadEntropy: Double?
  public var deadExperts: Int?
  public var dropped: Double?
  public var routerEntropy: Double?
  /// By the task's name.
  public var tasks: [String: Task] = [:]

  public init() {}

  /// Whether the run has come to its end with a loss.
  public var isCompleted: Bool { status == .completed }

  /// What a column holds, by its name; nothing where there is no such column.
  public subscript(column: String) -> Cell {
    if let setting = settings[column] { return setting }
    if let known = Self.columns[column] { return known.cell(self) }
    // The longest prefix first: `loss` is none of `exact_match_`.
    for prefix in ["exact_match_", "entropy_", "loss_"] where column.hasPrefix(prefix) {
      let task = String(column.dropFirst(prefix.count))
      guard tasks[task] != nil else { continue }
      return Column.task(task).first { $0.name == column }?.cell(self) ?? .none
    }
    return .none
  }

  /// The text of a column; empty where there is none.
  public func text(_ column: String) -> String { self[column].description }

  /// The number of a column, if there is one.
  public func number(_ column: String) -> Double? { self[column].number }

  /// Whether a setting has another value than the program takes by itself.
  public func isGiven(_ setting: String) -> Bool {
    defaults[setting].map { $0 != settings[setting] } ?? true
  }

  private static let columns = Dictionary(
    (Column.identity + Column.sizes + Column.results).map { ($0.name, $0) },
    uniquingKeysWith: { first, _ in first })
}
