import Corpora
import Foundation
import Models
import RandomNumbers
import Testing
import Training

/// A training agrees with an independent one in double precision: the gradients of the first step, and ten losses.
@Suite struct GoldenTests {
  @Test(
    "Gradients and losses agree with a scalar reference",
    arguments: [
      (
        ModelConfiguration.Architecture.gpt2, ModelConfiguration.Positions.rotary,
        ModelConfiguration.Parametrisation.mup
      ),
      (.gpt2, .learned, .standard), (.llama, .rotary, .standard), (.llama, .none, .mup),
    ])
  func training(
    _ architecture: ModelConfiguration.Architecture, _ positions: ModelConfiguration.Positions,
    _ parametrisation: ModelConfiguration.Parametrisation
  ) throws {
    try agrees { vocabulary in
      try ModelConfiguration(
        architecture: architecture, width: 8, depth: 2, heads: 3, headWidth: 4, context: 5,
        vocabulary: vocabulary,
        positions: positions, parametrisation: parametrisation)
    }
  }

  @Test(
    "Gradients and losses of models with experts agree with a scalar reference",
    arguments: [
      (
        ModelConfiguration.Architecture.gpt2,
        MoE(experts: 4, topK: 2, gate: .choiceFirst, balance: .none, zLoss: 0)
      ),
      (
        .llama,
        MoE(
          experts: 3, granularity: 4, shared: 1, placement: .everyOther, balance: .none, zLoss: 0)
      ),
      (.gpt2, MoE(experts: 5, balance: .none, zLoss: 0)),
    ])
  func experts(_ architecture: ModelConfiguration.Architecture, _ moe: MoE) throws {
    try agrees { vocabulary in
      try ModelConfiguration(
        architecture: architecture, width: 8, depth: 2, context: 5, vocabulary: vocabulary, moe: moe)
    }
  }

  @Test("Gradients and losses of grouped queries agree with a scalar reference", arguments: [1, 2])
  func groupedQueries(_ kvHeads: Int) throws {
    try agrees { vocabulary in
      try ModelConfiguration(
        architecture: .llama, width: 8, depth: 2, heads: 4, headWidth: 4, kvHeads: kvHeads, context: 5,
        vocabulary: vocabulary)
    }
  }

  @Test(
    "So do those of other update rules and objectives", arguments: ModelConfiguration.Parametrisation.allCases
  )
  func otherRules(_ parametrisation: ModelConfiguration.Parametrisation) throws {
    for (momentum, smoothing, mask) in [(0.8, 0, 0), (nil, 0.2, 0), (nil, 0, 0.4), (0.9, 0.1, 0.9)] {
      try agrees(momentum: momentum, smoothing: smoothing, mask: mask) { vocabulary in
        try ModelConfiguration(
          width: 8, depth: 1, context: 5, vocabulary: vocabulary, parametrisation: parametrisation)
      }
    }
  }

  /// - Parameter momentum: The momentum of SGD; nil for AdamW.
  private func agrees(
    momentum: Double? = nil, smoothing: Double = 0, mask: Double = 0,
    _ model: (_ vocabulary: Int) throws -> ModelConfiguration
  ) throws {
    let rule = try #require(updateRules.first { $0.name == "sgd" })
    let objective = try #require(trainingObjectives.first { $0.name == "smoothed_next_token" })
    let folder = try ScratchFolder()
    let (source, corpus) = try smallCorpus(in: folder, context: 5)
    let model = try model(corpus.vocabulary)
    let training = TrainingConfiguration(
      tokens: 100, batch: .fixed(10), learningRate: 0.005, warmupSteps: 3,
      schedule: .cooldown(fraction: 0.4, shape: .sqrt),
      updateRule: momentum.map { Selection(rule, ["momentum": $0]) },
      objective: smoothing + mask > 0
        ? Selection(objective, ["label_smoothing": smoothing, "mask": mask]) : nil,
      weightDecay: 0.1, clip: 0.5)
    let trainer = try Trainer(
      RunConfiguration(
        corpus: source, corpusFingerprint: corpus.fingerprint, model: model, training: training, seed: 11),
      corpus: corpus)
    let windows = try corpus.training(tokens: 110)
    var judge = Judge(trainer, model)
    (judge.momentum, judge.smoothing, judge.mask) = (momentum, smoothing, mask)
    for step in 0..<10 {
      if trainer.state.tokens >= 60 && trainer.state.branched == nil {
        trainer.state.branched = trainer.state.tokens
      }
      let tokens = [2 * step, 2 * step + 1].map { windows[$0].map(Int.init) }
      let expected = judge.step(tokens, first: 2 * step)
      let found = trainer.step(of: 100)
      #expect(abs(found.loss - expected.loss) < 2e-5, "step \(step)")
      #expect(abs(found.gradientNorm - expected.norm) < 1e-4 * expected.norm, "step \(step)")
      guard step == 0 else { continue }
      for parameter in trainer.transformer.layout.parameters {
        for (i, index) in parameter.range.enumerated() {
          let slope = judge.gradients[parameter.name]?[i] ?? .nan
          #expect(
            abs(Double(trainer.gradient[index]) - slope) < 1e-6 + 1e-4 * abs(slope), "\(parameter.name) \(i)")
        }
      }
    }
  }
}

