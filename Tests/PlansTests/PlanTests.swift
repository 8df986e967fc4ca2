import Files
import Foundation
import Models
import Plans
import TestSupport
import Testing
import Training

@Suite struct PlanTests {
  /// The closed form for the number of steps, which budgets of any size need, agrees with a loop.
  @Test func stepsAreThoseOfALoop() throws {
    let ramps = [[(0, 3)], [(0, 5), (7, 2), (8, 9)], [(0, 1000), (500, 100)], [(0, 4), (1, 5), (2, 6)]]
    for ramp in ramps {
      let batch = try BatchSchedule(stages: ramp.map { BatchSchedule.Stage(from: $0.0, tokens: $0.1) })
      for tokens in 0...1300 {
        var ends = [0]
        while let last = ends.last, last < tokens { ends.append(last + batch.tokens(after: last)) }
        let end = batch.end(ofTraining: tokens)
        #expect(end.steps == ends.count - 1 && end.tokens == ends.last)
        for target in [Double(tokens), Double(tokens) - 0.3] where target > 0 {
          let before = ends.last { Double($0) < target } ?? 0
          let next = ends.first { Double($0) >= target } ?? 0
          let nearest = Double(next) - target > target - Double(before) ? before : next
          #expect(batch.stepEnd(nearest: target) == nearest, "\(ramp) \(target)")
        }
      }
    }
  }

