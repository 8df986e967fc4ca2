import Analysis
import Corpora
import Files
import Models
import Training

/// A run that an experiment means, with all that is known of it before it is trained.
public struct PlannedRun: Sendable {
  public fileprivate(set) var configuration: RunConfiguration
  /// The name of the corpus, for people.
  public let corpus: String
  /// The tokenizer of the corpus, such as `characters`.
  public let tokenizer: String
  /// What sets the run apart in its experiment: settings of the grid that are not the same in all runs.
  public let axes: [AxisValue]
  /// What the program takes for each setting where nothing is given, by its column.
  public fileprivate(set) var defaults: [String: Cell]
  /// The compute budget C in FLOPs that the run's tokens were computed from, if any.
  public let isoFLOPBudget: Double?
  public let counts: Counts
  public let steps: Int
  /// Tokens of all its steps, D: the least number of whole steps that reaches `configuration.training.tokens`.
  public let tokens: Int

  fileprivate init(
    configuration: RunConfiguration, corpus: String, tokenizer: String, axes: [AxisValue],
    isoFLOPBudget: Double?,
    counts: Counts, steps: Int, tokens: Int
  ) {
    self.configuration = configuration
    self.corpus = corpus
    self.tokenizer = tokenizer
    self.axes = axes
    self.isoFLOPBudget = isoFLOPBudget
    self.counts = counts
    self.steps = steps
    self.tokens = tokens
    defaults = [:]
  }

  /// A run that is known by its configuration alone.
  package init(_ configuration: RunConfiguration, counts: Counts, steps: Int, tokens: Int) {
    self.init(
      configuration: configuration, corpus: configuration.corpus.source,
      tokenizer: configuration.corpus.tokenizer?.description ?? "", axes: [], isoFLOPBudget: nil,
      counts: counts,
      steps: steps, tokens: tokens)
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

  /// Opens the experiment's corpora and works out every run.
  ///
  /// - Throws: `InputError` with the line of the setting at fault, if a run of the grid cannot be.
  public init(_ experiment: ExperimentFile, corpora: CorpusCache) throws {
    self.experiment = experiment
    let varying = Self.varyingSettings(experiment.drafts)
    var planner = Planner(experiment: experiment, corpora: corpora)
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
      // The same run by its tokens and by a budget: it is a point of that budget's profile.
      if runs[place].isoFLOPBudget == nil, run.isoFLOPBudget != nil { runs[place] = run }
    }
    self.runs = runs
    tasks = planner.tasks
  }

