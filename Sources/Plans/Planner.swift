import Analysis
import Corpora
import Files
import Foundation
import Models
import Training

/// Plans runs, and caches what they have in common: corpora, tasks and counts.
struct Planner {
  /// The source of settings, for errors.
  enum Source: Sendable {
    case file(String)
    case options
  }

  let source: Source
  let corpora: CorpusCache
  private(set) var tasks: [String] = []
  private(set) var notes: [String] = []
  private var counts: [ModelConfiguration: Counts] = [:]
  private var sources = SampleSources()
  /// The settings of layers that were given without an effect on any run so far, each with a run.
  private var idle: [GivenPlace: RunDraft] = [:]
  private var effective: Set<GivenPlace> = []

  /// Where a setting was given.
  private struct GivenPlace: Hashable {
    let setting: String
    let line: Int?
  }

  init(source: Source, corpora: CorpusCache) {
    self.source = source
    self.corpora = corpora
  }

  mutating func plan(_ draft: RunDraft, naming varying: Set<String>) throws -> PlannedRun {
    let corpus = try openCorpus(of: draft)
    let model = try model(of: draft, vocabulary: corpus.vocabulary)
    noteEffects(on: model, of: draft)
    let counts = countsOf(model)
    try checkBatch(of: draft)
    try checkSelections(of: draft)
    let samples = try samples(of: draft, corpus)
    var training = draft.training(width: model.width)
    var budget: Double?
    switch draft.length {
    case .flops(let flops):
      let tokens = flops / counts.trainingFlopsPerToken
      guard tokens <= Double(RunDraft.mostTokens) else {
        throw fault(
          "a budget of \(flops) FLOPs gives more than \(RunDraft.mostTokens) tokens at width \(model.width)",
          at: "flops", of: draft, remedy: "Lower the budget")
      }
      training.tokens = training.batch.stepEnd(nearest: tokens)
      budget = flops
    case .tokens(let tokens):
      training.tokens = tokens * (samples?.texts(ofGeneration: draft.generations) ?? 1)
    case nil: preconditionFailure("the length of training is checked before")
    }
    try checkLength(of: draft, training, width: model.width, flopsPerToken: counts.trainingFlopsPerToken)
    var run = PlannedRun(
      configuration: RunConfiguration(
        corpus: draft.text, corpusFingerprint: corpus.fingerprint, model: model, training: training,
        samples: samples, seed: draft.seed),
      architecture: draft.model.architecture.rawValue, corpus: corpus.name,
      tokenizer: corpus.tokenizer.configuration.description,
      axes: draft.axes.filter { varying.contains($0.setting) }, isoFLOPBudget: budget, counts: counts)
    run.defaults = defaults(of: draft, run)
    return run
  }

  /// Returns the value that each setting would have if it were not given and all others were unchanged.
  private func defaults(of draft: RunDraft, _ run: PlannedRun) -> [String: Cell] {
    var defaults = run.settings
    for setting in Setting.all where draft.isGiven(setting.name) {
      guard let column = setting.column else { continue }
      var other = draft
      setting.reset(&other)
      var twin = run
      twin.configuration.corpus = other.text
      twin.configuration.samples = other.samples(
        of: other.samplesFrom == nil ? nil : run.configuration.samples?.source)
      twin.configuration.seed = other.seed
      // Required settings have no default, nor have those whose default is invalid with the other settings.
      guard other.model.width != nil, !other.corpus.source.isEmpty,
        other.corpus.tokenizer == draft.corpus.tokenizer,
        let model = try? model(of: other, vocabulary: run.configuration.model.vocabulary)
      else {
        defaults[column.name] = nil
        continue
      }
      twin.configuration.model = model
      twin.architecture = other.model.architecture.rawValue
      twin.configuration.training = other.training(width: model.width)
      defaults[column.name] = setting.cell(twin)
    }
    return defaults
  }

  private mutating func openCorpus(of draft: RunDraft) throws -> TokenizedCorpus {
    do {
      if case .file(let path) = source { try corpora.checkSource(draft.corpus.source, of: path) }
      let corpus = try corpora.corpus(
        draft.text, context: draft.model.context, lanes: try lanes(of: draft))
      // Not only after the training, when it is measured.
      if draft.training.knowledge == true { _ = try corpus.knowledgeProbe() }
      tasks += corpus.tasks.filter { !tasks.contains($0) }
      notes += corpus.notes.filter { !notes.contains($0) }
      return corpus
    } catch let fault as SettingFault {
      throw self.fault(fault.message, at: fault.setting, "corpus", of: draft, remedy: fault.remedy)
    } catch let error as InputError where error.file == nil {
      // A recipe has no fields and no documents.
      let given = draft.corpus.field != nil ? "text_field" : draft.corpus.filter != nil ? "filter" : nil
      let setting = try given.flatMap { try CorpusSource.isRecipe(draft.corpus.source) ? $0 : nil }
      throw fault(error.message, at: setting ?? "corpus", of: draft, remedy: error.remedy)
    }
  }

