import Analysis
import Corpora
import Execution
import Models
import Plans
import TestSupport
import Testing
import Training

/// Runs that differ in what happens to their weights after training, and models whose hidden units are often 0.
@Suite struct TrainedModelTests {
  private static let settings =
    "model: {depth: 1, context: 32}\ntraining: {batch: 256, warmup_steps: 10}\ngrid: {width: 16, tokens: [8k, 16k], "

  @Test(
    "They are trained once, evaluated with rounded weights, and the same however interrupted",
    arguments: ["", "schedule: {cosine: 0.1}, ", "schedule: {cooldown: 0}, "])
  func once(schedule: String) throws {
    let grid = Self.settings + schedule
    let plain = try TestSupport.plan(grid + "quantised: none}\n")
    let all = try TestSupport.plan(grid + "quantised: [none, int8, int2], pruned: [none, 0.5]}\n")
    #expect(all.runs.count == 12)
    #expect(all.runs.trainingFlops == plain.runs.trainingFlops)
    let trunks = { (plan: Plan) in Set(plan.runs.map(\.configuration.trunkIdentifier)) }
    #expect(trunks(all) == trunks(plain))
    let (one, two) = (try TemporaryFolder(), try TemporaryFolder())
    let alone = try TrainedJobs(plain, in: one.path, keepsCheckpoints: true)
    let together = try TrainedJobs(all, in: two.path, keepsCheckpoints: true)
    #expect(together.results.count == 12 && together.flops == alone.flops)
    for (run, result) in alone.results { #expect(together.results[run] == result) }
    // A finished training whose checkpoint was kept is only evaluated.
    let later = try TrainedJobs(all, in: one.path)
    #expect(later.results == together.results && later.flops == 0)
    // One without a checkpoint is trained again.
    let three = try TemporaryFolder()
    _ = try TrainedJobs(plain, in: three.path)
    let again = try TrainedJobs(all, in: three.path)
    #expect(again.results == together.results && again.flops == alone.flops)
    for calls in [9, 31, 40] {
      let folder = try TemporaryFolder()
      let stopped = try TrainedJobs(all, in: folder.path, stoppingAfter: calls)
      #expect(stopped.results == together.results && stopped.stops > 0, "\(calls)")
    }
    // The losses are those of the same weights in another format.
    let store = try RunStore(two.path)
    for run in all.runs {
      let model = try TrainedModel(checkpoint: store.folder(of: run.configuration.trained).checkpoint)
      var configuration = run.configuration
      if let format = configuration.training.quantised {
        configuration.model.formats = NumberFormats(weights: format)
      }
      let rounded = TrainedModel(
        configuration: configuration, transformer: Transformer(configuration.model),
        parameters: run.configuration.training.pruned?(model.parameters, of: model.transformer)
          ?? model.parameters, tokenizer: model.tokenizer)
      let corpus = try CorpusCache(allowing: [packageFolder]).corpus(of: run.configuration)
      let loss = rounded.evaluation(on: corpus, threads: 1) { _ in }.loss
      #expect(loss == together.results[run.configuration.identifier]?.loss)
      let own = alone.results[run.configuration.trained.identifier]?.loss
      #expect(run.configuration == run.configuration.trained || loss != own)
    }
  }

  @Test("Pruning leaves the greatest weights of each matrix", arguments: ["0.3", "2:4"])
  func pruning(_ text: String) throws {
    let pruning = try #require(Pruning(text))
    #expect(pruning.description == text && Pruning("1") == nil && Pruning("1:4") == nil)
    let transformer = Transformer(
      try ModelConfiguration(architecture: .llama, width: 20, depth: 1, vocabulary: 11))
    let weights = transformer.initialParameters(seed: 1)
    let pruned = pruning(weights, of: transformer)
    for parameter in transformer.parameters {
      guard parameter.traits.mapsBetweenWidths else {
        #expect(parameter.range.allSatisfy { pruned[$0] == weights[$0] })
        continue
      }
      for matrix in parameter.matrices {
        let columns = (0..<matrix.columns).map { column in
          (0..<matrix.rows).map { parameter.range.lowerBound + matrix.offset + $0 * matrix.stride + column }
        }
        let groups =
          text == "2:4"
          ? columns.flatMap { rows in
            stride(from: 0, to: rows.count, by: 4).map { Array(rows[$0..<min($0 + 4, rows.count)]) }
          } : [columns.flatMap { $0 }]
        for group in groups {
          let zeros = group.filter { pruned[$0] == 0 }
          let count = text == "2:4" ? group.count - 2 : Int((0.3 * Double(group.count)).rounded())
          #expect(zeros.count == count)
          let least = group.filter { pruned[$0] != 0 }.map { abs(weights[$0]) }.min() ?? 0
          #expect(zeros.allSatisfy { abs(weights[$0]) <= least })
          #expect(group.allSatisfy { pruned[$0] == 0 || pruned[$0] == weights[$0] })
        }
      }
    }
  }

  @Test("Hidden units that are 0 are counted, and spare operations")
  func hiddenUnits() throws {
    let plan = try TestSupport.plan(
      "model: {depth: 2, context: 32}\ntraining: {batch: 256, warmup_steps: 10}\n"
        + "grid: {width: 16, tokens: 8k, activation: [gelu, relu, squared_relu], active_hidden: [1, 0.25]}\n")
    let jobs = try TrainedJobs(plan, in: try TemporaryFolder().path)
    let table = ResultsTable(plan) { jobs.results[$0.configuration.identifier] }
    for (row, run) in zip(table.rows, plan.runs) {
      let all = run.counts.forwardFlopsPerToken
      // Two blocks with 64 hidden units, each of which 16 outputs read.
      let down = Double(2 * 2 * 64 * 16)
      let active = row.number("hidden_active")
      switch (row.text("activation"), row.number("active_hidden")) {
      case ("gelu", 1): #expect(active == nil)
      case ("gelu", _): #expect(active == 0.25)
      case (_, 1): #expect((active ?? 0) > 0.2 && (active ?? 1) < 0.8)
      default: #expect((active ?? 0) > 0.1 && (active ?? 1) <= 0.25)
      }
      #expect(abs((row.number("event_operations") ?? 0) - (all - down * (1 - (active ?? 1)))) < 1e-12 * all)
      // Of the six products with hidden units that training does, all but one are spared where they are 0.
      let spared = Double(row.tokens ?? 0) * 5 * down * (1 - (active ?? 1))
      let (exact, events) = (row.number("c_exact") ?? 0, row.number("c_events") ?? 0)
      #expect(abs(exact - events - spared) < 1e-12 * exact)
    }
  }
}
