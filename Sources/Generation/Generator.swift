import Autograd
import Models
import RandomNumbers

/// Continues many sequences at once, one token a step.
///
/// Keys and values of earlier positions, or the states of recurrent layers, are kept in states of the engine: a
/// prompt is read once (prefill), then each step reads one token of each sequence (decoding). Sequences wait for a
/// free slot. A sequence depends only on its prompt, the settings and its number, not on the other sequences.
///
/// **Beyond the context.** A model has as many positions as its context T. A longer prompt is cut to its last T
/// tokens. A sequence that has filled T positions continues from its last T/2 tokens, which are read again at the
/// positions from 0. From then on each token sees T/2 to T tokens before it, and one more token is read for each that
/// is generated. (Reading the last T tokens again for every token would cost T times as much.)
public final class Generator {
  private let transformer: Transformer
  private let parameters: FloatBuffer
  private let context: Int
  private let vocabulary: Int
  /// The number of slots for sequences in the states.
  let capacity: Int
  private var replays: [Shape: Replay] = [:]

  /// The numbers of sequences and of rows for each in a program.
  private struct Shape: Hashable {
    let sequences: Int
    let rows: Int
  }

  /// - Parameters:
  ///   - sequences: The greatest number of sequences that are continued at once.
  ///   - memory: The greatest size of the states in bytes, unless one sequence needs more.
  public init(
    _ transformer: Transformer, parameters: FloatBuffer, sequences: Int = 64, memory: Int = 1 << 30
  ) {
    self.transformer = transformer
    self.parameters = parameters
    context = transformer.configuration.context
    vocabulary = transformer.configuration.vocabulary
    capacity = max(1, min(sequences, memory / max(transformer.cacheBytes, 1)))
  }

  /// Continues each prompt to the length in the settings or a stop token.
  ///
  /// - Parameters:
  ///   - prompts: For each sequence at least one token, all below the vocabulary.
  ///   - first: The number of the first sequence; the others follow. Number and seed determine random numbers.
  public func callAsFunction(
    _ prompts: [[Int]], _ settings: GenerationSettings, numberedFrom first: Int = 0
  ) -> [GeneratedSequence] {
    precondition(prompts.allSatisfy { !$0.isEmpty }, "a prompt without tokens")
    var results = prompts.map { _ in GeneratedSequence(tokens: [], nats: 0, ending: .length) }
    guard settings.length > 0 else { return results }
    var waiting = prompts.indices.makeIterator()
    var active: [ActiveSequence] = []
    for slot in 0..<min(capacity, prompts.count) {
      guard let index = waiting.next() else { break }
      active.append(begin(index, in: slot))
    }
    func begin(_ index: Int, in slot: Int) -> ActiveSequence {
      let prompt = prompts[index].suffix(context)
      let sequence = ActiveSequence(
        index: index, slot: slot, window: Array(prompt),
        random: SplitMix64(seed: settings.seed, stream: UInt64(first + index)))
      prefill(sequence)
      return sequence
    }
    var logits = [Double](repeating: 0, count: vocabulary)
    while !active.isEmpty {
      let output = decode(active)
      for (row, sequence) in active.enumerated() {
        for token in 0..<vocabulary { logits[token] = Double(output[row * vocabulary + token]) }
        let drawn = settings.sampler(&logits, random: &active[row].random)
        let token = drawn.token
        results[sequence.index].nats += drawn.nats
        results[sequence.index].tokens.append(token)
        if settings.stop.contains(token) {
          results[sequence.index].ending = .stop
          active[row].isDone = true
        } else if results[sequence.index].tokens.count == settings.length {
          active[row].isDone = true
        } else {
          active[row].window.append(token)
          if active[row].window.count > context {
            active[row].window.removeFirst(active[row].window.count - max(1, context / 2))
            prefill(active[row])
          }
        }
      }
      // Waiting sequences take the slots of those that are done.
      active = active.compactMap { sequence in
        sequence.isDone ? waiting.next().map { begin($0, in: sequence.slot) } : sequence
      }
    }
    return results
  }

  /// Reads all tokens of a window except the last, which the next step reads.
  private func prefill(_ sequence: ActiveSequence) {
    let tokens = sequence.window.dropLast()
    var start = 0
    while start < tokens.count {
      let replay = replay(Shape(sequences: 1, rows: roundedUp(tokens.count - start, most: Self.prefillRows)))
      let count = min(tokens.count - start, replay.program.positions.rows)
      replay.set(0, slot: sequence.slot, start: start, tokens: tokens[start..<start + count])
      replay.run(parameters)
      start += count
    }
  }

  /// Reads the last token of each window → logits (sequences, V) of the next token, valid until the program's next
  /// replay.
  private func decode(_ active: [ActiveSequence]) -> UnsafeMutableBufferPointer<Float> {
    let replay = replay(Shape(sequences: roundedUp(active.count, most: capacity), rows: 1))
    for (row, sequence) in active.enumerated() {
      let start = sequence.window.count - 1
      replay.set(row, slot: sequence.slot, start: start, tokens: sequence.window[start...])
    }
    for row in active.count..<replay.program.positions.sequences { replay.clear(row) }
    replay.run(parameters)
    return replay.arena.output
  }

  /// Large enough for efficient products, small enough that little is computed for padding.
  private static let prefillRows = 64

  /// `count` rounded up to a power of two, so that there are few programs, but at most `most`.
  private func roundedUp(_ count: Int, most: Int) -> Int {
    var size = 1
    while size < count { size *= 2 }
    return min(size, most)
  }

  /// The program of a shape and its memory, made at first use. All share their states.
  private func replay(_ shape: Shape) -> Replay {
    if let known = replays[shape] { return known }
    // A prefill only fills the states: its logits are not needed.
    let program = transformer.continuationProgram(
      sequences: shape.sequences, rows: shape.rows, capacity: capacity, logits: shape.rows == 1)
    let new = Replay(program, statesOf: replays.values.first?.arena)
    replays[shape] = new
    return new
  }
}

/// A program that continues sequences, and its memory.
private final class Replay {
  let program: ContinuationProgram
  let arena: Arena

  init(_ program: ContinuationProgram, statesOf other: Arena?) {
    self.program = program
    arena =
      other.map { Arena(for: program.program, statesOf: $0) } ?? Arena(for: program.program)
  }

  /// Lets the program continue the sequence in `slot`, which has `start` positions, by `tokens`.
  func set(_ row: Int, slot: Int, start: Int, tokens: ArraySlice<Int>) {
    arena.integers(program.positions.slots)[row] = Int32(slot)
    arena.integers(program.positions.starts)[row] = Int32(start)
    arena.integers(program.positions.counts)[row] = Int32(tokens.count)
    let inputs = arena.integers(program.tokens) + row * program.positions.rows
    for (i, token) in tokens.enumerated() { inputs[i] = Int32(token) }
  }

  /// Lets the program continue no sequence here.
  func clear(_ row: Int) { set(row, slot: 0, start: 0, tokens: []) }

  func run(_ parameters: FloatBuffer) { program.program.forward(arena, parameters: parameters) }
}

/// A sequence that is being continued.
private struct ActiveSequence {
  /// Its index among the prompts.
  let index: Int
  /// Its slot in the states.
  let slot: Int
  /// The tokens at positions from 0 on; all but the last are in the states.
  var window: [Int]
  var random: SplitMix64
  var isDone = false
}