  private func model(of draft: RunDraft, vocabulary: Int) throws -> ModelConfiguration {
    do {
      return try draft.model.configuration(vocabulary: vocabulary)
    } catch let fault as SettingFault {
      // The number of heads may follow from `head_width`, and by default follows from `width`.
      throw self.fault(
        fault.message, at: fault.setting, "head_width", "width", of: draft, remedy: fault.remedy)
    }
  }

  private mutating func countsOf(_ model: ModelConfiguration) -> Counts {
    if let known = counts[model] { return known }
    let new = Counts(Transformer(model))
    counts[model] = new
    return new
  }

  /// What models have written of the training text; nil for nothing.
  private mutating func samples(of draft: RunDraft, _ corpus: TokenizedCorpus) throws -> SampledText? {
    guard draft.generations > 0 else { return nil }
    let excluded: [(setting: String, isGiven: Bool)] = [
      ("carry", corpus.lanes != nil), ("duplicates", draft.duplicates > 0),
      ("order", draft.corpus.order != nil), ("weights_at_end", draft.corpus.weightsAtEnd != nil),
    ]
    guard draft.training.quantised == nil, draft.training.pruned == nil else {
      let setting = draft.training.pruned == nil ? "quantised" : "pruned"
      throw fault(
        "`generations` cannot be combined with `\(setting)`: models write samples with the weights that they have",
        at: SampledText.generations, of: draft, remedy: "Remove one of them")
    }
    if let setting = excluded.first(where: \.isGiven)?.setting {
      throw fault(
        "`generations` cannot be combined with `\(setting)`: samples come in windows of their own, in a random order",
        at: SampledText.generations, of: draft, remedy: "Remove one of them")
    }
    if draft.keep == .accumulate, case .flops = draft.length {
      throw fault(
        "`keep: accumulate` trains each generation on more text than the one before, and `flops` gives all the same",
        at: "keep", of: draft, remedy: "Give `tokens`, those of the first generation, instead of `flops`")
    }
    guard let path = draft.samplesFrom else { return draft.samples(of: nil) }
    do {
      if case .file(let experiment) = source { try corpora.checkModel(path, of: experiment) }
      return draft.samples(of: try sources.source(path, for: corpus))
    } catch let error as InputError {
      let place = error.file.map { "\($0): " } ?? ""
      throw fault(place + error.message, at: "samples_from", of: draft, remedy: error.remedy)
    }
  }

  /// The number of lanes in which the training reads its text; nil where windows carry no state.
  private func lanes(of draft: RunDraft) throws -> Int? {
    guard draft.carry, draft.model.isRecurrent else { return nil }
    guard !draft.model.hasLinearAttention else {
      throw fault(
        "linear attention carries no state from window to window: its sums never decay, and its features depend on the "
          + "position in a window", at: "carry", of: draft, remedy: "Leave layers L out, or remove `carry`")
    }
    let stages = draft.training.batch.stages
    guard stages.count == 1 else {
      throw fault(
        "windows carry states only in batches of one size, as each window of a batch continues a text of its own",
        at: "carry", of: draft,
        remedy: "Give for example `\(name(of: "batch", max(1024, 4 * draft.model.context)))`")
    }
    try checkBatch(of: draft)
    return stages[0].tokens / draft.model.context
  }

  private func checkBatch(of draft: RunDraft) throws {
    for stage in draft.training.batch.stages where !stage.tokens.isMultiple(of: draft.model.context) {
      throw fault(
        "a batch of \(stage.tokens) tokens is not a multiple of the context \(draft.model.context)",
        at: "batch", "context", of: draft,
        remedy:
          "Write for example `\(name(of: "batch", max(1, stage.tokens / draft.model.context) * draft.model.context))`"
      )
    }
  }

  /// Notes which of the given settings of layers the model has.
  private mutating func noteEffects(on model: ModelConfiguration, of draft: RunDraft) {
    for setting in Self.dependentSettings where draft.isGiven(setting.key) {
      let place = GivenPlace(setting: setting.key, line: draft.line(of: setting.key))
      if setting.applies(model, draft) {
        effective.insert(place)
      } else if idle[place] == nil {
        idle[place] = draft
      }
    }
  }

  /// Throws if a setting was given that has no effect on any planned run. It may be without effect on some of them, as
  /// where a grid has models with and without a layer.
  func checkEffects() throws {
    for setting in Self.dependentSettings {
      let places = idle.filter { $0.key.setting == setting.key && !effective.contains($0.key) }
      guard let (_, draft) = places.min(by: { $0.key.line ?? 0 < $1.key.line ?? 0 }) else { continue }
      let requirement = setting.requirement
      throw fault(
        "`\(setting.key)` has no effect, because no \(setting.owner) has \(requirement)", at: setting.key,
        of: draft, remedy: "Remove it, or give a \(setting.owner) \(requirement)")
    }
  }

