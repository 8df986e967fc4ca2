import Autograd
import Models

/// What training changes: weights, the buffers of the update rule, carried states, and the position in the data.
public final class TrainingState {
  public let parameters: FloatBuffer
  /// The names of the update rule's buffers.
  let names: [String]
  /// The update rule's buffers, each as long as a gradient.
  let buffers: [FloatBuffer]
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
  ///   - gradientCount: The length of a gradient, in floats.
  ///   - rule: The update rule that the buffers belong to.
  ///   - carried: The floats of the states that each shard carries.
  package init(
    parameters: FloatBuffer, gradientCount: Int, rule: any UpdateRule.Type, carried: [Int] = []
  ) {
    self.parameters = parameters
    names = rule.buffers
    buffers = names.map { _ in FloatBuffer(count: gradientCount) }
    self.carried = carried.map { FloatBuffer(count: $0) }
  }

  /// A copy of `other`.
  init(copying other: TrainingState) {
    parameters = FloatBuffer(count: other.parameters.count)
    names = other.names
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
  static func byteCount(_ layout: ParameterLayout, rule: any UpdateRule.Type) -> Int {
    4 * (layout.bufferCount + rule.buffers.count * layout.gradientCount)
  }
}
