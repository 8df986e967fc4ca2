import Autograd
import Corpora
import Execution
import Files
import Foundation
import Models
import Plans
import TestSupport
import Testing
import Training

@Suite struct LineageTests {
  private static let settings =
    "model: {depth: 1, context: 32}\ntraining: {batch: 256, warmup_steps: 10}\n"

  @Test(
    "Each generation is a run; those of a lineage share a trunk, and all that differs sets lineages apart")
  func plans() throws {
    let plan = try TestSupport.plan(
      Self.settings + "grid: {width: 16, tokens: 8k, generations: 2, keep: [replace, accumulate]}\n")
    #expect(
      plan.runs.map(\.axes).map { $0.map(\.value).joined(separator: " ") } == [
        "0 replace", "1 replace", "2 replace", "1 accumulate", "2 accumulate",
      ])
    #expect(plan.runs.map(\.tokens) == [8192, 8192, 8192, 16128, 24064])
    let trunks = plan.runs.map(\.configuration.trunkIdentifier)
    #expect(trunks[1] == trunks[2] && trunks[3] == trunks[4] && Set(trunks).count == 3)
    for (run, generation) in zip(plan.runs, [0, 1, 2, 1, 2]) {
      #expect(run.settings["generation"]?.description == "\(generation)")
    }
    // What a lineage costs is what all of its generations cost.
    #expect(plan.runs.trainingFlops == plan.runs.reduce(0) { $0 + $1.flops })
    let other = try TestSupport.plan(
      Self.settings + "synthetic: {generations: 2, temperature: 0.5}\ngrid: {width: 16, tokens: [8k, 16k]}\n")
    #expect(other.runs.count == 6)
    #expect(Set(trunks + other.runs.map(\.configuration.trunkIdentifier)).count == 3 + 2)
  }

  /// The mean loss of a model on windows in nats per token, from its logits.
  private func naiveLoss(of model: TrainedModel, _ text: GenerationText) -> Double {
    let (program, inputs) = model.transformer.logitsProgram()
    let arena = Arena(for: program)
    let (context, vocabulary) = (text.windows.context, model.configuration.model.vocabulary)
    var nats = 0.0
    for place in text.places {
      let tokens = text.windows[place].map(Int.init)
      for position in 0..<context { arena.integers(inputs)[position] = Int32(tokens[position]) }
      program.forward(arena, parameters: model.parameters)
      for position in 0..<context {
        let row = (0..<vocabulary).map { Double(arena.output[position * vocabulary + $0]) }
        nats += log(row.reduce(0) { $0 + exp($1) }) - row[tokens[position + 1]]
      }
    }
    return nats / Double(text.places.count * context)
  }

  @Test("Samples are what the model before writes, and their entropy is its loss on them")
  func samples() throws {
    let folder = try TemporaryFolder()
    let plan = try TestSupport.plan(
      Self.settings
        + "synthetic: {generations: 2, fraction: 0.5}\ngrid: {width: 16, tokens: 8k, keep: [replace, accumulate]}\n"
    )
    let results = try TrainedJobs(plan, in: folder.path, keepsCheckpoints: true).results
    #expect(results.count == 5)
    let store = try RunStore(folder.path)
    let corpus = try CorpusCache(allowing: [packageFolder]).corpus(of: plan.runs[0].configuration)
    let entropy = try #require(corpus.validationEntropy?.total)
    for run in plan.runs.dropFirst() {
      let (configuration, result) = (run.configuration, try #require(results[run.configuration.identifier]))
      let (samples, statistics) = (try #require(configuration.samples), try #require(result.samples))
      var texts = [try GenerationText(of: corpus, for: configuration)]
      var losses: [Double] = []
      for generation in 1...samples.generation {
        let before = store.folder(of: configuration.generation(generation - 1))
        let model = try TrainedModel(checkpoint: before.checkpoint)
        let text = try GenerationText(
          generation: generation, samplesOf: model, after: texts[generation - 1], corpus, for: configuration,
          samples
        ) { _ in }
        losses.append(naiveLoss(of: model, text))
        #expect(text.places.count == 128)
        for place in text.places {
          #expect(text.windows[place].first == texts[generation - 1].windows[place].first)
        }
        // The others are new text of the corpus.
        let known = try corpus.training(tokens: 8192 * (generation + 1))
        for place in Set(0..<256).subtracting(text.places) {
          #expect(text.windows[place] == known[256 * generation + place])
        }
        texts.append(text)
      }
      let loss = losses[samples.generation - 1]
      #expect(abs(loss - statistics.entropy) < 1e-4 * loss)
      // So small a model hardly spells a name.
      #expect(statistics.names < statistics.namesOfCorpus && statistics.namesOfCorpus > 0)
      // The whole training text: its samples, and the rest from the corpus.
      let sampled = samples.keep == .replace ? [loss] : losses
      let windows = samples.keep == .replace ? 256 : 256 * (samples.generation + 1)
      let share = 128 * Double(sampled.count) / Double(windows)
      let mixed = share * sampled.reduce(0, +) / Double(sampled.count) + (1 - share) * entropy
      #expect(abs((result.trainingEntropy ?? 0) - mixed) < 1e-4 * mixed)
      #expect(result.uniqueTokens == result.tokens)
    }
  }

  @Test("Interrupted at any point, damaged or continued later, a lineage has the same numbers")
  func interruptions() throws {
    let text =
      Self.settings + "synthetic: {generations: GENERATIONS}\ngrid: {width: 16, tokens: 8k, keep: KEEP}\n"
    for keep in ["replace", "accumulate"] {
      let plans = try [1, 3].map {
        try TestSupport.plan(
          text.replacing("GENERATIONS", with: "\($0)").replacing("KEEP", with: keep))
      }
      let whole = try TemporaryFolder()
      let first = try TrainedJobs(plans[1], in: whole.path)
      let expected = first.results
      #expect(expected.count == 4 && first.remarks.isEmpty)
      // All progress adds up to what was planned.
      #expect(abs(first.progress - first.planned) < 0.1 * first.planned)
      #expect(try FileAccess.names(in: "\(whole.path)/trunks").isEmpty)
      for (calls, removes) in [(12, false), (40, false), (57, true)] {
        let folder = try TemporaryFolder()
        let jobs = try TrainedJobs(plans[1], in: folder.path, stoppingAfter: calls) {
          // A text that is gone is sampled again, from a model that is trained again.
          for trunk in try FileAccess.names(in: "\(folder.path)/trunks") where removes {
            let path = "\(folder.path)/trunks/\(trunk)/text-1.safetensors"
            if try FileAccess.exists(path) { try FileAccess.write(Data("damaged".utf8), to: path) }
          }
        }
        #expect(jobs.results == expected && jobs.stops > 2, "\(calls)")
      }
      // More generations of a finished lineage: those before are trained again for their samples.
      let longer = try TemporaryFolder()
      _ = try TrainedJobs(plans[0], in: longer.path)
      let again = try TrainedJobs(plans[1], in: longer.path)
      #expect(again.results == expected)
      #expect(again.remarks == ["generation 1 is trained again, because its samples were not kept"])
      // Unless their checkpoints are there.
      let kept = try TemporaryFolder()
      _ = try TrainedJobs(plans[0], in: kept.path, keepsCheckpoints: true)
      let others = try TrainedJobs(plans[1], in: kept.path)
      #expect(others.results == expected && others.remarks.isEmpty)
    }
  }

  @Test("Another run may write the first samples: generation 0 itself gives the same numbers")
  func otherSource() throws {
    let folder = try TemporaryFolder()
    let grid = "grid: {width: 16, tokens: 8k}\n"
    let own = try TestSupport.plan(Self.settings + "synthetic: {generations: 2}\n" + grid)
    let expected = try TrainedJobs(own, in: folder.path, keepsCheckpoints: true).results
    let first = try RunStore(folder.path).folder(of: own.runs[0].configuration).path
    let corpora = CorpusCache(allowing: [packageFolder, folder.path])
    let other = try Plan(
      experiment(
        "title: t\ncorpus: {source: \(packageFolder)/corpora/village.yaml, validation_tokens: 4096}\n"
          + Self.settings + "synthetic: {generations: 2, from: \(first)}\n" + grid), corpora: corpora)
    #expect(other.runs.count == 2)
    let results = try TrainedJobs(other, in: try TemporaryFolder().path).results
    for (run, twin) in zip(other.runs, own.runs.dropFirst()) {
      #expect(run.configuration.identifier != twin.configuration.identifier)
      #expect(results[run.configuration.identifier] == expected[twin.configuration.identifier])
    }
    // Other tokens, another place, and a file that changed.
    let foreign = try complaints(
      Self.settings
        + "synthetic: {generations: 1, from: \(first)}\ngrid: {width: 16, tokens: 8k, tokenizer: bytes}\n",
      corpora)
    #expect(foreign.contains("e.yaml:5: ") && foreign.contains("other tokens than"))
    let outside = try complaints(
      Self.settings + "synthetic: {generations: 1, from: \(first)}\n" + grid,
      CorpusCache(allowing: [packageFolder]))
    #expect(outside.contains("e.yaml:5: the model `\(first)` lies outside the folder of the experiment"))
    let checkpoint = RunFolder(first).checkpoint
    try FileAccess.write(FileAccess.read(checkpoint) + Data([0]), to: checkpoint)
    let failures = try TrainedJobs(other, in: try TemporaryFolder().path).failures
    #expect(
      failures.allSatisfy { $0.contains("has changed since the runs were planned") } && !failures.isEmpty)
  }

  private func complaints(_ rest: String, _ corpora: CorpusCache) throws -> String {
    let text =
      "title: t\ncorpus: {source: \(packageFolder)/corpora/village.yaml, validation_tokens: 4096}\n\(rest)"
    let error = #expect(throws: InputError.self) { _ = try Plan(experiment(text), corpora: corpora) }
    return error?.description ?? ""
  }

  @Test(
    "What cannot be combined is one line",
    arguments: [
      (
        "synthetic: {generations: 2}\ngrid: {width: 16, tokens: 8k, duplicates: 0.5}\n",
        "`generations` cannot be combined with `duplicates`"
      ),
      (
        "synthetic: {generations: 2}\ngrid: {width: 16, tokens: 8k, order: easy_first}\n",
        "`generations` cannot be combined with `order`"
      ),
      (
        "grid: {width: 16, tokens: 8k, generations: 2, layers: M, carry: true}\n",
        "`generations` cannot be combined with `carry`"
      ),
      ("synthetic: {generations: 2, keep: accumulate}\ngrid: {width: 16, flops: 1e10}\n", "Give `tokens`"),
      (
        "synthetic: {fraction: 0.5}\ngrid: {width: 16, tokens: 8k}\n",
        "`sample_fraction` has no effect, because no run has `generations`"
      ),
      (
        "synthetic: {generations: 1, from: nowhere}\ngrid: {width: 16, tokens: 8k}\n",
        "e.yaml:5: nowhere: no such file"
      ),
      ("synthetic: {generations: 1, tokens: 8k}\ngrid: {width: 16, tokens: 8k}\n", "tokens"),
    ])
  func exclusions(_ rest: String, _ message: String) throws {
    let complaint = try complaints(Self.settings + rest, CorpusCache(allowing: [packageFolder]))
    #expect(complaint.contains(message), "\(complaint)")
  }

  @Test("After a generation that diverges, the lineage ends with a message, and what is finished stays")
  func divergence() throws {
    let folder = try TemporaryFolder()
    let plan = try TestSupport.plan(
      Self.settings + "synthetic: {generations: 2}\ngrid: {width: 16, tokens: 20k, learning_rate: 30}\n")
    let jobs = try TrainedJobs(plan, in: folder.path)
    #expect(jobs.results.values.map(\.status) == [.diverged])
    #expect(
      jobs.failures.count == 1 && jobs.failures[0].contains("generation 0 has diverged"), "\(jobs.failures)")
  }
}
