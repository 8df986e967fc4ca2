import Autograd
import Foundation
import Testing

/// Operations that continue sequences whose earlier positions are in states.
@Suite struct ContinuationTests {
  /// The sizes of an attention whose rows hold queries, then keys, then values.
  struct Sizes: CustomTestStringConvertible, Sendable {
    var heads: Int
    var keyHeads: Int
    var depth: Int
    var context: Int
    /// The number of positions that each sees; nil for all.
    var window: Int?

    var queries: Range<Int> { 0..<heads * depth }
    var keys: Range<Int> { queries.upperBound..<queries.upperBound + keyHeads * depth }
    var values: Range<Int> { keys.upperBound..<columns }
    var columns: Int { (heads + 2 * keyHeads) * depth }
    var testDescription: String {
      "\(heads) heads, \(keyHeads) of keys, \(depth) wide, context \(context), window \(window ?? context)"
    }

    func cached(_ recorder: Recorder, _ x: Tensor, _ positions: Continuation) -> Tensor {
      recorder.cachedAttention(
        queries: ColumnView(x, columns: queries), keys: ColumnView(x, columns: keys),
        values: ColumnView(x, columns: values), heads: heads, context: context, window: window, scale: 0.3,
        positions)
    }
  }

  private static let sizes = [
    Sizes(heads: 1, keyHeads: 1, depth: 4, context: 1), Sizes(heads: 3, keyHeads: 3, depth: 12, context: 17),
    Sizes(heads: 4, keyHeads: 2, depth: 8, context: 33), Sizes(heads: 6, keyHeads: 1, depth: 20, context: 64),
    Sizes(heads: 2, keyHeads: 2, depth: 4, context: 9, window: 1),
    Sizes(heads: 4, keyHeads: 2, depth: 8, context: 50, window: 19),
    Sizes(heads: 2, keyHeads: 1, depth: 8, context: 40, window: 32),
  ]

  private let none = FloatBuffer(count: 0)

  /// Continues each sequence to its end, by up to `rows` positions at a time and `sequences` of them at once.
  ///
  /// - Returns: For each sequence the outputs of its positions.
  func continued(
    _ inputs: [[Float]], columns: Int, rows: Int, sequences: Int, isolated: Bool = false,
    parameters: FloatBuffer = FloatBuffer(count: 0), _ record: (Recorder, Tensor, Continuation) -> Tensor
  ) -> [[Float]] {
    let recorder = Recorder(gradients: false)
    let x = recorder.input([sequences * rows, columns])
    let positions = recorder.continuation(sequences: sequences, rows: rows, capacity: inputs.count)
    let program = recorder.finish(record(recorder, x, positions))
    let arena = Arena(for: program, isolated: isolated)
    let width = program.output.columns
    var outputs: [[Float]] = inputs.map { _ in [] }
    var done = inputs.map { _ in 0 }
    var turn = 0
    while inputs.indices.contains(where: { done[$0] * columns < inputs[$0].count }) {
      // The content of padding must not matter.
      arena.input(x).update(repeating: .nan)
      let chosen = (0..<sequences).map { (turn + $0) % inputs.count }
      turn += 1
      for (s, slot) in chosen.enumerated() {
        // Some calls use fewer rows than the program has.
        let count = min(max(1, rows - turn % 3), inputs[slot].count / columns - done[slot])
        arena.integers(positions.slots)[s] = Int32(slot)
        arena.integers(positions.starts)[s] = Int32(done[slot])
        arena.integers(positions.counts)[s] = Int32(count)
        for i in 0..<count * columns {
          arena.input(x)[s * rows * columns + i] = inputs[slot][done[slot] * columns + i]
        }
      }
      program.forward(arena, parameters: parameters)
      for (s, slot) in chosen.enumerated() {
        let count = Int(arena.integers(positions.counts)[s])
        outputs[slot] += arena.output[s * rows * width..<(s * rows + count) * width]
        done[slot] += count
      }
    }
    return outputs
  }

