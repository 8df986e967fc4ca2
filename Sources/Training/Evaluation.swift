import Autograd
import Corpora
import Foundation
import Models

/// The loss on the validation windows.
public struct Evaluation: Sendable, Hashable {
  /// The mean in nats per token.
  public let loss: Double
  /// The standard error of the mean over windows.
  public let standardError: Double
  /// The standard error of the mean of the loss above the true entropy; nil where that is unknown. It is smaller than
  /// `standardError`, as it leaves out how much the windows' entropies differ.
  public let reducibleStandardError: Double?
  /// The mean over the targets of each task, in nats per token; NaN where there are none. Those of answers by number of
  /// items (`TokenizedCorpus.tasks`) follow those of the tasks, here and below.
  public let tasks: [Double]
  /// The fraction of the targets that belongs to each task.
  public let fractions: [Double]
  /// The fraction of the answers of each task (`TokenWindows.Answer`) of which every target is the model's greedy
  /// choice; NaN where there are none. The model reads the true tokens before each target, which for exact match is
  /// equivalent to decoding.
  public let exactMatches: [Double]
  /// The mean at each position of a window, in nats per token: how much a longer context helps.
  public let positions: [Double]
  /// The fraction of the hidden units of feed-forward layers that are not 0; nil where all are.
  public let activeHidden: Double?
  /// What the routers chose, by layer; empty in a dense model.
  public let routing: [LayerRouting]
  /// The windows read.
  public let windows: Int
  /// The mean over the windows of the learning curve alone (`Evaluator.curveWindows`), the first of those read. As the
  /// windows are the same, it can be compared with points of the curve far more closely than standard errors suggest.
  public let curveLoss: Double
}

/// Evaluates a model, forward only.
final class Evaluator {
  /// Windows that one replay evaluates: the next of each lane, where windows carry recurrent states.
  private static let chunk = TokenizedCorpus.validationLanes
  /// Windows that are evaluated for a point of the learning curve, always the same: few, so that many points cost
  /// little.
  static let curveWindows = 2 * chunk
  /// Windows whose outcomes are held at a time.
  var round: Int { 8 * passes.chunk }

  private let corpus: TokenizedCorpus
  private let carries: Bool
  private let passes: ForwardPasses
  private let classes: [ByteClass]

  /// - Parameter chunk: Windows that one replay computes; those of all lanes, where windows carry recurrent states.
  init(_ transformer: Transformer, corpus: TokenizedCorpus, threads: Int, chunk: Int = chunk) {
    self.corpus = corpus
    carries = corpus.lanes != nil
    passes = ForwardPasses(transformer, chunk: chunk, threads: threads, carries: carries)
    classes = (0..<corpus.tokenizer.vocabulary).map { ByteClass(corpus.tokenizer.bytes(of: $0).first) }
  }

  /// The bytes that the arena of one thread would have.
  static func plannedBytes(_ transformer: Transformer) -> Int {
    Arena.byteCount(for: transformer.lossProgram(windows: chunk, gradients: false).program)
  }

  /// The bytes of all arenas.
  var byteCount: Int { passes.byteCount }

  /// Evaluates the model on the fixed validation windows, always in the same order.
  ///
  /// - Parameters:
  ///   - limit: The greatest number of windows: only the first ones are read.
  ///   - beforeRound: Called before each round of windows; what it throws ends the evaluation.
  func callAsFunction(
    _ parameters: FloatBuffer, windows limit: Int = .max, beforeRound: () throws -> Void
  ) rethrows -> Evaluation {
    let windows = corpus.validation
    let count = min(windows.count, limit)
    let entropies = corpus.validationEntropy?.windows
    var sums = Sums(
      tasks: corpus.tasks, knowsEntropy: entropies != nil, routed: passes.program.routed)
    if carries { passes.clearStates() }
    var start = 0
    while start < count {
      try beforeRound()
      let end = min(start + round, count)
      let outcomes = self.outcomes(of: start..<end, parameters)
      for window in start..<end {
        sums.add(outcomes[window - start], entropy: entropies?[window] ?? 0, window: window, of: windows)
      }
      start = end
    }
    return sums.evaluation
  }

