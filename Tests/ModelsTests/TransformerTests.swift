import Autograd
import Foundation
import Models
import RandomNumbers
import Testing

@Suite struct TransformerTests {
  private let designs = ModelConfiguration.Architecture.allCases.flatMap { architecture in
    ModelConfiguration.Positions.allCases.map { (architecture, $0) }
  }

  /// Loss and gradient of a batch of random tokens.
  ///
  /// - Parameter weights: The weights by name; nil for new ones.
  private func step(
    _ model: ModelConfiguration, isolated: Bool, replays: Int = 1, weights: [String: [Float]] = [:],
    trains: @escaping (String) -> Bool = { _ in true }
  ) -> (losses: [Float], gradient: [Float]) {
    let transformer = Transformer(model, trains: trains)
    let loss = transformer.lossProgram(windows: 3, gradients: true)
    let arena = Arena(for: loss.program, isolated: isolated)
    var random = SplitMix64(seed: 9)
    for i in 0..<3 * model.context {
      arena.integers(loss.inputs)[i] = Int32(random.uniform() * Double(model.vocabulary))
      arena.integers(loss.targets)[i] = Int32(random.uniform() * Double(model.vocabulary))
    }
    let parameters = transformer.initialParameters(seed: 4)
    for parameter in transformer.layout.parameters {
      for (i, weight) in (weights[parameter.name] ?? []).enumerated() {
        parameters[parameter.offset + i] = weight
      }
    }
    let gradient = FloatBuffer(count: transformer.layout.gradientCount)
    for _ in 0..<replays {
      loss.program.forward(arena, parameters: parameters)
      arena.outputGradient.update(repeating: 1)
      loss.program.backward(arena, parameters: parameters, gradients: gradient)
    }
    return (Array(arena.output), (0..<gradient.count).map { gradient[$0] })
  }

  @Test("Planned memory gives the same numbers as separate memory filled with NaN")
  func memoryPlan() throws {
    for (architecture, positions) in designs {
      let model = try ModelConfiguration(
        architecture: architecture, width: 24, depth: 3, heads: 3, context: 20, vocabulary: 37,
        positions: positions)
      let (planned, isolated) = (step(model, isolated: false), step(model, isolated: true))
      #expect(planned.losses == isolated.losses)
      #expect(planned.gradient == isolated.gradient)
      #expect(planned.gradient.allSatisfy { $0.isFinite })
    }
  }

  @Test(
    "The same holds for each sequence mixer",
    arguments: [
      ("W", .elu), ("AW", .elu), ("L", .elu), ("LA", .favor), ("M", .elu), ("AM", .elu), ("D", .elu),
      ("MD", .elu),
    ] as [(String, ModelConfiguration.FeatureMap)])
  func memoryPlanOfMixers(_ layers: String, _ featureMap: ModelConfiguration.FeatureMap) throws {
    for architecture in ModelConfiguration.Architecture.allCases {
      let model = try ModelConfiguration(
        architecture: architecture, width: 24, heads: 4, headWidth: 8, kvHeads: 2, layers: layers, window: 5,
        featureMap: featureMap, features: 12, state: 5, context: 21, vocabulary: 37)
      let (planned, isolated) = (step(model, isolated: false), step(model, isolated: true))
      #expect(planned.losses == isolated.losses)
      #expect(planned.gradient == isolated.gradient)
      #expect(planned.gradient.allSatisfy { $0.isFinite })
    }
  }

  @Test("Windows as long as the context are full attention, and shorter ones are not")
  func windows() throws {
    func losses(_ layers: String?, window: Int?) throws -> [Float] {
      step(
        try ModelConfiguration(
          width: 24, depth: 2, layers: layers, window: window, context: 21, vocabulary: 37),
        isolated: false
      ).losses
    }
    let full = try losses(nil, window: nil)
    #expect(try losses("WW", window: 21) == full && losses("WW", window: nil) == full)
    #expect(try losses("WW", window: 20) != full)
  }