  @Test func theFirstKeyChangesSlowest() throws {
    let runs = try plan("grid: {width: [16, 24], tokens: [100k, 200k], seeds: [1, 7]}\n").runs
    #expect(
      runs.map(\.label) == [
        "width 16, tokens 100k, seed 1", "width 16, tokens 100k, seed 7", "width 16, tokens 200k, seed 1",
        "width 16, tokens 200k, seed 7", "width 24, tokens 100k, seed 1", "width 24, tokens 100k, seed 7",
        "width 24, tokens 200k, seed 1", "width 24, tokens 200k, seed 7",
      ])
    // 100k tokens are 195.3 steps of 512.
    #expect(runs[0].steps == 196 && runs[0].tokens == 196 * 512)
    #expect(Set(runs.map(\.configuration.trunkIdentifier)).count == 4)
    #expect(Set(runs.map(\.configuration.identifier)).count == 8)
  }

  @Test func aListOfMappingsIsAUnionWithoutDuplicates() throws {
    let runs = try plan(
      """
      grid:
        - {width: [16, 24], tokens: 100k}
        - {width: [24, 32], tokens: 100k, seeds: 2}
      """
    ).runs
    #expect(
      runs.map { "\($0.configuration.model.width) \($0.configuration.seed)" } == [
        "16 0", "24 0", "24 1", "32 0", "32 1",
      ])
  }

  @Test func aBudgetBuysTokensAtTheModelsOwnPrice() throws {
    let runs = try plan("grid: {width: [16, 32], flops: [4e10, 8e10]}\n").runs
    #expect(runs.map(\.isoFLOPBudget) == [4e10, 8e10, 4e10, 8e10])
    for run in runs {
      #expect(run.configuration.training.tokens == run.tokens)
      #expect(run.tokens.isMultiple(of: 512))
      // Within half a step of the budget.
      let batch = run.configuration.training.batch.tokens(after: run.tokens)
      let step = Double(batch) / 2 * run.counts.trainingFlopsPerToken
      #expect(abs(run.flops - (run.isoFLOPBudget ?? 0)) <= step)
    }
    #expect(runs[0].tokens > runs[2].tokens)
  }

  @Test func oneExpertIsTheDenseModelAndMoreAreAnother() throws {
    let runs = try plan("grid: {width: 16, tokens: 100k, experts: [1, 8], granularity: [1, 2]}\n").runs
    let dense = try plan("grid: {width: 16, tokens: 100k}\n").runs
    // Granularity has no effect without experts: the two dense runs are identical.
    #expect(runs.map(\.configuration.model.moe?.granularity) == [nil, 1, 2])
    #expect(runs[0].configuration.identifier == dense[0].configuration.identifier)
    #expect(!runs[0].configuration.canonicalJSON.contains("mixture"))
    #expect(runs[1].counts.total > 5 * runs[1].counts.active / 2)
    #expect(runs[1].flops < 1.1 * runs[0].flops)
  }

  @Test func balancesHaveWeightsOfTheirOwn() throws {
    let mixtures = try plan(
      """
      grid:
        - {width: 16, tokens: 100k, experts: 4, balance: [auxiliary, bias, none]}
        - {width: 16, tokens: 100k, experts: 4, balance: bias, balance_weight: 0.1, capacity_factor: [1.25, none]}
      """
    ).runs.map(\.configuration.model.moe)
    #expect(mixtures.map { $0?.balanceWeight } == [0.01, 0.01, 0, 0.1, 0.1])
    #expect(mixtures.map { $0?.capacityFactor } == [nil, nil, nil, 1.25, nil])
  }

  @Test("An architecture is a word for a design and its sequence layers, which `layers` overrides")
  func presets() throws {
    let runs = try plan(
      """
      grid:
        - {architecture: [gpt2, llama, mamba, hybrid, performer], depth: [2, 6], width: 16, tokens: 100k}
        - {architecture: hybrid, depth: [3, 8], width: 16, tokens: 100k}
        - {architecture: performer, layers: AL, width: 16, tokens: 100k, feature_map: elu}
      """
    ).runs
    let models = runs.map(\.configuration.model)
    #expect(
      models.map(\.layers) == [
        nil, nil, nil, nil, "MM", "MMMMMM", "MA", "MMMAMM", "LL", "LLLLLL", "MMA", "MMMAMMMA", "AL",
      ])
    let designs = Array(repeating: ModelConfiguration.Architecture.llama, count: 6)
    #expect(models.map(\.architecture) == [.gpt2, .gpt2] + designs + [.gpt2, .gpt2, .llama, .llama, .gpt2])
    #expect(models.map(\.featureMap) == Array(repeating: nil, count: 8) + [.favor, .favor, nil, nil, nil])
    #expect(models.map(\.tiedHead) == models.map { $0.architecture == .gpt2 })
    #expect(
      runs.map { $0.settings["architecture"]?.description } == [
        "gpt2", "gpt2", "llama", "llama", "mamba", "mamba", "hybrid", "hybrid", "performer", "performer",
        "hybrid", "hybrid", "performer",
      ])
    // The words stand for settings: the model is the same.
    let spelled = try plan(
      "grid: {architecture: llama, layers: [MM, MA], width: 16, tokens: 100k}\n"
    ).runs.map(\.configuration.identifier)
    #expect(spelled == [runs[4], runs[6]].map(\.configuration.identifier))
    #expect(
      complaint(
        """
        title: t
        corpus: {source: \(packageFolder)/corpora/village.yaml, validation_tokens: 4096}
        grid:
          depth: 1
          architecture: [mamba, hybrid]
          width: 16
          tokens: 100k
        """)
        == "e.yaml:4: a hybrid of depth 1 has no place for two kinds of layers. Give it at least 2 blocks, or choose llama or mamba."
    )
  }

  @Test("A setting may be without effect on some runs, but not on all")
  func settingsWithoutEffect() throws {
    let runs = try plan(
      "model: {window: 32, top_k: 2}\ngrid: {layers: [AA, AW], experts: [1, 4], width: 16, tokens: 100k}\n"
    ).runs
    #expect(runs.map(\.configuration.model.window) == [nil, nil, 32, 32])
    #expect(runs.map(\.configuration.model.moe?.topK) == [nil, 2, nil, 2])
  }

  @Test func mixturesThatCannotBeAreNamedByTheirLine() {
    let error = #expect(throws: InputError.self) {
      try plan("model:\n  experts: 4\n  top_k: 5\ngrid: {width: 16, tokens: 100k}\n")
    }
    #expect(error?.message.contains("top_k is 5 of 4 experts") ?? false)
    #expect(error?.line != nil)
  }

  @Test func anySettingMayBeSwept() throws {
    let runs = try plan(
      """
      model: {width: 16, parametrisation: standard}
      training: {tokens: 200k, learning_rate: {at_width: 32, rate: 0.01, exponent: -1}}
      grid:
        family: [gpt2, llama]
        positions: [rotary, learned]
        learning_rate: [{at_width: 32, rate: 0.01, exponent: -1}, 0.004]
        batch: [512, [{from: 0, tokens: 256}, {from: 100k, tokens: 512}]]
        unique_tokens: [50k, 100k]
        schedule: [{cooldown: 0.3, shape: sqrt}, {cosine: 0.1, over: 300k}]
      """
    ).runs
    #expect(runs.count == 64)
    #expect(Set(runs.map(\.configuration.training.learningRate)) == [0.02, 0.004])
    #expect(
      Set(runs.map(\.configuration.training.schedule)) == [
        .cooldown(fraction: 0.3, shape: .sqrt), .cosineOver(final: 0.1, tokens: 300_000),
      ])
    #expect(Set(runs.map(\.configuration.corpus.uniqueTokens)) == [50_000, 100_000])
    #expect(
      runs.last?.label == "architecture llama, positions learned, learning_rate 0.004, "
        + "batch [from 0, tokens 256; from 100k, tokens 512], unique_tokens 100k, schedule cosine 0.1, over 300k"
    )
  }

  @Test func theUsualRateFollowsTheParametrisation() throws {
    let runs = try plan("grid: {width: [16, 64], tokens: 100k, parametrisation: [mup, standard]}\n").runs
    #expect(runs.map(\.configuration.training.learningRate) == [0.008, 0.016, 0.008, 0.004])
  }

  @Test(arguments: [
    (
      "grid:\n  width: [16, 32]\n  flops: [1e11, 1e6]\n",
      "e.yaml:5: a budget of 1000000.0 FLOPs is too small for one step of 512 tokens at width 16. "
        + "Raise the budget, or remove this width."
    ),
    (
      "grid: {width: 16, tokens: 100}\n",
      "e.yaml:3: 100 tokens are too few for one step of 512 tokens. Give at least 512 tokens, or a smaller `batch`."
    ),
    (
      "grid: {width: 16, tokens: 20k}\n",
      "e.yaml:3: a run of 40 steps at width 16 ends within its warmup of 100 steps. "
        + "Raise `tokens` to at least 51712 tokens, or lower `warmup_steps` or `batch` in `training`."
    ),
    (
      "model:\n  heads: 3\ngrid: {width: 16, tokens: 1M}\n",
      "e.yaml:4: 3 heads do not divide the width 16. Choose heads among [1, 2, 4]."
    ),
    (
      "model:\n  head_width: 6\ngrid: {width: 16, tokens: 1M}\n",
      "e.yaml:4: 3 heads of width 6: a head's width must be a multiple of 4. "
        + "Choose heads of width 8, or a width that is a multiple of 12."
    ),
    (
      "model:\n  layers: AA\n  window: 32\ngrid: {width: 16, tokens: 1M}\n",
      "e.yaml:5: `window` has no effect, because no model has a layer W. Remove it, or give a model a layer W."
    ),
    (
      "grid:\n- {width: 16, tokens: 1M, layers: AM, state: 8}\n- {width: 16, tokens: 1M, layers: [AA, AL], state: [4, 8]}\n",
      "e.yaml:5: `state` has no effect, because no model has a layer M or D. Remove it, or give a model a layer M or D."
    ),
    (
      "model: {layers: LL, features: 8}\ngrid: {width: 16, tokens: 1M}\n",
      "e.yaml:3: `features` has no effect, because no model has a layer L with `feature_map` favor. "
        + "Remove it, or give a model a layer L with `feature_map` favor."
    ),
    (
      "grid:\n  width: 16\n  tokens: 1M\n  granularity: [1, 2]\n",
      "e.yaml:6: `granularity` has no effect, because no model has more than one expert. "
        + "Remove it, or give a model more than one expert."
    ),
    (
      "training:\n  batch: 500\ngrid: {width: 16, tokens: 1M}\n",
      "e.yaml:4: a batch of 500 tokens is not a multiple of the context 128. Write for example `batch: 384`."
    ),
    (
      "training:\n  batch: 1024\n  carry: true\ngrid: {width: 16, tokens: 1M, layers: [AA, WW]}\n",
      "e.yaml:5: `carry` has no effect, because no model has a layer M or D. "
        + "Remove it, or give a model a layer M or D."
    ),
    (
      "training:\n  carry: true\ngrid: {width: 16, tokens: 1M, layers: MM}\n",
      "e.yaml:4: windows carry states only in batches of one size, as each window of a batch continues a text of its "
        + "own. Give for example `batch: 1024`."
    ),
    (
      "training: {batch: 1024, carry: true}\ngrid: {width: 16, tokens: 1M, layers: ML}\n",
      "e.yaml:3: linear attention carries no state from window to window: its sums never decay, and its features "
        + "depend on the position in a window. Leave layers L out, or remove `carry`."
    ),
  ])
  func whatCannotBeIsNamedWithItsLine(rest: String, message: String) {
    let corpus = "corpus: {source: \(packageFolder)/corpora/village.yaml, validation_tokens: 4096}"
    #expect(complaint("title: t\n\(corpus)\n\(rest)") == message)
  }

  @Test func anUnknownCorpusIsNamedWithItsLine() {
    let message = complaint("title: t\ncorpus:\n  source: vilage\ngrid: {width: 16, tokens: 1M}\n")
    #expect(message?.hasPrefix("e.yaml:3: there is no corpus `vilage`") == true)
  }

  @Test func aCorpusIsOpenedOnce() throws {
    let corpora = CorpusCache(allowing: [packageFolder])
    let runs = try plan("grid: {width: 16, tokens: 100k}\n").runs
    let first = try corpora.corpus(runs[0].configuration.corpus, context: 128, lanes: nil)
    #expect(try corpora.corpus(runs[0].configuration.corpus, context: 128, lanes: nil) === first)
    #expect(try corpora.corpus(runs[0].configuration.corpus, context: 128, lanes: 4) !== first)
  }
}