  /// The outcomes of some windows.
  private func outcomes(of range: Range<Int>, _ parameters: FloatBuffer) -> [Outcome] {
    let (windows, program) = (corpus.validation, passes.program)
    return passes(windows, range, parameters: parameters) { window, arena, row in
      let hits = program.hits.map { arena.integers($0) + row }
      return Outcome(
        losses: Array(arena.output[row..<row + windows.context]),
        answers: windows.answers(ofWindow: window).map { answer in
          answer.targets.allSatisfy { hits?[$0] == 1 }
        },
        active: program.hidden.map { units in
          let first = row * units.columns
          return arena.value(of: units)[first..<first + windows.context * units.columns].count { $0 != 0 }
        }, hidden: program.hidden.reduce(0) { $0 + windows.context * $1.columns },
        routing: program.routed.map { layer in
          RoutingCounts(
            layer, arena, firstRow: row, window: window, of: windows, tasks: corpus.tasks.count,
            classes: classes)
        })
    }
  }
}

/// The results of evaluating one window.
private struct Outcome {
  /// The loss of each target.
  let losses: [Float]
  /// Whether each answer is right.
  let answers: [Bool]
  /// The hidden units of each layer that are not 0, and the number of all of them together.
  let active: [Int]
  let hidden: Int
  /// The choices of each routed layer.
  let routing: [RoutingCounts]
}

/// The running mean of a quantity over windows.
private struct WindowMean {
  private(set) var count = 0
  private var sum = 0.0
  private var squares = 0.0

  mutating func add(_ value: Double) {
    sum += value
    squares += value * value
    count += 1
  }

  var mean: Double { sum / Double(count) }

  var standardError: Double {
    guard count > 1 else { return .infinity }
    let variance = (squares - sum * mean) / Double(count - 1)
    return (max(variance, 0) / Double(count)).squareRoot()
  }
}

/// The running sums of an evaluation.
private struct Sums {
  private var loss = WindowMean()
  private var curveLoss = WindowMean()
  /// The loss above the true entropy, where it is known.
  private var reducible: WindowMean?
  private let names: [String]
  private let layers: [RoutedLayer]
  private var tasks: [Double]
  private var counts: [Int]
  private var targets = 0
  private var answers: [Int]
  private var right: [Int]
  private var positions: [Double] = []
  private var active = 0
  private var hidden = 0
  private var routing: [RoutingCounts] = []

  init(tasks: [String], knowsEntropy: Bool, routed: [RoutedLayer]) {
    reducible = knowsEntropy ? WindowMean() : nil
    (names, layers) = (tasks, routed)
    self.tasks = Array(repeating: 0, count: tasks.count)
    (counts, answers, right) = (
      self.tasks.map { _ in 0 }, self.tasks.map { _ in 0 }, self.tasks.map { _ in 0 }
    )
  }

  mutating func add(_ outcome: Outcome, entropy: Double, window: Int, of all: TokenWindows) {
    var total = 0.0
    if positions.isEmpty { positions = Array(repeating: 0, count: outcome.losses.count) }
    for (position, loss) in outcome.losses.enumerated() {
      positions[position] += Double(loss)
      let task = all.task(window: window, position: position)
      tasks[task] += Double(loss)
      counts[task] += 1
      targets += 1
      total += Double(loss)
    }
    let mean = total / Double(outcome.losses.count)
    if loss.count < Evaluator.curveWindows { curveLoss.add(mean) }
    loss.add(mean)
    active += outcome.active.reduce(0, +)
    hidden += outcome.hidden
    reducible?.add(mean - entropy)
    for (answer, isRight) in zip(all.answers(ofWindow: window), outcome.answers) {
      for task in [answer.task, answer.group].compactMap({ $0 }) {
        answers[task] += 1
        right[task] += isRight ? 1 : 0
      }
      guard let group = answer.group else { continue }
      for target in answer.targets { tasks[group] += Double(outcome.losses[target]) }
      counts[group] += answer.targets.count
    }
    routing = routing.isEmpty ? outcome.routing : zip(routing, outcome.routing).map { $0 + $1 }
  }

  var evaluation: Evaluation {
    return Evaluation(
      loss: loss.mean, standardError: loss.standardError, reducibleStandardError: reducible?.standardError,
      tasks: zip(tasks, counts).map { $0 / Double($1) },
      fractions: counts.map { Double($0) / Double(targets) },
      exactMatches: zip(right, answers).map { Double($0) / Double($1) },
      positions: positions.map { $0 / Double(loss.count) },
      activeHidden: hidden > 0 ? Double(active) / Double(hidden) : nil,
      routing: zip(layers, routing).map { LayerRouting($1, block: $0.block, tasks: names) },
      windows: loss.count, curveLoss: curveLoss.mean)
  }
}
