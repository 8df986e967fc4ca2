import Autograd
import Corpora
import Files
import Foundation
import Models

/// Trains one model: a step at a time, along the trunk or along a branch of it.
public final class Trainer {
  public let transformer: Transformer
  public let state: TrainingState
  package let configuration: RunConfiguration
  let windows: TokenWindows
  private let order: TokenOrder
  let optimizer: Optimizer
  private let learningRate: LearningRate
  let batchGradient: BatchGradient
  private let evaluator: Evaluator
  private let corpus: TokenizedCorpus
  /// Whether models have written training text.
  private let isSampled: Bool
  private let threads: Int

  /// - Parameters:
  ///   - configuration: The longest of the runs that share the trunk.
  ///   - sampled: The training windows, where models have written some; nil for those of the corpus.
  ///   - threads: Threads within this run. They do not change the numbers.
  /// - Throws: `SettingFault`, or `InputError` where there is no text to train on.
  public init(
    _ configuration: RunConfiguration, corpus: TokenizedCorpus, sampled: SampledWindows? = nil,
    threads: Int = 1
  ) throws {
    try configuration.training.check()
    precondition(
      configuration.lanes == corpus.lanes,
      "a corpus with \(corpus.lanes ?? 0) lanes for \(configuration.lanes ?? 0) windows in a batch")
    self.configuration = configuration
    (self.corpus, self.threads) = (corpus, threads)
    isSampled = sampled != nil
    transformer = Transformer(configuration.model)
    let training = configuration.training
    windows =
      try sampled?.windows
      ?? corpus.training(tokens: training.batch.end(ofTraining: training.tokens).tokens)
    let keepsOrder =
      corpus.lanes != nil || configuration.corpus.order != nil || configuration.corpus.weightsAtEnd != nil
    order = TokenOrder(
      count: windows.count,
      seed: keepsOrder ? nil : configuration.seed)
    optimizer = Optimizer(transformer, training, threads: threads)
    learningRate = LearningRate(training, configuration.model)
    let batchGradient = BatchGradient(
      transformer, training.makeObjective(seed: configuration.seed), seed: configuration.seed,
      carries: corpus.lanes != nil, threads: threads)
    self.batchGradient = batchGradient
    state = TrainingState(
      transformer, parameters: transformer.initialParameters(seed: configuration.seed),
      rule: training.updateRuleType,
      carried: corpus.lanes.map(batchGradient.stateCounts) ?? [])
    evaluator = Evaluator(transformer, corpus: corpus, threads: threads)
  }

  /// The different tokens among the first `tokens` of the training.
  func uniqueTokens(of tokens: Int) -> Int { min(tokens, windows.distinctCount * windows.context) }

  /// The gradient of the last step.
  package var gradient: FloatBuffer { batchGradient.gradient }

  /// One step of a run over `tokens` tokens.
  package func step(of tokens: Int) -> StepMetrics {
    guard let metrics = step(of: tokens, unless: { false }) else {
      preconditionFailure("only `stops` ends a step early")
    }
    return metrics
  }

  /// One step of a run over `tokens` tokens, which may end early with the state unchanged: a step of a large model takes
  /// minutes.
  ///
  /// - Parameter stops: Called between parts of the step, on one thread. If it returns true, the step ends early.
  /// - Returns: Nil if the step ended early.
  package func step(of tokens: Int, unless stops: () -> Bool) -> StepMetrics? {
    let training = configuration.training
    let batch = training.batch.tokens(after: state.tokens)
    let first = state.tokens / windows.context
    // Lanes begin anew in each epoch.
    if first.isMultiple(of: windows.count) {
      for buffer in state.carried { buffer.start.update(repeating: 0, count: buffer.count) }
    }
    let positions = first..<first + batch / windows.context
    guard
      let loss = batchGradient(
        positions, of: windows, order: order, parameters: state.parameters, carried: state.carried,
        stops: stops)
    else { return nil }
    let norm = optimizer.norm(of: batchGradient.gradient)
    state.step += 1
    let rate = learningRate(
      step: state.step, seen: state.tokens, branched: state.branched, tokens: tokens)
    optimizer.update(
      state, gradient: batchGradient.gradient,
      gradientScale: norm > training.clip ? Float(training.clip / norm) : 1, rate: rate, step: state.step)
    state.tokens += batch
    state.sparedFlops += batchGradient.sparedFlops
    state.recentLoss = state.recentLoss.map { 0.9 * $0 + 0.1 * loss } ?? loss
    return StepMetrics(
      step: state.step, tokens: state.tokens, loss: loss, gradientNorm: norm, learningRate: rate)
  }