  /// A setting that needs another one, such as a layer.
  private struct DependentSetting {
    let key: String
    /// What a model or a run must have, as in `a layer W`.
    let requirement: String
    var owner = "model"
    /// Whether it changes a model or its training.
    let applies: @Sendable (ModelConfiguration, RunDraft) -> Bool
  }

  private static let dependentSettings =
    ofLayers + ofSamples + [
      DependentSetting(key: "carry", requirement: "a layer M or D") { $0.isRecurrent || !$1.carry },
      DependentSetting(key: "cache_format", requirement: "a layer A or W") {
        $0.hasAttention || $1.model.cacheFormat == .float32
      },
      DependentSetting(
        key: "rounding", requirement: "a low-precision format that it rounds, such as `gradient_format`"
      ) {
        $0.formats?.rounding == $1.model.rounding || $1.model.rounding == .nearest
      },
      DependentSetting(key: "junk_tag", requirement: "`junk`", owner: "run") { $1.junk > 0 || !$1.junkTag },
      DependentSetting(key: "duplicate_times", requirement: "`duplicates`", owner: "run") {
        $1.duplicates > 0
      },
    ]

  private static let ofLayers = (sequenceMixerSettings + channelMixerSettings).map { setting in
    DependentSetting(key: setting.key, requirement: setting.requirement ?? "such a layer") { model, _ in
      setting.applies(to: model)
    }
  }

  private static let ofSamples = ["keep", "sample_fraction", "sample_temperature", "samples_from"].map {
    DependentSetting(key: $0, requirement: "`generations`", owner: "run") { $1.generations > 0 }
  }

  /// Throws if a setting of an update rule or an objective is given but another one is chosen.
  private func checkSelections(of draft: RunDraft) throws {
    let types =
      updateRules.filter { $0.name == draft.updateRule } as [any Selectable.Type]
      + trainingObjectives.filter { $0.name == draft.objective }
    let own = Set(types.flatMap { $0.settings.map(\.key) })
    for owner in updateRules + trainingObjectives as [any Selectable.Type] {
      for foreign in owner.settings.map(\.key) where !own.contains(foreign) && draft.isGiven(foreign) {
        throw fault(
          "`\(foreign)` is a setting of \(owner.name), which is not used", at: foreign, of: draft,
          remedy: "Remove it, or choose \(owner.name)")
      }
    }
  }

  private func checkLength(
    of draft: RunDraft, _ training: TrainingConfiguration, width: Int, flopsPerToken: Double
  ) throws {
    let batch = training.batch.tokens(after: 0)
    let steps = training.batch.end(ofTraining: training.tokens).steps
    let budget: Double? = if case .flops(let flops) = draft.length { flops } else { nil }
    if training.tokens < batch, let budget {
      throw fault(
        "a budget of \(budget) FLOPs is too small for one step of \(batch) tokens at width \(width)",
        at: "flops", of: draft, remedy: "Raise the budget, or remove this width")
    }
    if training.tokens < batch {
      throw fault(
        "\(training.tokens) tokens are too few for one step of \(batch) tokens", at: "tokens", of: draft,
        remedy: "Give at least \(batch) tokens, or a smaller `\(name(of: "batch"))`")
    }
    guard steps <= training.warmupSteps else { return }
    let setting = budget == nil ? "tokens" : "flops"
    let least = training.batch.tokens(ofSteps: training.warmupSteps + 1)
    // Slightly more, because a budget is rounded to whole steps.
    let smallest =
      budget == nil
      ? "\(least) tokens" : String(format: "%.3g FLOPs", (Double(least) * flopsPerToken * 1.005).rounded(.up))
    let section = if case .file = source { " in `training`" } else { "" }
    throw fault(
      "a run of \(steps) steps at width \(width) ends within its warmup of \(training.warmupSteps) steps",
      at: setting, of: draft,
      remedy: "Raise `\(name(of: setting))` to at least \(smallest), or lower "
        + "`\(name(of: "warmup_steps"))` or `\(name(of: "batch"))`\(section)")
  }

  /// Returns a setting in the syntax of a file or of the command line.
  private func name(of setting: String, _ value: Int? = nil) -> String {
    switch source {
    case .file: setting + (value.map { ": \($0)" } ?? "")
    case .options: Setting.flag(setting) + (value.map { " \($0)" } ?? "")
    }
  }

  /// Returns an error at the first of `settings` that is given; at the first of all if none is.
  private func fault(_ message: String, at settings: String..., of draft: RunDraft, remedy: String?)
    -> InputError
  {
    let given = settings.first(where: draft.isGiven) ?? settings[0]
    return switch source {
    case .file(let path): InputError(message, file: path, line: draft.line(of: given), remedy: remedy)
    case .options: InputError(message, file: Setting.flag(given), remedy: remedy)
    }
  }
}

extension Setting {
  /// Returns the option of a setting on the command line.
  public static func flag(_ name: String) -> String { "--" + name.replacing("_", with: "-") }
}