  /// Some of the runs of another plan.
  init(_ runs: [PlannedRun], of plan: Plan) {
    experiment = plan.experiment
    tasks = plan.tasks
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

/// Works out runs, and remembers what many of them share.
private struct Planner {
  let experiment: ExperimentFile
  let corpora: CorpusCache
  private(set) var tasks: [String] = []
  private var counts: [ModelConfiguration: Counts] = [:]

  init(experiment: ExperimentFile, corpora: CorpusCache) {
    self.experiment = experiment
    self.corpora = corpora
  }

  mutating func plan(_ draft: RunDraft, naming varying: Set<String>) throws -> PlannedRun {
    let corpus = try openCorpus(of: draft)
    let model = try model(of: draft, vocabulary: corpus.vocabulary)
    let counts = countsOf(model)
    try checkBatch(of: draft)
    var training = draft.training(width: model.width)
    var budget: Double?
    switch draft.length {
    case .flops(let flops):
      let tokens = flops / counts.trainingFlopsPerToken
      guard tokens <= Double(RunDraft.mostTokens) else {
        throw experiment.error(
          "a budget of \(flops) FLOPs pays for more than \(RunDraft.mostTokens) tokens at width \(model.width)",
          line: draft.line(of: "flops"), remedy: "Lower the budget")
      }
      training.tokens = training.batch.stepEnd(nearest: tokens)
      budget = flops
    case .tokens(let tokens):
      training.tokens = tokens
    case nil: preconditionFailure("the file was checked to say how long to train")
    }
    let end = training.batch.end(ofTraining: training.tokens)
    try checkLength(of: draft, training, steps: end.steps, width: model.width)
    var run = PlannedRun(
      configuration: RunConfiguration(
        corpus: draft.corpus, corpusFingerprint: corpus.fingerprint, model: model, training: training,
        seed: draft.seed),
      corpus: corpus.name, tokenizer: corpus.tokenizer.configuration.description,
      axes: draft.axes.filter { varying.contains($0.setting) }, isoFLOPBudget: budget, counts: counts,
      steps: end.steps, tokens: end.tokens)
    run.defaults = defaults(of: draft, run)
    return run
  }

  /// What each setting would be if it were not given, all others as they are.
  private func defaults(of draft: RunDraft, _ run: PlannedRun) -> [String: Cell] {
    var defaults = run.settings
    for setting in Setting.all where draft.isGiven(setting.name) {
      guard let column = setting.column else { continue }
      var other = draft
      setting.reset(&other)
      var twin = run
      twin.configuration.corpus = other.corpus
      twin.configuration.seed = other.seed
      // Settings without a default, and those whose default does not fit the others, have none here.
      guard other.width != nil, !other.corpus.source.isEmpty,
        let model = try? model(of: other, vocabulary: run.configuration.model.vocabulary)
      else {
        defaults[column.name] = nil
        continue
      }
      twin.configuration.model = model
      twin.configuration.training = other.training(width: model.width)
      defaults[column.name] = setting.cell(twin)
    }
    return defaults
  }

  private mutating func openCorpus(of draft: RunDraft) throws -> TokenizedCorpus {
    do {
      try corpora.checkSource(draft.corpus.source, of: experiment.path)
      let corpus = try corpora.corpus(draft.corpus, context: draft.context)
      tasks += corpus.families.filter { !tasks.contains($0) }
      return corpus
    } catch let error as InputError where error.file == nil {
      throw experiment.error(error.message, line: draft.line(of: "corpus"), remedy: error.remedy)
    }
  }

  private func model(of draft: RunDraft, vocabulary: Int) throws -> ModelConfiguration {
    let heads: Int? = if case .count(let count) = draft.heads { count } else { nil }
    let headWidth: Int? = if case .width(let width) = draft.heads { width } else { nil }
    do {
      return try ModelConfiguration(
        family: draft.family, width: draft.width ?? 0, depth: draft.depth, heads: heads, headWidth: headWidth,
        context: draft.context, vocabulary: vocabulary, positions: draft.positions, tiedHead: draft.tiedHead,
        parametrisation: draft.parametrisation, mixture: draft.mixtureIfAny)
    } catch let fault as ModelFault {
      // The usual number of heads follows the width.
      let line = draft.line(of: fault.setting) ?? draft.line(of: "head_width") ?? draft.line(of: "width")
      throw experiment.error(fault.message, line: line, remedy: fault.remedy)
    }
  }

  private mutating func countsOf(_ model: ModelConfiguration) -> Counts {
    if let known = counts[model] { return known }
    let new = Counts(Transformer(model))
    counts[model] = new
    return new
  }

  private func checkBatch(of draft: RunDraft) throws {
    for stage in draft.training.batch.stages where !stage.tokens.isMultiple(of: draft.context) {
      throw experiment.error(
        "a batch of \(stage.tokens) tokens is not a multiple of the context \(draft.context)",
        line: draft.line(of: "batch") ?? draft.line(of: "context"),
        remedy: "Write for example `batch: \(max(1, stage.tokens / draft.context) * draft.context)`")
    }
  }

  private func checkLength(
    of draft: RunDraft, _ training: TrainingConfiguration, steps: Int, width: Int
  ) throws {
    let batch = training.batch.tokens(after: 0)
    if training.tokens < batch {
      switch draft.length {
      case .flops(let flops):
        throw experiment.error(
          "a budget of \(flops) FLOPs is too small for one step of \(batch) tokens at width \(width)",
          line: draft.line(of: "flops"), remedy: "Raise the budget, or leave this width out")
      default:
        throw experiment.error(
          "\(training.tokens) tokens are too few for one step of \(batch) tokens",
          line: draft.line(of: "tokens"),
          remedy: "Give at least \(batch) tokens, or a smaller `batch`")
      }
    }
    guard steps > training.warmupSteps else {
      let setting = if case .flops = draft.length { "flops" } else { "tokens" }
      throw experiment.error(
        "a run of \(steps) steps at width \(width) ends within its warmup of \(training.warmupSteps) steps",
        line: draft.line(of: setting),
        remedy: "Raise `\(setting)`, or lower `warmup_steps` or `batch` in `training`")
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

  /// The number of tokens at the end of the step that ends nearest to `tokens`; 0 if that is before the first step.
  package func stepEnd(nearest tokens: Double) -> Int {
    let next = end(ofTraining: Int(tokens.rounded(.up)))
    let before = next.tokens - next.last
    return Double(next.tokens) - tokens > tokens - Double(before) ? before : next.tokens
  }
}