  @Test("New selective scans have the rates and steps of the paper, and heads of any width beside them")
  func newScans() throws {
    let transformer = Transformer(
      try ModelConfiguration(width: 20, headWidth: 3, layers: "MM", state: 5, context: 8, vocabulary: 9))
    let weights = transformer.initialParameters(seed: 1)
    for parameter in transformer.layout.parameters {
      let values = parameter.range.map { Double(weights[$0]) }
      if parameter.name.hasSuffix("logRates") {
        for (i, value) in values.enumerated() { #expect(abs(exp(value) - Double(i / 40 + 1)) < 1e-5) }
      }
      if parameter.name.hasSuffix("step.bias") {
        let steps = values.map { log1p(exp($0)) }
        #expect(steps.allSatisfy { (0.00099...0.101).contains($0) } && Set(steps).count == 40)
        #expect(steps.contains { $0 < 0.005 } && steps.contains { $0 > 0.02 })
      }
    }
    #expect(step(transformer.configuration, isolated: false).losses.allSatisfy { $0.isFinite })
  }

  @Test("Random features are orthogonal in groups, as long as normal vectors, and are not trained")
  func randomFeatures() throws {
    let width = 8
    let transformer = Transformer(
      try ModelConfiguration(
        width: 32, layers: "L", featureMap: .favor, features: 4096, context: 16, vocabulary: 20))
    let parameters = [0, 1].map { transformer.initialParameters(seed: $0) }
    let features = try #require(
      transformer.parameters.first { $0.name == "blocks.0.linearAttention.features" })
    #expect(features.parameter.gradientRange == nil && features.count == 4096 * width)
    let rows = stride(from: features.range.lowerBound, to: features.range.upperBound, by: width).map {
      start in
      (start..<start + width).map { Double(parameters[0][$0]) }
    }
    func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    for group in [0, 8, 4088] {
      for (i, j) in [(0, 1), (0, 7), (3, 5)] { #expect(abs(dot(rows[group + i], rows[group + j])) < 1e-4) }
    }
    #expect(abs(dot(rows[0], rows[8])) > 1e-3)
    let squares = rows.map { dot($0, $0) }
    let mean = squares.reduce(0, +) / Double(rows.count)
    let variance = squares.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rows.count)
    // Those of a χ² distribution with eight degrees of freedom.
    #expect(abs(mean - 8) < 0.3 && abs(variance - 16) < 2.5)
    #expect(features.range.contains { parameters[0][$0] != parameters[1][$0] }, "they depend on the seed")
  }

  @Test("With many random features, linear attention is close to attention")
  func favorEstimatesAttention() throws {
    func model(_ layers: String, features: Int = 4) throws -> ModelConfiguration {
      try ModelConfiguration(
        width: 24, layers: layers, featureMap: .favor, features: features, context: 20, vocabulary: 37)
    }
    // The same weights. The variance of the estimate grows with the exponential of the squares of queries and keys.
    let attention = Transformer(try model("A"))
    let values = attention.initialParameters(seed: 7)
    var weights: [String: [Float]] = [:]
    for parameter in attention.layout.parameters {
      let scale: Float = parameter.name.contains("qkv") ? 0.35 : 1
      weights[parameter.name] = parameter.range.map { scale * values[$0] }
      weights[parameter.name.replacing("attention", with: "linearAttention")] = weights[parameter.name]
    }
    func losses(_ model: ModelConfiguration) -> [Float] {
      step(model, isolated: false, weights: weights).losses
    }
    let truth = losses(attention.configuration)
    func error(features: Int) throws -> Float {
      let other = losses(try model("L", features: features))
      return zip(truth, other).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }
    let (few, many) = (try error(features: 4), try error(features: 4096))
    #expect(many < few / 8 && many < 0.02, "\(few), \(many)")
  }

  @Test("The same holds with experts, some of them full")
  func memoryPlanWithExperts() throws {
    for architecture in ModelConfiguration.Architecture.allCases {
      let moe = MoE(
        experts: 3, topK: 2, granularity: 2, shared: 1, capacityFactor: 0.8, balance: .bias, noise: 0.5)
      let model = try ModelConfiguration(
        architecture: architecture, width: 24, depth: 3, context: 20, vocabulary: 37, moe: moe)
      let (planned, isolated) = (step(model, isolated: false), step(model, isolated: true))
      #expect(planned.losses == isolated.losses)
      #expect(planned.gradient == isolated.gradient)
      #expect(planned.gradient.allSatisfy { $0.isFinite })
    }
  }

  @Test("One expert is the dense model", arguments: ModelConfiguration.Architecture.allCases)
  func oneExpert(_ architecture: ModelConfiguration.Architecture) throws {
    func model(_ moe: MoE?) throws -> ModelConfiguration {
      try ModelConfiguration(
        architecture: architecture, width: 24, depth: 2, context: 20, vocabulary: 37, moe: moe)
    }
    let dense = Transformer(try model(nil))
    let routed = Transformer(try model(MoE(experts: 1, balance: .none, zLoss: 0)))
    let values = dense.initialParameters(seed: 7)
    let weights = Dictionary(
      uniqueKeysWithValues: dense.layout.parameters.map { ($0.name, $0.range.map { values[$0] }) })
    func twinName(_ name: String) -> String { name.replacing(".experts.", with: ".") }
    let ofExperts = Dictionary(
      uniqueKeysWithValues: routed.layout.parameters.map { ($0.name, weights[twinName($0.name)] ?? []) })
    let one = step(dense.configuration, isolated: false, weights: weights)
    let other = step(routed.configuration, isolated: false, weights: ofExperts)
    for (a, b) in zip(one.losses, other.losses) { #expect(abs(a - b) < 1e-6 * (1 + abs(a))) }
    for parameter in routed.layout.parameters {
      guard let twin = dense.layout.parameters.first(where: { $0.name == twinName(parameter.name) }) else {
        // The gate of a single expert is always 1.
        #expect(
          parameter.name.hasSuffix("router.weight")
            && parameter.range.allSatisfy { abs(other.gradient[$0]) < 1e-6 })
        continue
      }
      for (i, j) in zip(twin.range, parameter.range) {
        let (a, b) = (one.gradient[i], other.gradient[j])
        #expect(abs(a - b) < 1e-5 * (1 + abs(a)), "\(parameter.name)")
      }
    }
  }

