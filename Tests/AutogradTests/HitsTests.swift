import Autograd
import Testing

@Suite struct HitsTests {
  @Test("A hit is the first of the greatest logits, as a greedy decoder would choose it")
  func greedy() {
    let rows: [(logits: [Float], target: Int32, hit: Int32)] = [
      ([0.1, 0.3, 0.2], 1, 1),
      ([0.1, 0.3, 0.2], 2, 0),
      // The probability of a hit may be below one half.
      ([0.01, 0, 0], 0, 1),
      // All logits are equal, as before training.
      ([0, 0, 0], 0, 1),
      ([0, 0, 0], 2, 0),
      ([-5, 2, 2], 1, 1),
      ([-5, 2, 2], 2, 0),
      ([-3, -2, -1], 2, 1),
    ]
    var layout = ParameterLayout()
    let logits = layout.add("logits", [rows.count, 3])
    let recorder = Recorder(gradients: false)
    let (targets, hits) = (recorder.integers(rows.count), recorder.integers(rows.count))
    let program = recorder.finish(recorder.crossEntropy(logits, targets, hits: hits))
    let arena = Arena(for: program)
    let parameters = FloatBuffer(count: layout.bufferCount)
    for (index, row) in rows.enumerated() {
      arena.integers(targets)[index] = row.target
      for v in 0..<3 { parameters[3 * index + v] = row.logits[v] }
    }
    program.forward(arena, parameters: parameters)
    #expect(rows.indices.map { arena.integers(hits)[$0] } == rows.map(\.hit))
  }
}
