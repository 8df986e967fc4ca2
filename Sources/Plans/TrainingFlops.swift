import Training

extension Sequence<PlannedRun> {
  /// The FLOPs of training all of these runs. Duplicate runs, and the common part of runs with one trunk, are counted
  /// once. Evaluation is not counted. Exact, except that experts with a limited capacity are counted as full.
  public var trainingFlops: Double {
    var trunks: [String: [String: PlannedRun]] = [:]
    for run in self {
      trunks[run.configuration.trunkIdentifier, default: [:]][run.configuration.identifier] = run
    }
    return trunks.values.reduce(0) { sum, runs in
      let perToken = runs.values.first?.counts.trainingFlopsPerToken ?? 0
      let trunk = runs.values.map(\.trunkTokens).max() ?? 0
      let branches = runs.values.reduce(0) { $0 + $1.tokens - $1.trunkTokens }
      return sum + perToken * Double(trunk + branches)
    }
  }
}

extension PlannedRun {
  /// The number of tokens at which the run branches off its trunk.
  fileprivate var trunkTokens: Int {
    let training = configuration.training
    return training.batch.end(ofTraining: training.schedule.branchPoint(tokens: training.tokens)).tokens
  }
}