  @Test("With experts of limited capacity, no position depends on later ones")
  func causalityWithExperts() throws {
    let moe = MoE(experts: 4, topK: 2, capacityFactor: 0.5)
    let transformer = Transformer(
      try ModelConfiguration(width: 32, context: 16, vocabulary: 60, moe: moe))
    let (program, inputs) = transformer.logitsProgram()
    let arena = Arena(for: program)
    let parameters = transformer.initialParameters(seed: 1)
    func logits(last: Int32) -> [Float] {
      for i in 0..<16 { arena.integers(inputs)[i] = i < 10 ? Int32(i) : last }
      program.forward(arena, parameters: parameters)
      return Array(arena.output)
    }
    let before = logits(last: 20)
    for last in 21..<40 { #expect(logits(last: Int32(last))[..<(10 * 60)] == before[..<(10 * 60)]) }
  }

  @Test("Frozen weights cost no gradient and no operations, and other gradients do not change")
  func frozen() throws {
    let model = try ModelConfiguration(
      architecture: .llama, width: 24, depth: 2, heads: 4, headWidth: 8, kvHeads: 2, context: 20,
      vocabulary: 37,
      positions: .learned, moe: MoE(experts: 3, topK: 2, placement: .everyOther, balance: .bias))
    let whole = step(model, isolated: false)
    let all = Transformer(model)
    let gradients = Dictionary(
      uniqueKeysWithValues: all.layout.parameters.map { parameter in
        (parameter.name, parameter.gradientRange.map { $0.map { whole.gradient[$0] } } ?? [])
      })
    for frozen in ["embedding", "blocks.0", "blocks.1.feedForward", "attention", "norm", "head", "router"] {
      let trained = step(model, isolated: true) { !$0.contains(frozen) }
      #expect(trained.losses == whole.losses)
      let transformer = Transformer(model) { !$0.contains(frozen) }
      for parameter in transformer.layout.parameters {
        let range = parameter.gradientRange
        #expect((range == nil) == parameter.name.contains(frozen))
        #expect(
          range.map { $0.map { trained.gradient[$0] } } ?? gradients[parameter.name]
            == gradients[parameter.name])
      }
      #expect(transformer.layout.gradientCount < all.layout.gradientCount)
    }
    // If only the head is trained, the backward pass consists only of the product of its gradient.
    let head = Transformer(model) { $0 == "head.weight" }
    let flops = head.lossProgram(windows: 1, gradients: true).program.flops
    #expect(flops.backward == 2 * 20 * 24 * 37)
    #expect(flops.forward == all.lossProgram(windows: 1, gradients: true).program.flops.forward)
  }

  @Test("A second replay gives the same gradients and does not accumulate")
  func replays() throws {
    let model = try ModelConfiguration(width: 16, depth: 2, context: 12, vocabulary: 21)
    #expect(
      step(model, isolated: false, replays: 1).gradient == step(model, isolated: false, replays: 3).gradient)
  }

  @Test("A forward program computes the same losses in much less memory")
  func forwardOnly() throws {
    let model = try ModelConfiguration(width: 32, depth: 4, context: 64, vocabulary: 50)
    let transformer = Transformer(model)
    let parameters = transformer.initialParameters(seed: 0)
    let arenas = [true, false].map { gradients in
      let loss = transformer.lossProgram(windows: 4, gradients: gradients)
      let arena = Arena(for: loss.program)
      loss.program.forward(arena, parameters: parameters)
      return (losses: Array(arena.output), bytes: arena.byteCount)
    }
    #expect(arenas[0].losses == arenas[1].losses)
    #expect(arenas[1].bytes * 3 < arenas[0].bytes)
  }

  @Test("A new model predicts uniformly, and no position depends on later ones")
  func causality() throws {
    let model = try ModelConfiguration(width: 32, context: 16, vocabulary: 60)
    let transformer = Transformer(model)
    let (program, inputs) = transformer.logitsProgram()
    let arena = Arena(for: program)
    let parameters = transformer.initialParameters(seed: 1)
    for i in 0..<16 { arena.integers(inputs)[i] = Int32(i) }
    program.forward(arena, parameters: parameters)
    let before = Array(arena.output)
    arena.integers(inputs)[10] = 55
    program.forward(arena, parameters: parameters)
    let after = Array(arena.output)
    #expect(before[..<(10 * 60)] == after[..<(10 * 60)])
    #expect(before[(10 * 60)...] != after[(10 * 60)...])
    #expect(step(model, isolated: false).losses.allSatisfy { abs(Double($0) - log(60)) < 2.5 })
  }
}