  /// Whether training has failed: the average training loss is NaN or infinite, or some steps after the warmup worse
  /// than uniform guessing.
  var hasDiverged: Bool {
    guard let recent = state.recentLoss else { return false }
    guard recent.isFinite else { return true }
    // A new model is a little worse than guessing, and the average needs some steps to forget that.
    let isSettled = state.step > configuration.training.warmupSteps + 30
    return isSettled && !changesMixture && recent > log(Double(configuration.model.vocabulary))
  }

  /// Whether the mixture of tasks changes during training. A model may then be worse than guessing on the tasks that it
  /// has not read yet, or not for long.
  private var changesMixture: Bool {
    configuration.corpus.order == .byTask || configuration.corpus.weightsAtEnd != nil
  }

  /// Whether training has failed, judged by the final validation loss in nats per token: it is NaN, or more than one
  /// nat above uniform guessing. Runs too short for `hasDiverged` are judged here alone.
  ///
  /// - Parameter run: The run whose weights were pruned and rounded for the loss.
  func hasDiverged(at loss: Double, of run: TrainingConfiguration) -> Bool {
    // Samples may have lost so much of the corpus that a model trained on them is confident and wrong there, and so may
    // weights that were pruned or rounded.
    let isChanged = run.quantised != nil || run.pruned != nil
    guard !changesMixture, !isSampled, !isChanged else { return !loss.isFinite }
    // A model that has learned little may be slightly worse than guessing, but not by a nat. NaN fails the comparison.
    return !(loss <= log(Double(configuration.model.vocabulary)) + 1)
  }

  /// The loss on the validation windows, or on the first of them; see `Evaluator`.
  package func evaluate(windows limit: Int = .max) -> Evaluation {
    evaluator(state.parameters, windows: limit) {}
  }

  /// The loss on all validation windows.
  ///
  /// - Parameters:
  ///   - run: The run whose weights are pruned and rounded.
  ///   - beforeRound: Called before each round of windows; what it throws ends the evaluation.
  func evaluate(as run: TrainingConfiguration, beforeRound: () throws -> Void) rethrows -> Evaluation {
    let evaluator =
      run.quantised.map { Evaluator(transformer.quantised($0), corpus: corpus, threads: threads) }
      ?? evaluator
    return try evaluator(weights(of: run), beforeRound: beforeRound)
  }

  /// The weights that a run is evaluated with, before they are rounded.
  private func weights(of run: TrainingConfiguration) -> FloatBuffer {
    run.pruned?(state.parameters, of: transformer) ?? state.parameters
  }

  /// What the model knows of the text's associations.
  ///
  /// - Parameters:
  ///   - tokens: The tokens of the training.
  ///   - run: The run whose weights are pruned and rounded; nil for the weights as they are.
  ///   - beforeRound: Called every few windows; what it throws ends the measurement.
  package func knowledge(
    of tokens: Int, as run: TrainingConfiguration? = nil, beforeRound: () throws -> Void
  ) throws -> Knowledge {
    let probe = try corpus.knowledgeProbe()
    let transformer = run?.quantised.map(transformer.quantised) ?? transformer
    let parameters = run.map(weights) ?? state.parameters
    let passes = ForwardPasses(transformer, chunk: TokenizedCorpus.validationLanes, threads: threads)
    let losses = try probe.losses(passes, parameters: parameters, beforeRound: beforeRound)
    let rounded = try probe.losses(
      passes, parameters: transformer.roundedToInt8(parameters), beforeRound: beforeRound)
    var times = Array(repeating: 0, count: windows.distinctCount)
    for position in 0..<tokens / windows.context {
      times[windows.distinct(order.window(at: position))] += 1
    }
    return Knowledge(
      probe, losses: losses, rounded: rounded,
      seen: corpus.lanes == nil && !isSampled ? try corpus.timesSeen(times) : [])
  }

