import Autograd
import Corpora
import Models

/// Runs a model forward over windows, several at a time and on several threads.
final class ForwardPasses {
  /// The windows that one replay computes: the next of each lane, where windows carry recurrent states.
  let chunk: Int
  let program: LossProgram
  private let arenas: [Arena]

  /// - Parameter carries: Whether windows carry recurrent states. Chunks are then computed one after another.
  init(_ transformer: Transformer, chunk: Int, threads: Int, carries: Bool = false) {
    self.chunk = chunk
    let program = transformer.lossProgram(windows: chunk, gradients: false, carries: carries)
    self.program = program
    arenas = (0..<(carries ? 1 : max(threads, 1))).map { _ in Arena(for: program.program) }
  }

  /// The bytes of all arenas.
  var byteCount: Int { arenas.reduce(0) { $0 + $1.byteCount } }

  /// Forgets the states that windows carried.
  func clearStates() { arenas[0].clearStates() }

  /// Computes some windows, and returns what `outcome` makes of each.
  ///
  /// - Parameter outcome: Reads a window's results in an arena, from a row on. Called on several threads.
  func callAsFunction<Outcome>(
    _ windows: TokenWindows, _ range: Range<Int>, parameters: FloatBuffer,
    outcome: (_ window: Int, _ arena: Arena, _ row: Int) -> Outcome
  ) -> [Outcome] {
    let chunks = stride(from: range.lowerBound, to: range.upperBound, by: chunk).map {
      $0..<min($0 + chunk, range.upperBound)
    }
    var outcomes = [Outcome?](repeating: nil, count: range.count)
    outcomes.withUnsafeMutableBufferPointer { outcomes in
      inParallel(chunks.count, threads: arenas.count) { index, thread in
        let (chunk, arena) = (chunks[index], arenas[thread])
        for slot in 0..<self.chunk {
          // The last chunk may have fewer windows: its last window fills the other slots.
          let window = min(chunk.lowerBound + slot, chunk.upperBound - 1)
          windows.copy(
            window: window, inputs: arena.integers(program.inputs) + slot * windows.context,
            targets: arena.integers(program.targets) + slot * windows.context)
        }
        program.program.forward(arena, parameters: parameters)
        for window in chunk {
          let row = (window - chunk.lowerBound) * windows.context
          outcomes[window - range.lowerBound] = outcome(window, arena, row)
        }
      }
    }
    return outcomes.compactMap { $0 }
  }
}
