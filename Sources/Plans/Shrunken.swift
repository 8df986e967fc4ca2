import Corpora
import Files
import Models
import Training

extension ExperimentFile {
  /// Returns the experiment with tiny models, texts and trainings, which takes seconds, for tests.
  ///
  /// Numbers are replaced according to their ranks: different values remain different and in order, but ratios change.
  public func shrunken() -> ExperimentFile {
    var tiny = self
    tiny.isShrunken = true
    // The expectations do not apply to tiny models.
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

    // Passages that ask what a model knows must fit into a window.
    let shortestContext = drafts.contains { $0.training.knowledge == true } ? 64 : 16
    let context = { shortestContext << contexts[$0] }
    // All numbers of heads and head widths must divide all widths.
    let widthUnit = drafts.map(\.model.heads).reduce(8) { unit, heads in
      switch heads {
      case .usual: unit
      case .count(let count): leastCommonMultiple(unit, 4 * count)
      case .width(let width): leastCommonMultiple(unit, width)
      }
    }
    // All numbers of key heads must divide all numbers of heads.
    let unit = drafts.compactMap(\.model.kvHeads).reduce(widthUnit) { leastCommonMultiple($0, 8 * $1) }
    let batch = { (shortestContext << (contexts.count - 1)) << batches[$0] }
    let shortest = 12 * batch(batches.values.last ?? 0)
    let smallestBudget = Double(shortest) * flopsPerToken(width: unit * widths.count)

    for index in tiny.drafts.indices {
      var draft = drafts[index]
      draft.corpus.validationTokens = min(draft.corpus.validationTokens, 2048)
      draft.corpus.uniqueTokens = draft.corpus.uniqueTokens.map {
        (shortestContext << contexts.count) * (1 + uniques[$0])
      }
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

  /// Returns the approximate FLOPs of training per token: 6 per weight.
  private func flopsPerToken(width: Int) -> Double {
    let depth =
      drafts.map { $0.model.depth ?? $0.model.layers?.count ?? ModelConfiguration.usualDepth }.max() ?? 1
    let vocabulary = drafts.map { draft in
      if case .bytePairs(let vocabulary) = draft.corpus.tokenizer { vocabulary } else { 256 }
    }
    return 6 * Double(12 * depth * width * width + (vocabulary.max() ?? 256) * width)
  }
}

/// Returns a length that grows by half of the first for each rank, so that grids with many lengths stay small.
private func growing(_ first: Double, _ rank: Int) -> Int {
  Int(clamping: (first * (1 + 0.5 * Double(rank))).rounded())
}

private func leastCommonMultiple(_ a: Int, _ b: Int) -> Int {
  var (x, y) = (a, b)
  while y != 0 { (x, y) = (y, x % y) }
  return a / x * b
}

/// The distinct values of a list in increasing order, and their ranks.
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
