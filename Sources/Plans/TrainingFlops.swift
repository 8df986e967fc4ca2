import Training

/// What determines the compute of a run, alone and beside others.
public struct TrainingCost: Codable, Hashable, Sendable {
  /// The identifier of the run, or of the run whose training it has.
  public let run: String
  /// The identifier of its trunk, which runs that differ only in their length share.
  public let trunk: String
  /// The FLOPs of training on a token.
  public let flopsPerToken: Double
  /// D, the number of tokens of all steps.
  public let tokens: Int
  /// The number of tokens at which the run branches off its trunk.
  public let trunkTokens: Int

  /// Returns the cost of a planned run.
  public init(_ run: PlannedRun) {
    let training = run.configuration.training
    self.run = run.configuration.trained.identifier
    trunk = run.configuration.trunkIdentifier
    flopsPerToken = run.counts.trainingFlopsPerToken
    tokens = run.tokens
    // The models of a lineage have different texts.
    trunkTokens =
      run.configuration.samples != nil
      ? 0 : training.batch.end(ofTraining: training.schedule.branchPoint(tokens: training.tokens)).tokens
  }
}

extension Sequence<TrainingCost> {
  /// The FLOPs of training all of these runs. Duplicate runs, and the common part of runs with one trunk, are counted
  /// once. Evaluation is not counted. Exact, except that experts with a limited capacity are counted as full.
  public var trainingFlops: Double {
    var trunks: [String: [String: TrainingCost]] = [:]
    for cost in self { trunks[cost.trunk, default: [:]][cost.run] = cost }
    // Sorted, so that the sum does not depend on the order of a dictionary.
    return trunks.sorted { $0.key < $1.key }.reduce(0) { sum, trunk in
      let costs = trunk.value.values
      let perToken = costs.first?.flopsPerToken ?? 0
      let shared = costs.map(\.trunkTokens).max() ?? 0
      let branches = costs.reduce(0) { $0 + $1.tokens - $1.trunkTokens }
      return sum + perToken * Double(shared + branches)
    }
  }
}

extension Sequence<PlannedRun> {
  /// The FLOPs of training all of these runs, as of their costs.
  public var trainingFlops: Double { map(TrainingCost.init).trainingFlops }
}