  /// The floating-point operations of all steps that were performed.
  package var flops: Double {
    var (seen, sum) = (0, -state.sparedFlops)
    while seen < state.tokens {
      let batch = configuration.training.batch.tokens(after: seen)
      sum += batchGradient.flops(windows: batch / windows.context)
      seen += batch
    }
    return sum
  }

  /// The bytes that training holds: arenas, weights, gradients and the update rule's buffers.
  var byteCount: Int { batchGradient.byteCount + state.byteCount + optimizer.byteCount }

  /// The bytes of the arenas of evaluation.
  var evaluationByteCount: Int { evaluator.byteCount }
}

/// The measurements of a step.
public struct StepMetrics: Codable, Sendable {
  public let step: Int
  /// Tokens trained on, this step included.
  public let tokens: Int
  /// The mean training loss of the batch before the step, in nats per token.
  public let loss: Double
  /// The norm of the gradient before it was clipped.
  public let gradientNorm: Double
  public let learningRate: Double
}

extension Trainer {
  /// The bytes that a process needs to train a run, without the corpus, computed without allocating them.
  public static func plannedBytes(_ configuration: RunConfiguration) -> Int {
    let transformer = Transformer(configuration.model)
    let training = configuration.training
    let gradient = BatchGradient(
      transformer, training.makeObjective(seed: 0), seed: 0, carries: configuration.lanes != nil, threads: 1)
    let batches = Set(training.batch.stages.map { $0.tokens / configuration.model.context })
    return stateBytes(configuration, transformer) + gradient.plannedBytes(windows: Array(batches))
      + Optimizer.workspaceByteCount(transformer, training) + Evaluator.plannedBytes(transformer)
  }

  /// The part of `plannedBytes` that follows from the number of weights alone, found without planning any memory: that
  /// takes seconds for a thousand blocks.
  public static func stateBytes(_ configuration: RunConfiguration) -> Int {
    stateBytes(configuration, Transformer(configuration.model))
  }

  /// Five states: the run's, the trunk's, and three copies while a checkpoint is written (arrays, payload and file).
  private static func stateBytes(_ configuration: RunConfiguration, _ transformer: Transformer) -> Int {
    5
      * (TrainingState.byteCount(transformer, rule: configuration.training.updateRuleType)
        + (configuration.lanes ?? 0) * configuration.model.stateByteCount)
  }

  /// The cost of training a configuration on this machine.
  public struct Cost: Sendable {
    public let stepSeconds: Double
    /// Seconds of evaluating one validation window.
    public let windowSeconds: Double
    /// Bytes of weights and the update rule's buffers, of the run and of its trunk.
    public let stateBytes: Int
    /// Bytes of the arenas and gradients for this batch.
    public let batchBytes: Int
  }

  /// Measures a few steps of `batch` tokens, and the evaluation of a few windows.
  public static func measureCost(
    _ configuration: RunConfiguration, batch: Int, corpus: TokenizedCorpus
  ) throws -> Cost {
    var configuration = configuration
    configuration.training.batch = .fixed(batch)
    configuration.training.tokens = 8 * batch
    let trainer = try Trainer(configuration, corpus: corpus)
    let clock = ContinuousClock()
    _ = trainer.step(of: 8 * batch)
    let steps = (0..<5).map { _ in clock.measure { _ = trainer.step(of: 8 * batch) }.seconds }.sorted()
    let few = 4 * Evaluator.curveWindows
    _ = trainer.evaluate(windows: few)
    var windows = 0
    let evaluation = clock.measure { windows = trainer.evaluate(windows: few).windows }.seconds
    return Cost(
      stepSeconds: steps[2], windowSeconds: evaluation / Double(windows),
      stateBytes: 2 * trainer.state.byteCount,
      batchBytes: trainer.batchGradient.byteCount + trainer.optimizer.byteCount)
  }
}

extension Transformer {
  /// The same model with weights that are rounded to a format where they meet activations.
  fileprivate func quantised(_ format: NumberFormat) -> Transformer {
    var configuration = configuration
    var formats = configuration.formats ?? NumberFormats()
    formats.weights = format
    configuration.formats = formats
    return Transformer(configuration)
  }
}
