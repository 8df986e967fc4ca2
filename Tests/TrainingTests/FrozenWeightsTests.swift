import Autograd
import Models
import Testing
import Training

/// Weights that are not trained.
@Suite struct FrozenWeightsTests {
  @Test("They have no gradient and no buffers of the update rule, cost no operations, and never change")
  func frozen() throws {
    let model = try ModelConfiguration(width: 16, depth: 2, heads: 2, context: 8, vocabulary: 11)
    let whole = Transformer(model)
    let partly = Transformer(model) { $0.hasPrefix("blocks.1.") }
    let training = TrainingConfiguration(tokens: 1000, batch: .fixed(64))
    func state(of transformer: Transformer) -> TrainingState {
      TrainingState(
        transformer, parameters: FloatBuffer(count: transformer.layout.bufferCount),
        rule: training.updateRuleType)
    }
    let all = state(of: whole)
    let some = state(of: partly)
    let trained = partly.layout.parameters.filter { $0.gradientOffset != nil }
    #expect(!trained.isEmpty && trained.allSatisfy { $0.name.hasPrefix("blocks.1.") })
    let buffers = training.updateRuleType.buffers.count
    let missing = whole.layout.gradientCount - partly.layout.gradientCount
    #expect(buffers > 0 && missing > 0 && all.byteCount - some.byteCount == 4 * buffers * missing)
    let flops = [whole, partly].map {
      $0.lossProgram(windows: 1, gradients: true).program.flops
    }
    #expect(flops[1].forward == flops[0].forward && flops[1].backward < flops[0].backward)

    for i in 0..<some.parameters.count { some.parameters[i] = 1 }
    let gradient = FloatBuffer(count: partly.layout.gradientCount)
    for i in 0..<gradient.count { gradient[i] = 1 }
    Optimizer(partly, training).update(some, gradient: gradient, gradientScale: 1, rate: 0.01, step: 1)
    for parameter in partly.layout.parameters {
      let hasChanged = parameter.range.map { some.parameters[$0] != 1 }
      #expect(Set(hasChanged) == [parameter.gradientOffset != nil], "\(parameter.name)")
    }
  }
}
