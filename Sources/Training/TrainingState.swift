import Autograd
import Models

/// What training changes: weights, the buffers of the update rule, carried states, and the position in the data.
public final class TrainingState {
  public let parameters: FloatBuffer
  /// What the update rule's buffers keep.
  package let layouts: [UpdateBufferLayout]
  /// The update rule's buffers.
  package let buffers: [FloatBuffer]
  /// The recurrent states at the end of the last step's windows, by shard of the batch (`BatchGradient`); empty where
  /// windows carry none.
  let carried: [FloatBuffer]
  /// Steps done.
  public internal(set) var step = 0
  /// Tokens trained on.
  public internal(set) var tokens = 0
  /// The tokens after which the cooldown began, once it has.
  package(set) public var branched: Int?
  /// The training loss, averaged over about the last ten steps.
  public internal(set) var recentLoss: Double?
  /// The operations that steps did not need, because experts had unused places.
  public internal(set) var sparedFlops = 0.0

  /// - Parameters:
  ///   - transformer: The model that the weights belong to.
  ///   - rule: The update rule that the buffers belong to.
  ///   - carried: The floats of the states that each shard carries.
  package init(
    _ transformer: Transformer, parameters: FloatBuffer, rule: any UpdateRule.Type, carried: [Int] = []
  ) {
    self.parameters = parameters
    layouts = transformer.layouts(of: rule)
    buffers = layouts.map { FloatBuffer(count: $0.count) }
    self.carried = carried.map { FloatBuffer(count: $0) }
  }

  /// A copy of `other`.
  init(copying other: TrainingState) {
    parameters = FloatBuffer(count: other.parameters.count)
    layouts = other.layouts
    buffers = other.buffers.map { FloatBuffer(count: $0.count) }
    carried = other.carried.map { FloatBuffer(count: $0.count) }
    copy(from: other)
  }

  /// Copies everything from `other`.
  func copy(from other: TrainingState) {
    parameters.copy(from: other.parameters)
    for (buffer, source) in zip(buffers + carried, other.buffers + other.carried) {
      buffer.copy(from: source)
    }
    (step, tokens, branched, recentLoss) = (other.step, other.tokens, other.branched, other.recentLoss)
    sparedFlops = other.sparedFlops
  }

  /// The bytes of weights, buffers and carried states.
  package var byteCount: Int { 4 * (parameters.count + (buffers + carried).reduce(0) { $0 + $1.count }) }

  /// The bytes that a state without carried states would have, computed without making it.
  package static func byteCount(_ transformer: Transformer, rule: any UpdateRule.Type) -> Int {
    4 * (transformer.layout.bufferCount + transformer.layouts(of: rule).reduce(0) { $0 + $1.count })
  }
}
