import Training

extension Sequence<PlannedRun> {
  /// The floating-point operations of training all of these runs: a run that occurs twice counts once, and so does the
  /// part of a trunk that several runs share. Evaluation is not counted. Exact, but for experts of a limited capacity: these
  /// count as full.
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
  /// The tokens of its trunk's steps, where its branch begins.
  fileprivate var trunkTokens: Int {
    let training = configuration.training
    return training.batch.end(ofTraining: training.schedule.branchPoint(tokens: training.tokens)).tokens
  }
}
