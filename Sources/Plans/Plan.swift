import Analysis
import Files
import Models
import Training

/// A run of an experiment with everything that is known before training.
public struct PlannedRun: Sendable {
  /// The configuration of the run.
  public internal(set) var configuration: RunConfiguration
  /// The architecture as it was given: a word for a design and its sequence layers.
  public internal(set) var architecture: String
  /// The name of the corpus in reports.
  public let corpus: String
  /// The tokenizer of the corpus, such as `characters`.
  public let tokenizer: String
  /// The settings of the grid that vary between runs, with their values.
  public let axes: [AxisValue]
  /// The default of each setting for this run, by its column.
  public internal(set) var defaults: [String: Cell] = [:]
  /// The compute budget C, in FLOPs, that the number of tokens was computed from; nil if there is none.
  public let isoFLOPBudget: Double?
  /// The numbers of parameters and FLOPs.
  public let counts: Counts

  /// Returns a run of which only the configuration is known.
  package static func bare(_ configuration: RunConfiguration, counts: Counts) -> PlannedRun {
    PlannedRun(
      configuration: configuration, architecture: configuration.model.architecture.rawValue,
      corpus: configuration.corpus.source,
      tokenizer: configuration.corpus.tokenizer?.description ?? "", axes: [], isoFLOPBudget: nil,
      counts: counts)
  }

  /// Returns the run of another generation of its lineage.
  public func generation(_ generation: Int) -> PlannedRun {
    var run = self
    run.configuration = configuration.generation(generation)
    return run
  }

  /// S, the number of optimizer steps.
  public var steps: Int { end.steps }

  /// D, the number of tokens of all steps: the fewest whole steps that reach `configuration.training.tokens`.
  public var tokens: Int { end.tokens }

  private var end: (steps: Int, tokens: Int, last: Int) {
    configuration.training.batch.end(ofTraining: configuration.training.tokens)
  }

  /// The FLOPs of training: exact, except that experts with a limited capacity are counted as full.
  public var flops: Double { counts.trainingFlopsPerToken * Double(tokens) }

  /// The value of each setting, by its column in `results.csv`.
  public var settings: [String: Cell] { Setting.cells(of: self) }

  /// A label of the run, such as `width 32, tokens 4M, seed 1`.
  public var label: String {
    axes.isEmpty ? "the run" : axes.map { "\($0.setting) \($0.value)" }.joined(separator: ", ")
  }
}

/// The runs of an experiment, in the order of its grid and without duplicates.
public struct Plan: Sendable {
  /// The experiment.
  public let experiment: ExperimentFile
  /// The runs.
  public let runs: [PlannedRun]
  /// The tasks of the corpora, in the order of first appearance.
  public let tasks: [String]
  /// Messages for the authors of the experiment and its recipes, one for each renamed key.
  public let notes: [String]

  /// Opens the experiment's corpora and plans all runs.
  ///
  /// - Throws: `InputError` with the line of the invalid setting if a run of the grid is impossible.
  public init(_ experiment: ExperimentFile, corpora: CorpusCache) throws {
    self.experiment = experiment
    let drafts = experiment.drafts.flatMap(\.lineage)
    let varying = Self.varyingSettings(drafts)
    var planner = Planner(source: .file(experiment.path), corpora: corpora)
    var runs: [PlannedRun] = []
    var places: [String: Int] = [:]
    for draft in drafts {
      let run = try planner.plan(draft, naming: varying)
      let identifier = run.configuration.identifier
      guard let place = places[identifier] else {
        places[identifier] = runs.count
        runs.append(run)
        continue
      }
      // A run that is given both by its tokens and by a budget belongs to the budget's profile.
      if runs[place].isoFLOPBudget == nil, run.isoFLOPBudget != nil { runs[place] = run }
    }
    try planner.checkEffects()
    self.runs = runs
    tasks = planner.tasks
    notes = experiment.notes + planner.notes
  }

  /// Creates a plan with some of the runs of another plan.
  init(_ runs: [PlannedRun], of plan: Plan) {
    experiment = plan.experiment
    tasks = plan.tasks
    notes = plan.notes
    self.runs = runs
  }

  /// Returns the settings of the grid that vary between runs.
  private static func varyingSettings(_ drafts: [RunDraft]) -> Set<String> {
    let names = Set(drafts.flatMap { $0.axes.map(\.setting) })
    return names.filter { name in
      Set(drafts.map { draft in draft.axes.first { $0.setting == name }?.value }).count > 1
    }
  }
}

extension BatchSchedule {
  /// Returns the number of tokens of the first `count` steps.
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

  /// Returns the number of tokens at the end of the step that ends nearest to `tokens`; 0 if that is before the first
  /// step.
  package func stepEnd(nearest tokens: Double) -> Int {
    let next = end(ofTraining: Int(clamping: tokens.rounded(.up)))
    let before = next.tokens - next.last
    return Double(next.tokens) - tokens > tokens - Double(before) ? before : next.tokens
  }
}
