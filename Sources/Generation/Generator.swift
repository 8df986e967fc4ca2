import Autograd
import Models
import RandomNumbers

/// Continues many sequences at once, one token a step.
///
/// The keys and values of earlier positions, or the state of a recurrent layer, live in states of the engine: a prompt is
/// read once (prefill), and a step reads one token of each sequence (decoding). Sequences wait until one of the places is
/// free. What a sequence becomes depends on nothing but its prompt, the settings and its number: not on how many others
/// there are.
///
/// **Beyond the context.** A model knows as many positions as its context T. A prompt of more tokens is cut to its last
/// T. A sequence that has filled T positions goes on from its last T/2 tokens, which are read again at the positions from
/// 0: each token but the first ones sees T/2 to T tokens before it, at the price of reading one more token for each that
/// is written. (To read the last T tokens again for every token would cost T times as much.)
public final class Generator {
  private let transformer: Transformer
  private let parameters: FloatBuffer
  private let context: Int
  private let vocabulary: Int
  /// The places for sequences in the states.
  private let capacity: Int
  private var replays: [Shape: Replay] = [:]

  /// Sequences and rows of a program.
  private struct Shape: Hashable {
    let sequences: Int
    let rows: Int
  }

  /// - Parameters:
  ///   - sequences: The most sequences that are continued at once.
  ///   - memory: The most that states may take, in bytes; one sequence is always continued.
  public init(
    _ transformer: Transformer, parameters: FloatBuffer, sequences: Int = 64, memory: Int = 1 << 30
  ) {
    self.transformer = transformer
    self.parameters = parameters
    context = transformer.configuration.context
    vocabulary = transformer.configuration.vocabulary
    let one = transformer.continuationProgram(sequences: 1, rows: 1, capacity: 1).program.stateByteCount
    capacity = max(1, min(sequences, memory / max(one, 1)))
  }

  /// Continues each prompt until its length or a stop token.
  ///
  /// - Parameters:
  ///   - prompts: Tokens below the vocabulary, at least one for each sequence.
  ///   - first: The number of the first sequence, which with the seed determines its random numbers.
  public func callAsFunction(
    _ prompts: [[Int]], _ settings: GenerationSettings, numberedFrom first: Int = 0
  ) -> [GeneratedSequence] {
    precondition(prompts.allSatisfy { !$0.isEmpty }, "a prompt without tokens")
    var results = prompts.map { _ in GeneratedSequence(tokens: [], ending: .length) }
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
        let token = settings.sampler(&logits, random: &active[row].random)
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
      // Who waits takes the places of those that are done.
      active = active.compactMap { sequence in
        sequence.isDone ? waiting.next().map { begin($0, in: sequence.slot) } : sequence
      }
    }
    return results
  }

  /// Reads all tokens of a window but the last, which the next step reads.
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

  /// Reads the last token of each window → logits (sequences, V) of the next, valid until another replay.
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

  /// Large enough for efficient products, small enough that little is computed for rows that are not there.
  private static let prefillRows = 64

  /// The least power of two that is not below `count`, so that there are few programs.
  private func roundedUp(_ count: Int, most: Int) -> Int {
    var size = 1
    while size < count { size *= 2 }
    return min(size, most)
  }

  /// The program of a shape and its memory, made at first use. All have the same states.
  private func replay(_ shape: Shape) -> Replay {
    if let known = replays[shape] { return known }
    // Of a prefill only what it leaves in the states is needed.
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

  /// Continues the sequence at `slot`, which has `start` positions, by `tokens`.
  func set(_ row: Int, slot: Int, start: Int, tokens: ArraySlice<Int>) {
    arena.integers(program.positions.slots)[row] = Int32(slot)
    arena.integers(program.positions.starts)[row] = Int32(start)
    arena.integers(program.positions.counts)[row] = Int32(tokens.count)
    let inputs = arena.integers(program.tokens) + row * program.positions.rows
    for (i, token) in tokens.enumerated() { inputs[i] = Int32(token) }
  }

  /// Continues no sequence.
  func clear(_ row: Int) { set(row, slot: 0, start: 0, tokens: []) }

  func run(_ parameters: FloatBuffer) { program.program.forward(arena, parameters: parameters) }
}

/// A sequence that is being continued.
private struct ActiveSequence {
  /// Its place among the prompts.
  let index: Int
  /// Its place in the states.
  let slot: Int
  /// The tokens at positions from 0 on; all but the last are in the states.
  var window: [Int]
  var random: SplitMix64
  var isDone = false
}
