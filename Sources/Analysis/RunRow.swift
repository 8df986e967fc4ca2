/// One run of a table of results: its settings, its sizes and its results.
///
/// Properties are nil if they do not apply to the run or are not known yet. `Column` gives their names in files.
public struct RunRow: Sendable, Equatable {
  /// The status of a run; `missing` if it is not finished.
  public enum Status: String, Sendable { case completed, diverged, missing }

  /// The results on one task of the text.
  public struct Task: Sendable, Equatable {
    /// The loss on the task's targets, in nats per token.
    public var loss: Double?
    /// The true entropy of these targets, in nats per token.
    public var entropy: Double?
    /// The fraction of answers that are predicted without an error.
    public var exactMatch: Double?

    /// Creates the results of a task.
    public init(loss: Double? = nil, entropy: Double? = nil, exactMatch: Double? = nil) {
      self.loss = loss
      self.entropy = entropy
      self.exactMatch = exactMatch
    }
  }

  /// The identifier of the run.
  public var run = ""
  /// The identifier of the run's trunk.
  public var trunk = ""
  /// The status of the run.
  public var status = Status.missing
  /// The value of each setting, by the name of its column.
  public var settings: [String: Cell] = [:]
  /// The default of each setting for this run; empty if unknown, as in a table that was read from a file.
  public var defaults: [String: Cell] = [:]

  /// N without embeddings, positions and head.
  public var nonEmbeddingParameters: Int?
  /// N, all parameters.
  public var totalParameters: Int?
  /// N that takes part in predicting one token.
  public var activeParameters: Int?
  /// The number of parameters of routers.
  public var routerParameters: Int?
  /// The bytes that decoding keeps of one sequence.
  public var cacheBytes: Int?
  /// D, the number of training tokens.
  public var tokens: Int?
  /// The number of unique training tokens.
  public var uniqueTokens: Int?
  /// The number of passes over the unique tokens.
  public var epochs: Double?
  /// The number of optimizer steps.
  public var steps: Int?
  /// The FLOPs of all matrix products of the training.
  public var exactCompute: Double?
  /// The same and the FLOPs of the update rule's own matrix products.
  public var computeWithOptimizer: Double?
  /// C without products of hidden units that are 0 and of their gradients.
  public var computeOfEvents: Double?
  /// C times the mean bits of weights, activations and gradients, divided by 32.
  public var computeTimesBits: Double?
  /// 6·N·D with all active parameters, in FLOPs.
  public var sixNDCompute: Double?
  /// 6·N·D with the active parameters except embeddings, in FLOPs.
  public var sixNDNonEmbeddingCompute: Double?
  /// The fraction of the hidden units of feed-forward layers that are not 0.
  public var activeHidden: Double?
  /// The operations of predicting a token, without those with hidden units that are 0.
  public var eventOperations: Double?
  /// The bits of numbers in products with weights, and of cached keys and values.
  public var weightBits: Double?
  /// The fraction of the weights of matrices that are 0 when the model is evaluated.
  public var prunedFraction: Double?
  /// Those of a weight when the model is evaluated.
  public var quantisedBits: Double?
  public var activationBits: Double?
  public var gradientBits: Double?
  public var cacheBits: Double?
  /// The budget that D was computed from, in FLOPs.
  public var isoFLOPBudget: Double?

