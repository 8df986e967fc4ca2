import Corpora
import Files
import Models
import Training

extension ExperimentFile {
  /// The same experiment with tiny models, texts and trainings, so that it takes seconds: for tests.
  ///
  /// Each number is replaced by its rank among the different ones: different values stay different, and in order,
  /// but ratios change.
  public func shrunken() -> ExperimentFile {
    var tiny = self
    tiny.isShrunken = true
    // What must come out of the real one says nothing of toys.
    tiny.expectations = []
    let contexts = Ranks(drafts.map(\.model.context))
    let widths = Ranks(drafts.compactMap(\.model.width))
    let batches = Ranks(drafts.flatMap { $0.training.batch.stages.map(\.tokens) })
    let ramps = Ranks(drafts.flatMap { $0.training.batch.stages.map(\.from) })
    let tokens = Ranks(drafts.compactMap { if case .tokens(let tokens) = $0.length { tokens } else { nil } })
    let budgets = Ranks(drafts.compactMap { if case .flops(let flops) = $0.length { flops } else { nil } })
    let uniques = Ranks(drafts.compactMap(\.corpus.uniqueTokens))
    let warmups = Ranks(drafts.map(\.training.warmupSteps).filter { $0 > 0 })

    let horizons = Ranks(
      drafts.compactMap { if case .cosineOver(_, let tokens) = $0.training.schedule { tokens } else { nil } })

    let context = { 16 << contexts[$0] }
    // Every head count and head width must go into every width.
    let widthUnit = drafts.map(\.model.heads).reduce(8) { unit, heads in
      switch heads {
      case .usual: unit
      case .count(let count): leastCommonMultiple(unit, 4 * count)
      case .width(let width): leastCommonMultiple(unit, width)
      }
    }
    // Every number of key heads must go into every number of heads.
    let unit = drafts.compactMap(\.model.kvHeads).reduce(widthUnit) { leastCommonMultiple($0, 8 * $1) }
    let batch = { (16 << (contexts.count - 1)) << batches[$0] }
    let shortest = 12 * batch(batches.values.last ?? 0)
    let smallestBudget = Double(shortest) * flopsPerToken(width: unit * widths.count)

    for index in tiny.drafts.indices {
      var draft = drafts[index]
      draft.corpus.validationTokens = min(draft.corpus.validationTokens, 2048)
      draft.corpus.uniqueTokens = draft.corpus.uniqueTokens.map { (16 << contexts.count) * (1 + uniques[$0]) }
      draft.model.context = context(draft.model.context)
      draft.model.width = draft.model.width.map { unit * (1 + widths[$0]) }
      draft.training.warmupSteps =
        draft.training.warmupSteps == 0 ? 0 : 1 + warmups[draft.training.warmupSteps]
      let stages = draft.training.batch.stages.map {
        BatchSchedule.Stage(from: shortest * ramps[$0.from], tokens: batch($0.tokens))
      }
      if let batch = try? BatchSchedule(stages: stages) { draft.training.batch = batch }
      if case .cosineOver(let final, let tokens) = draft.training.schedule {
        draft.training.schedule = .cosineOver(
          final: final, tokens: growing(Double(shortest), horizons[tokens]))
      }
      switch draft.length {
      case .tokens(let count): draft.length = .tokens(growing(Double(shortest), tokens[count]))
      case .flops(let flops): draft.length = .flops(Double(growing(smallestBudget, budgets[flops])))
      case nil: break
      }
      tiny.drafts[index] = draft
    }
    return tiny
  }

  /// About what a training takes: 6 operations a weight.
  private func flopsPerToken(width: Int) -> Double {
    let depth = drafts.map { $0.model.depth ?? $0.model.layers?.count ?? 2 }.max() ?? 1
    let vocabulary = drafts.map { draft in
      if case .bytePairs(let vocabulary) = draft.corpus.tokenizer { vocabulary } else { 256 }
    }
    return 6 * Double(12 * depth * width * width + (vocabulary.max() ?? 256) * width)
  }
}

/// Longer by half of the first for each rank: a grid of many lengths must not grow without bounds.
private func growing(_ first: Double, _ rank: Int) -> Int {
  Int(clamping: (first * (1 + 0.5 * Double(rank))).rounded())
}

private func leastCommonMultiple(_ a: Int, _ b: Int) -> Int {
  var (x, y) = (a, b)
  while y != 0 { (x, y) = (y, x % y) }
  return a / x * b
}

/// The different values among some, rising, and the place of each.
private struct Ranks<Value: Hashable & Comparable> {
  let values: [Value]
  private let ranks: [Value: Int]

  init(_ values: [Value]) {
    self.values = Set(values).sorted()
    ranks = Dictionary(uniqueKeysWithValues: self.values.enumerated().map { ($1, $0) })
  }

  var count: Int { values.count }
  subscript(value: Value) -> Int { ranks[value] ?? 0 }
}
