import Autograd
import Foundation
import Models
import RandomNumbers
import Testing

/// Programs whose windows begin with the recurrent states of earlier windows.
@Suite struct CarriedStatesTests {
  private static let sequences = 3
  private static let pieces = 4

  private func model(_ layers: String, context: Int) throws -> ModelConfiguration {
    try ModelConfiguration(
      width: 24, headWidth: 8, layers: layers, state: 5, context: context, vocabulary: 37)
  }

  /// The losses of each sequence of pseudo-random tokens, read in windows of `context` positions.
  private func losses(_ model: ModelConfiguration, length: Int, gradients: Bool) -> [[Float]] {
    let transformer = Transformer(model)
    let loss = transformer.lossProgram(
      windows: Self.sequences, gradients: gradients, carries: model.context < length)
    let parameters = transformer.initialParameters(seed: 4)
    var random = SplitMix64(seed: 9)
    let tokens = (0..<Self.sequences).map { _ in
      (0...length).map { _ in Int32(random.uniform() * Double(model.vocabulary)) }
    }
    let arena = Arena(for: loss.program)
    let (earlier, later) = (
      FloatBuffer(count: loss.program.stateCount), FloatBuffer(count: loss.program.stateCount)
    )
    // A program that cannot run backward may keep them in one place.
    if gradients { arena.carry(from: earlier, to: later) }
    var losses: [[Float]] = tokens.map { _ in [] }
    for start in stride(from: 0, to: length, by: model.context) {
      for (sequence, tokens) in tokens.enumerated() {
        for t in 0..<model.context {
          arena.integers(loss.inputs)[sequence * model.context + t] = tokens[start + t]
          arena.integers(loss.targets)[sequence * model.context + t] = tokens[start + t + 1]
        }
      }
      // Twice: a replay leaves the states before it as they were.
      for _ in 0..<(gradients ? 2 : 1) { loss.program.forward(arena, parameters: parameters) }
      for sequence in tokens.indices {
        losses[sequence] += arena.output[sequence * model.context..<(sequence + 1) * model.context]
      }
      if gradients { earlier.copy(from: later) }
    }
    return losses
  }

  @Test(
    "Windows that carry states have the losses of one long window", arguments: ["M", "D", "MD"], [1, 5, 21])
  func longWindow(_ layers: String, context: Int) throws {
    let length = Self.pieces * context
    let whole = losses(try model(layers, context: length), length: length, gradients: false)
    for gradients in [false, true] {
      let carried = losses(try model(layers, context: context), length: length, gradients: gradients)
      for (carried, whole) in zip(carried, whole) {
        for (carried, whole) in zip(carried, whole) { #expect(abs(carried - whole) < 2e-6) }
      }
    }
  }

  @Test("The size of a model's states is that of the program that continues its sequences")
  func size() throws {
    // Sizes in whole vectors, as programs have them.
    for (layers, bytes) in [
      ("M", 4 * 64 * (8 + 3)), ("D", 4 * 2 * (16 * 8 + 3 * 32)), ("MAD", 4 * (704 + 448)), ("AW", 0),
    ] {
      let model = try ModelConfiguration(width: 32, layers: layers, state: 8, context: 16, vocabulary: 9)
      #expect(model.stateByteCount == bytes && model.isRecurrent == (bytes > 0), "\(layers)")
      guard !layers.contains("A") else { continue }
      let program = Transformer(model).continuationProgram(sequences: 1, rows: 1, capacity: 1).program
      #expect(program.stateByteCount == bytes, "\(layers)")
    }
    // The sums of four heads: eight features, eight values and a one.
    let linear = try ModelConfiguration(width: 32, layers: "L", context: 16, vocabulary: 9)
    #expect(linear.stateByteCount == 4 * 4 * 8 * 9)
  }
}