/// The reference training: ten steps of AdamW on scalars.
private struct Judge {
  private let model: ModelConfiguration
  private let names: [String]
  /// The momentum of SGD; nil for AdamW.
  var momentum: Double?
  var smoothing = 0.0
  var mask = 0.0
  private var weights: [String: [Double]] = [:]
  private var moments: [String: [(Double, Double)]] = [:]
  private(set) var gradients: [String: [Double]] = [:]
  private var steps = 0

  init(_ trainer: Trainer, _ model: ModelConfiguration) {
    self.model = model
    let parameters = trainer.transformer.layout.parameters
    names = parameters.map(\.name)
    for parameter in parameters {
      weights[parameter.name] = parameter.range.map { Double(trainer.state.parameters[$0]) }
      moments[parameter.name] = Array(repeating: (0, 0), count: parameter.count)
    }
  }

  /// - Parameter first: The number of the first window among all.
  mutating func step(_ windows: [[Int]], first: Int) -> (loss: Double, norm: Double) {
    let tape = ScalarTape()
    var scalars: [String: [Scalar]] = [:]
    for name in names { scalars[name] = (weights[name] ?? []).map(tape.variable) }
    let reference = ReferenceTransformer(configuration: model, weights: scalars)
    let losses = windows.enumerated().flatMap { index, window in
      zip(reference.losses(window, smoothing: smoothing), weights(ofWindow: first + index)).map { $0 * $1 }
    }
    let loss = sum(losses) * (1 / Double(losses.count))
    let slopes = tape.gradients(of: loss)
    for name in names { gradients[name] = (scalars[name] ?? []).map { slopes[$0.index] } }
    let norm = names.flatMap { gradients[$0] ?? [] }.reduce(0) { $0 + $1 * $1 }.squareRoot()

    // Three steps of warmup, constant to 60 tokens, then 1 − √x to the end.
    let seen = Double(steps * 10)
    let cooldown = seen < 60 ? 1 : 1 - ((seen - 60) / 40).squareRoot()
    let rate = 0.005 * min(1, Double(steps + 1) / 3) * cooldown
    steps += 1
    for name in names {
      let isVector = name.hasSuffix(".gain") || name.hasSuffix(".bias")
      let isHidden = !isVector && name.hasPrefix("blocks")
      let ratio = model.parametrisation == .mup ? Double(model.width) / 32 : 1
      let eta = rate * (momentum == nil ? (isHidden ? 1 / ratio : 1) : (isHidden ? 1 : ratio))
      for i in (weights[name] ?? []).indices {
        let g = (gradients[name]?[i] ?? .nan) * min(1, 0.5 / norm)
        guard var (m, v) = moments[name]?[i], let w = weights[name]?[i] else { continue }
        if let momentum {
          m = momentum * m + g
          moments[name]?[i] = (m, 0)
          weights[name]?[i] = w - eta * (m + (isVector ? 0 : 0.1) * w)
          continue
        }
        m = 0.9 * m + 0.1 * g
        v = 0.95 * v + 0.05 * g * g
        let mHat = m / (1 - pow(0.9, Double(steps)))
        let vHat = v / (1 - pow(0.95, Double(steps)))
        moments[name]?[i] = (m, v)
        weights[name]?[i] = w - eta * (mHat / (vHat.squareRoot() + 1e-8) + (isVector ? 0 : 0.1) * w)
      }
    }
    return (loss.value, norm)
  }

  /// The weights of a window's losses, whose mean is 1.
  private func weights(ofWindow position: Int) -> [Double] {
    let rows = model.context
    let kept = max(1, rows - Int((mask * Double(rows)).rounded()))
    // The seed of the run, mixed with the constant that the objective uses.
    let order = Shuffle(count: rows, key: mix(mix(11, 0x6D61_736B), UInt64(position)))
    return order.map { $0 < kept ? Double(rows) / Double(kept) : 0 }
  }
}
