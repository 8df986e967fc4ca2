import Corpora
import Foundation
import Models
import Testing
import Training

@Suite struct LayerRoutingTests {
  private func trained(_ moe: MoE, steps: Int = 60) throws -> (Evaluation, Trainer) {
    let folder = try ScratchFolder()
    let (source, corpus) = try smallCorpus(in: folder, context: 16)
    let model = try ModelConfiguration(
      width: 16, depth: 2, context: 16, vocabulary: corpus.vocabulary, moe: moe)
    let training = TrainingConfiguration(tokens: steps * 256, batch: .fixed(256), warmupSteps: 5)
    let trainer = try Trainer(
      RunConfiguration(
        corpus: source, corpusFingerprint: corpus.fingerprint, model: model, training: training, seed: 3),
      corpus: corpus)
    for _ in 0..<steps { _ = trainer.step(of: training.tokens) }
    return (trainer.evaluate(), trainer)
  }

  @Test("Loads, entropies and specialisation agree with the choices")
  func loads() throws {
    let (evaluation, _) = try trained(MoE(experts: 4, capacityFactor: 0.5))
    #expect(evaluation.routing.map(\.block) == [0, 1])
    for layer in evaluation.routing {
      #expect(layer.loads.count == 4)
      #expect(abs(layer.loads.reduce(0, +) - 1) < 1e-12)
      let entropy = layer.loads.filter { $0 > 0 }.reduce(0) { $0 - $1 * log($1) } / log(4)
      #expect(abs(layer.loadEntropy - entropy) < 1e-12)
      #expect(layer.dead == layer.loads.count { $0 == 0 })
      // The experts accept at most half of the tokens.
      #expect(layer.dropped >= 0.5 && layer.dropped < 1)
      #expect((0...1).contains(layer.routerEntropy))
      // The text is letters of one task: their fractions are the loads.
      #expect(layer.classes["letter"] == layer.loads)
      #expect(layer.classes.count == 1 && layer.tasks.count == 1)
    }
  }

  @Test("Only choices within the capacity are counted as operations")
  func flops() throws {
    let flops = try [nil, 4, 1, 0.5].map {
      try trained(MoE(experts: 4, capacityFactor: $0, balance: .none)).1.flops
    }
    // An expert with capacity for all tokens drops none.
    #expect(flops[0] == flops[1])
    #expect(flops[2] < flops[0] && flops[3] < flops[2])
  }

  @Test("A dense model has no routing")
  func dense() throws {
    let folder = try ScratchFolder()
    let (source, corpus) = try smallCorpus(in: folder, context: 16)
    let model = try ModelConfiguration(width: 16, context: 16, vocabulary: corpus.vocabulary)
    let trainer = try Trainer(
      RunConfiguration(
        corpus: source, corpusFingerprint: corpus.fingerprint, model: model,
        training: TrainingConfiguration(tokens: 1000), seed: 0), corpus: corpus)
    #expect(trainer.evaluate().routing.isEmpty)
  }

  @Test("Biases move by their step against the load, and balance it")
  func bias() throws {
    let balanced = MoE(experts: 8, balance: .bias, balanceWeight: 0.02, zLoss: 0)
    let (evaluation, trainer) = try trained(balanced, steps: 300)
    let biases = trainer.transformer.parameters.filter { $0.traits.signStep != nil }
    #expect(biases.count == 2)
    for index in biases.flatMap(\.range) {
      let steps = Double(trainer.state.parameters[index]) / 0.02
      #expect(abs(steps - steps.rounded()) < 1e-2 && abs(steps) <= 300)
    }
    let (free, _) = try trained(MoE(experts: 8, balance: .none, zLoss: 0), steps: 300)
    for (even, uneven) in zip(evaluation.routing, free.routing) {
      #expect(even.loadEntropy > uneven.loadEntropy)
      #expect(even.loadEntropy > 0.9)
    }
  }

  @Test("The balancing loss balances loads")
  func auxiliary() throws {
    let (even, _) = try trained(MoE(experts: 8, balanceWeight: 0.05), steps: 300)
    let (uneven, _) = try trained(MoE(experts: 8, balance: .none), steps: 300)
    for (even, uneven) in zip(even.routing, uneven.routing) {
      #expect(even.loadEntropy > uneven.loadEntropy)
    }
  }
}
