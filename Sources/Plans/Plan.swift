import Analysis
import Files
import Models
import Training

/// A run of an experiment, with all that is known of it before it is trained.
public struct PlannedRun: Sendable {
  public internal(set) var configuration: RunConfiguration
  /// The name of the corpus, for people.
  public let corpus: String
  /// The tokenizer of the corpus, such as `characters`.
  public let tokenizer: String
  /// The settings of the grid that are not the same in all runs, with their values.
  public let axes: [AxisValue]
  /// The default of each setting, by its column.
  public internal(set) var defaults: [String: Cell] = [:]
  /// The compute budget C in FLOPs that the run's tokens were computed from, if any.
  public let isoFLOPBudget: Double?
  public let counts: Counts

  /// A run that is known by its configuration alone.
  package static func bare(_ configuration: RunConfiguration, counts: Counts) -> PlannedRun {
    PlannedRun(
      configuration: configuration, corpus: configuration.corpus.source,
      tokenizer: configuration.corpus.tokenizer?.description ?? "", axes: [], isoFLOPBudget: nil,
      counts: counts)
  }

  /// The optimizer steps of its training, S.
  public var steps: Int { end.steps }

  /// The tokens of all its steps, D: the fewest whole steps that reach `configuration.training.tokens`.
  public var tokens: Int { end.tokens }

  private var end: (steps: Int, tokens: Int, last: Int) {
    configuration.training.batch.end(ofTraining: configuration.training.tokens)
  }

  /// Floating-point operations of its training: exact, but for experts of a limited capacity, which count as full.
  public var flops: Double { counts.trainingFlopsPerToken * Double(tokens) }

  /// The value of each setting, by its column in `results.csv`.
  public var settings: [String: Cell] { Setting.cells(of: self) }

  /// The run as a person would name it: `width 32, tokens 4M, seed 1`.
  public var label: String {
    axes.isEmpty ? "the run" : axes.map { "\($0.setting) \($0.value)" }.joined(separator: ", ")
  }
}

/// The runs of an experiment, in the order of its grid and without duplicates.
public struct Plan: Sendable {
  public let experiment: ExperimentFile
  public let runs: [PlannedRun]
  /// The tasks of its corpora, by first appearance.
  public let tasks: [String]
  /// What the authors of the experiment and of its recipes should know: keys that have other names now.
  public let notes: [String]

  /// Opens the experiment's corpora and plans every run.
  ///
  /// - Throws: `InputError` with the line of the setting at fault, if a run of the grid is impossible.
  public init(_ experiment: ExperimentFile, corpora: CorpusCache) throws {
    self.experiment = experiment
    let varying = Self.varyingSettings(experiment.drafts)
    var planner = Planner(source: .file(experiment.path), corpora: corpora)
    var runs: [PlannedRun] = []
    var places: [String: Int] = [:]
    for draft in experiment.drafts {
      let run = try planner.plan(draft, naming: varying)
      let identifier = run.configuration.identifier
      guard let place = places[identifier] else {
        places[identifier] = runs.count
        runs.append(run)
        continue
      }
      // The same run, given by its tokens and by a budget, is a point of that budget's profile.
      if runs[place].isoFLOPBudget == nil, run.isoFLOPBudget != nil { runs[place] = run }
    }
    self.runs = runs
    tasks = planner.tasks
    notes = experiment.notes + planner.notes
  }

  /// Some of the runs of another plan.
  init(_ runs: [PlannedRun], of plan: Plan) {
    experiment = plan.experiment
    tasks = plan.tasks
    notes = plan.notes
    self.runs = runs
  }

  /// The settings of the grid that do not have one value throughout.
  private static func varyingSettings(_ drafts: [RunDraft]) -> Set<String> {
    let names = Set(drafts.flatMap { $0.axes.map(\.setting) })
    return names.filter { name in
      Set(drafts.map { draft in draft.axes.first { $0.setting == name }?.value }).count > 1
    }
  }
}

extension BatchSchedule {
  /// The steps of a training over `tokens` tokens, which ends with the first step that reaches them, the tokens of
  /// these steps, and those of the last.
  package func end(ofTraining tokens: Int) -> (steps: Int, tokens: Int, last: Int) {
    var (steps, seen, last) = (0, 0, 0)
    for (index, stage) in stages.enumerated() {
      let end = index + 1 < stages.count ? min(stages[index + 1].from, tokens) : tokens
      guard seen < end else { continue }
      let more = (end - seen + stage.tokens - 1) / stage.tokens
      steps += more
      seen += more * stage.tokens
      last = stage.tokens
    }
    return (steps, seen, last)
  }

  /// The tokens of the first `count` steps.
  package func tokens(ofSteps count: Int) -> Int {
    var (left, seen) = (count, 0)
    for (index, stage) in stages.enumerated() {
      let most =
        index + 1 < stages.count
        ? max(0, stages[index + 1].from - seen + stage.tokens - 1) / stage.tokens : left
      seen += min(left, most) * stage.tokens
      left -= min(left, most)
    }
    return seen
  }

  /// The number of tokens at the end of the step that ends nearest to `tokens`; 0 if that is before the first step.
  package func stepEnd(nearest tokens: Double) -> Int {
    let next = end(ofTraining: Int(clamping: tokens.rounded(.up)))
    let before = next.tokens - next.last
    return Double(next.tokens) - tokens > tokens - Double(before) ? before : next.tokens
  }
}
