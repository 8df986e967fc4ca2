import Corpora
import Execution
import Models
import Plans
import TestSupport
import Testing
import Training

/// Runs that differ in the format of their weights after training.
@Suite struct QuantisedTests {
  private static let settings =
    "model: {depth: 1, context: 32}\ntraining: {batch: 256, warmup_steps: 10}\ngrid: {width: 16, tokens: [8k, 16k], "

  @Test(
    "They are trained once, judged with rounded weights, and the same however interrupted",
    arguments: ["", "schedule: {cosine: 0.1}, ", "schedule: {cooldown: 0}, "])
  func once(schedule: String) throws {
    let grid = Self.settings + schedule
    let plain = try TestSupport.plan(grid + "quantised: none}\n")
    let all = try TestSupport.plan(grid + "quantised: [none, int8, int2]}\n")
    #expect(all.runs.count == 6)
    #expect(all.runs.trainingFlops == plain.runs.trainingFlops)
    let trunks = { (plan: Plan) in Set(plan.runs.map(\.configuration.trunkIdentifier)) }
    #expect(trunks(all) == trunks(plain))
    let (one, two) = (try TemporaryFolder(), try TemporaryFolder())
    let alone = try TrainedJobs(plain, in: one.path, keepsCheckpoints: true)
    let together = try TrainedJobs(all, in: two.path, keepsCheckpoints: true)
    #expect(together.results.count == 6 && together.flops == alone.flops)
    for (run, result) in alone.results { #expect(together.results[run] == result) }
    // A finished training whose checkpoint was kept is only judged.
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
        parameters: model.parameters, tokenizer: model.tokenizer)
      let corpus = try CorpusCache(allowing: [packageFolder]).corpus(of: run.configuration)
      let loss = rounded.evaluation(on: corpus, threads: 1) { _ in }.loss
      #expect(loss == together.results[run.configuration.identifier]?.loss)
      #expect(
        run.configuration.training.quantised == nil
          || loss != alone.results[run.configuration.trained.identifier]?.loss)
    }
  }
}