  /// The validation loss, in nats per token.
  public var loss: Double?
  /// The standard error of the loss over windows.
  public var lossStandardError: Double?
  /// The loss in bits per byte.
  public var lossBitsPerByte: Double?
  /// The true entropy of the validation windows, in nats per token.
  public var entropy: Double?
  /// The entropy in bits per byte.
  public var entropyBitsPerByte: Double?
  /// The entropy of the training text, in nats per token, where it differs from that of the source.
  public var trainingEntropy: Double?
  /// The entropy of the samples that it was trained on.
  public var sampleEntropy: Double?
  /// The different names of the text of generation 0 that the samples have too.
  public var sampleNames: Int?
  /// The same divided by those that as much new text of the corpus has too.
  public var namesKept: Double?
  /// Zipf's exponent of the names in the samples, and in the text of generation 0.
  public var sampleTail: Double?
  public var corpusTail: Double?
  /// The loss minus the entropy, in nats per token.
  public var reducible: Double?
  /// The standard error of `reducible` over windows.
  public var reducibleStandardError: Double?
  /// The entropy of the experts' loads relative to even loads, the minimum over layers.
  public var loadEntropy: Double?
  /// The number of experts that no validation token chose.
  public var deadExperts: Int?
  /// The fraction of choices that exceed an expert's capacity.
  public var dropped: Double?
  /// The entropy of the routers' probabilities relative to even ones.
  public var routerEntropy: Double?
  /// The bits of the text's associations that the model knows.
  public var knownBits: Double?
  /// The same with weights rounded to int8.
  public var knownBitsInInt8: Double?
  /// The bits of all associations.
  public var possibleBits: Double?
  /// The known bits divided by the number of parameters.
  public var bitsPerParameter: Double?
  /// The same with weights rounded to int8.
  public var bitsPerParameterInInt8: Double?
  /// The results of each task, by its name.
  public var tasks: [String: Task] = [:]

  /// The loss at positions of the window, in nats per token, by the last position of each range. Ranges end at powers of
  /// two, or at the end of the window.
  public var positions: [Int: Double] = [:]

  /// Numbers that only some runs have, by the names of their columns (`Column.openKinds`).
  public var open: [String: Double] = [:]

  /// Training tokens a second, measured.
  public var tokensPerSecond: Double?
  /// Milliseconds of decoding for the last token of a window, measured.
  public var decodingMilliseconds: Double?

  /// Creates a row without values.
  public init() {}

  /// True for a run of a bundled table, whose identifier is the table's name and a number.
  public var isReference: Bool { run.contains(" ") }

  /// True if the run has finished with a loss.
  public var isCompleted: Bool { status == .completed }

  /// The cell of a column, by its name; `none` if there is no such column.
  public subscript(column: String) -> Cell {
    if let setting = settings[column] { return setting }
    if let known = Self.columns[column] { return known.cell(self) }
    if let last = Column.lastPosition(of: column), let loss = positions[last] { return .number(loss) }
    if let number = open[column] { return .number(number) }
    // Columns of tasks, such as `exact_match_facts`.
    for prefix in Column.prefixesOfTasks where column.hasPrefix(prefix) {
      let task = String(column.dropFirst(prefix.count))
      guard tasks[task] != nil else { continue }
      return Column.task(task).first { $0.name == column }?.cell(self) ?? .none
    }
    return .none
  }

  /// Returns the text of a column; empty if it has no value.
  public func text(_ column: String) -> String { self[column].description }

  /// Returns the number of a column; nil if it has none.
  public func number(_ column: String) -> Double? { self[column].number }

  /// Returns whether a setting differs from its default; true if the default is unknown.
  public func isGiven(_ setting: String) -> Bool {
    defaults[setting].map { $0 != settings[setting] } ?? true
  }

  /// The row as one for each range of positions, in order, with the loss there and a column `position`: the geometric
  /// mean of the first and the last position of the range.
  var rowsByPosition: [RunRow] {
    positions.sorted { $0.key < $1.key }.map { last, loss in
      var row = self
      (row.loss, row.lossStandardError, row.reducible, row.reducibleStandardError) = (loss, nil, nil, nil)
      row.entropy = nil
      row.settings[Column.positionName] = .number(
        (Double(Column.firstPosition(upTo: last)) * Double(last)).squareRoot())
      return row
    }
  }

  private static let columns = Dictionary(
    (Column.identity + Column.sizes + Column.results + Column.times).map { ($0.name, $0) },
    uniquingKeysWith: { first, _ in first })
}