  @Test("Cached attention agrees with a naive reference, in steps of any length", arguments: sizes)
  func cachedAttention(_ s: Sizes) {
    // Sequences of different lengths, one of a single position.
    let lengths = [s.context, max(1, s.context / 2), 1]
    let inputs = lengths.enumerated().map { pseudorandom($1 * s.columns, seed: 5 + $0) }
    func run(rows: Int, sequences: Int, isolated: Bool = false) -> [[Float]] {
      continued(
        inputs.map { $0.map(Float.init) }, columns: s.columns, rows: rows, sequences: sequences,
        isolated: isolated, s.cached)
    }
    let first = run(rows: 1, sequences: 3)
    for (output, input) in zip(first, inputs) {
      let truth = Reference.attention(
        Reference.columns(input, of: s.columns, s.queries), Reference.columns(input, of: s.columns, s.keys),
        Reference.columns(input, of: s.columns, s.values), heads: s.heads, shared: s.heads / s.keyHeads,
        context: input.count / s.columns, window: s.window, depth: s.depth, scale: 0.3)
      #expect(output.count == truth.count)
      for (value, truth) in zip(output, truth) { #expect(abs(Double(value) - truth) < 1e-5) }
    }
    // The bits do not depend on the numbers of rows and sequences of a replay, or on the content of other memory.
    for (rows, sequences) in [(1, 1), (5, 2), (16, 3), (s.context, 1)] {
      #expect(run(rows: rows, sequences: sequences) == first, "\(rows) rows of \(sequences)")
      #expect(run(rows: rows, sequences: sequences, isolated: true) == first)
    }
    // The results are those of whole windows, up to rounding.
    let recorder = Recorder(gradients: false)
    let x = recorder.input([s.context, s.columns])
    let program = recorder.finish(
      recorder.causalAttention(
        queries: ColumnView(x, columns: s.queries), keys: ColumnView(x, columns: s.keys),
        values: ColumnView(x, columns: s.values), heads: s.heads, context: s.context, window: s.window,
        scale: 0.3))
    let arena = Arena(for: program)
    for (i, value) in inputs[0].enumerated() { arena.input(x)[i] = Float(value) }
    program.forward(arena, parameters: none)
    for (a, b) in zip(arena.output, first[0]) { #expect(abs(a - b) < 1e-5) }
  }

  @Test(
    "Cached linear attention agrees with whole windows, in steps of any length",
    arguments: [(1, 1, 4, 4, 1), (4, 2, 8, 12, 17), (3, 3, 12, 8, 40), (6, 1, 16, 16, 33)])
  func cachedLinearAttention(_ heads: Int, _ keyHeads: Int, _ features: Int, _ depth: Int, _ context: Int) {
    let (wide, narrow, values) = (heads * features, keyHeads * features, keyHeads * depth)
    let columns = wide + narrow + values
    func views(_ x: Tensor) -> (queries: ColumnView, keys: ColumnView, values: ColumnView) {
      (
        ColumnView(x, columns: 0..<wide), ColumnView(x, columns: wide..<wide + narrow),
        ColumnView(x, columns: wide + narrow..<columns)
      )
    }
    let inputs = [context, max(1, context / 2), 1].enumerated().map {
      pseudorandom($1 * columns, seed: 9 + $0).map { Float(abs($0) + 0.01) }
    }
    func run(rows: Int, sequences: Int, isolated: Bool = false) -> [[Float]] {
      continued(inputs, columns: columns, rows: rows, sequences: sequences, isolated: isolated) {
        let x = views($1)
        return $0.cachedLinearAttention(queries: x.queries, keys: x.keys, values: x.values, heads: heads, $2)
      }
    }
    let first = run(rows: 1, sequences: 3)
    for (rows, sequences) in [(1, 1), (5, 2), (16, 3), (context, 1)] {
      #expect(run(rows: rows, sequences: sequences) == first, "\(rows) rows of \(sequences)")
      #expect(run(rows: rows, sequences: sequences, isolated: true) == first)
    }
    let recorder = Recorder(gradients: false)
    let x = recorder.input([context, columns])
    let program = recorder.finish(
      recorder.linearAttention(
        queries: views(x).queries, keys: views(x).keys, values: views(x).values, heads: heads,
        context: context))
    for (input, output) in zip(inputs, first) {
      let arena = Arena(for: program)
      arena.input(x).update(repeating: 1)
      for (i, value) in input.enumerated() { arena.input(x)[i] = value }
      program.forward(arena, parameters: none)
      #expect(output.count == input.count / columns * program.output.columns)
      for (a, b) in zip(arena.output, output) { #expect(abs(a - b) < 1e-6 * (1 + abs(b))) }
    }
    // The state is that of one position, however long the context is.
    let continuation = Recorder(gradients: false)
    let row = continuation.input([2, columns])
    let positions = continuation.continuation(sequences: 2, rows: 1, capacity: 7)
    let cached = continuation.finish(
      continuation.cachedLinearAttention(
        queries: views(row).queries, keys: views(row).keys, values: views(row).values, heads: heads, positions
      ))
    #expect(cached.stateByteCount == 7 * keyHeads * features * ((depth + 4 + 15) / 16 * 16) * 4)
  }

  @Test("The cache of windows does not grow with the context")
  func cacheOfWindows() {
    func bytes(context: Int) -> Int {
      let recorder = Recorder(gradients: false)
      let sizes = Sizes(heads: 2, keyHeads: 1, depth: 8, context: context, window: 32)
      let x = recorder.input([3, sizes.columns])
      let positions = recorder.continuation(sequences: 1, rows: 3, capacity: 5)
      return recorder.finish(sizes.cached(recorder, x, positions)).stateByteCount
    }
    // Keys as they are, values in whole vectors.
    #expect(bytes(context: 100) == 5 * 32 * (8 + 16) * 4)
    #expect(bytes(context: 10_000) == bytes(context: 100))
  }

  @Test("Positions of continued sequences are those of a window", arguments: [1, 4, 16])
  func positions(rows: Int) {
    let (depth, context, columns) = (8, 21, 40)
    let inputs = [context, 6, 1].map { pseudorandom($0 * columns, seed: 60 + $0) }
    let floats = inputs.map { $0.map(Float.init) }
    let turned = continued(floats, columns: columns, rows: rows, sequences: 2, isolated: true) {
      let angles = RotaryAngles(context: context, headDimension: depth)
      return $0.rotary(ColumnView($1, columns: 8..<32), angles: angles, $2)
    }
    for (output, input) in zip(turned, inputs) {
      let truth = Reference.rotary(input, columns: 8..<32, of: columns, context: context, depth: depth)
      for (value, truth) in zip(output, truth) { #expect(abs(Double(value) - truth) < 1e-5) }
    }
    var layout = ParameterLayout()
    let table = layout.add("table", [context, columns])
    let parameters = FloatBuffer(count: layout.bufferCount)
    for i in 0..<table.count { parameters[i] = Float(i) }
    let learned = continued(
      floats, columns: columns, rows: rows, sequences: 2, parameters: parameters
    ) { $0.learnedPositions($1, table, $2) }
    #expect(learned == floats.map { $0.enumerated().map { $1 + Float($0) } })
  }

  @Test(
    "Arenas of two programs share states, and a replay leaves them as they are", arguments: [false, true])
  func sharedStates(isolated: Bool) {
    let sizes = Sizes(heads: 1, keyHeads: 1, depth: 4, context: 6)
    let inputs = pseudorandom(6 * sizes.columns, seed: 2).map(Float.init)
    /// Continues one sequence by `rows` positions.
    func run(_ rows: Int, from start: Int, after earlier: Arena?) -> (output: [Float], arena: Arena) {
      let recorder = Recorder(gradients: false)
      let x = recorder.input([rows, sizes.columns])
      let positions = recorder.continuation(sequences: 1, rows: rows, capacity: 1)
      let program = recorder.finish(sizes.cached(recorder, x, positions))
      let arena =
        earlier.map { Arena(for: program, statesOf: $0, isolated: isolated) }
        ?? Arena(for: program, isolated: isolated)
      for i in 0..<rows * sizes.columns { arena.input(x)[i] = inputs[start * sizes.columns + i] }
      arena.integers(positions.starts)[0] = Int32(start)
      arena.integers(positions.counts)[0] = Int32(rows)
      // A second replay writes the same states.
      for _ in 0..<2 { program.forward(arena, parameters: none) }
      return (Array(arena.output), arena)
    }
    let truth = run(6, from: 0, after: nil).output
    let first = run(4, from: 0, after: nil)
    let second = run(1, from: 4, after: first.arena)
    #expect(first.output + second.output + run(1, from: 5, after: second.arena).output == truth)
    #expect(second.arena.byteCount >= 4 * 6 * 2 * 4, "the states are counted")
  }
}
