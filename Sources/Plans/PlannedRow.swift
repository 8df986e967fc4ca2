import Analysis
import Models
import Training

extension RunRow {
  /// Creates the row of a planned run.
  ///
  /// - Parameter result: The result; nil if the run is missing.
  package init(_ run: PlannedRun, _ result: RunResult?) {
    self.init()
    self.run = run.configuration.identifier
    trunk = run.configuration.trunkIdentifier
    status = result.map { $0.status == .completed ? .completed : .diverged } ?? .missing
    settings = run.settings
    defaults = run.defaults
    let counts = run.counts
    let tokens = result?.tokens ?? run.tokens
    self.tokens = tokens
    nonEmbeddingParameters = counts.nonEmbedding
    totalParameters = counts.total
    activeParameters = counts.active
    routerParameters = counts.router
    let transformer = Transformer(run.configuration.model)
    cacheBytes = transformer.cacheBytes
    let formats = run.configuration.model.formats
    weightBits = (formats?.weights ?? .float32).bits
    prunedFraction = run.configuration.training.pruned?.fraction ?? 0
    quantisedBits = (run.configuration.training.quantised ?? formats?.weights ?? .float32).bits
    activationBits = (formats?.activations ?? .float32).bits
    gradientBits = (formats?.gradients ?? .float32).bits
    cacheBits = (formats?.cache ?? .float32).bits
    let (steps, compute) = (result?.steps ?? run.steps, result?.flops ?? run.flops)
    self.steps = steps
    exactCompute = compute
    computeWithOptimizer = compute + run.configuration.training.updateFlops(transformer, steps: steps)
    // Of weights, activations and gradients, each of a linear layer's three products multiplies two.
    let bits = [weightBits, activationBits, gradientBits].compactMap(\.self)
    computeTimesBits = compute * bits.reduce(0, +) / 96
    sixNDCompute = 6 * Double(counts.active) * Double(tokens)
    sixNDNonEmbeddingCompute = 6 * Double(counts.active - counts.total + counts.nonEmbedding) * Double(tokens)
    isoFLOPBudget = run.isoFLOPBudget
    if let result { fill(with: result) }
    let model = run.configuration.model
    // An event-driven machine skips products with 0. A unit that is 0 has no gradient either: of its six products, two
    // forward and four backward, only that of the up-projection forward is done.
    let spared = Double(2 * model.depth * model.feedForwardWidth * model.width) * (1 - (activeHidden ?? 1))
    eventOperations = counts.forwardFlopsPerToken - spared
    computeOfEvents = compute - 5 * spared * Double(tokens)
    for (task, weight) in run.configuration.corpus.weights ?? [:] {
      open["weight_\(task)"] = weight
    }
  }

  private mutating func fill(with result: RunResult) {
    uniqueTokens = result.uniqueTokens
    epochs = Double(result.tokens) / Double(max(result.uniqueTokens, 1))
    loss = result.loss
    lossStandardError = result.lossStandardError
    lossBitsPerByte = result.lossBitsPerByte
    entropy = result.entropy
    entropyBitsPerByte = result.entropyBitsPerByte
    trainingEntropy = result.trainingEntropy
    reducible = result.loss.flatMap { loss in result.entropy.map { loss - $0 } }
    reducibleStandardError = result.reducibleStandardError
    for task in result.tasks {
      tasks[task.task] = Task(loss: task.loss, entropy: task.entropy, exactMatch: task.exactMatch)
    }
    sampleEntropy = result.samples?.entropy
    sampleNames = result.samples?.names
    namesKept = result.samples.map { Double($0.names) / Double(max($0.namesOfCorpus, 1)) }
    sampleTail = result.samples?.tailExponent
    corpusTail = result.samples?.tailExponentOfCorpus
    knownBits = result.knowledge?.all.known
    knownBitsInInt8 = result.knowledge?.knownInInt8
    possibleBits = result.knowledge?.all.bits
    for group in result.knowledge?.byRank ?? [] {
      open["known_rank_\(group.first)"] = group.known / group.bits
    }
    for group in result.knowledge?.bySeen ?? [] {
      open["known_seen_\(group.first)"] = group.known / group.bits
    }
    bitsPerParameter = knownBits.map { $0 / Double(result.counts.total) }
    bitsPerParameterInInt8 = knownBitsInInt8.map { $0 / Double(result.counts.total) }
    activeHidden = result.activeHidden
    positions = Dictionary(
      (result.positions ?? []).map { ($0.last, $0.loss) }, uniquingKeysWith: { first, _ in first })
    guard let routing = result.routing else { return }
    loadEntropy = routing.map(\.loadEntropy).min()
    deadExperts = routing.map(\.dead).reduce(0, +)
    dropped = routing.mean(of: \.dropped)
    routerEntropy = routing.mean(of: \.routerEntropy)
  }
}

extension [LayerRouting] {
  fileprivate func mean(of part: (LayerRouting) -> Double) -> Double? {
    isEmpty ? nil : reduce(0) { $0 + part($1) } / Double(count)
  }
}

extension ResultsTable {
  /// Creates the table of a plan, with the runs of its reference at the end.
  ///
  /// - Parameters:
  ///   - times: The times of runs, by their identifiers.
  ///   - result: Returns the result of a run; nil if the run is missing.
  public init(
    _ plan: Plan, times: [String: RunTiming] = [:], result: (PlannedRun) throws -> RunResult?
  ) rethrows {
    let rows = try plan.runs.map { run in
      var row = RunRow(run, try result(run))
      let time = times[row.run]
      row.tokensPerSecond = time?.tokensPerSecond
      row.decodingMilliseconds = time?.decodingSeconds.map { 1000 * $0 }
      return row
    }
    self.init(settings: Setting.columns, tasks: plan.tasks, rows: rows + plan.experiment.reference)
  }

  /// Reads a table of results with the settings of this program.
  ///
  /// - Throws: `InputError` with file and line if it is not such a table.
  public init(contentsOf path: String) throws { try self.init(contentsOf: path, settings: Setting.columns) }

  /// Parses `text`, the contents of the file at `path`.
  package init(path: String, text: String) throws {
    try self.init(path: path, text: text, settings: Setting.columns)
  }
}
