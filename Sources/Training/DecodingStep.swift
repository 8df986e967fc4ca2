import Autograd
import Models

/// The step of cached decoding that computes the last token of a window of one sequence, to be timed.
struct DecodingStep {
  private let program: Program
  private let arena: Arena
  private let parameters: FloatBuffer

  /// - Parameter parameters: Those of the model.
  init(_ transformer: Transformer, parameters: FloatBuffer) {
    let continuation = transformer.continuationProgram(sequences: 1, rows: 1, capacity: 1)
    program = continuation.program
    self.parameters = parameters
    arena = Arena(for: program)
    arena.integers(continuation.positions.starts)[0] = Int32(transformer.configuration.context - 1)
    arena.integers(continuation.positions.counts)[0] = 1
  }

  func callAsFunction() { program.forward(arena, parameters: parameters) }

  /// The least seconds of a hundred steps, milliseconds in all. A median would measure what else the machine does then.
  func measure() -> Double {
    let clock = ContinuousClock()
    return (0..<100).map { _ in clock.measure { self() }.seconds }.min() ?? 0
  }
}
