import Autograd
import Foundation
import Testing

/// An operation under test: how to record it, and what it ought to compute.
struct Case: CustomTestStringConvertible, Sendable {
  let name: String
  /// The shapes of its inputs, all of them parameters so that each has a gradient.
  let shapes: [[Int]]
  /// The integers that it reads, if any.
  var integers: [Int32] = []
  let record: @Sendable (Recorder, [Tensor], Integers) -> Tensor
  let reference: @Sendable ([[Double]]) -> [Double]

  var testDescription: String { "\(name) \(shapes)" }
}

private func linearCases(_ r: Int, _ k: Int, _ n: Int) -> [Case] {
  [
    Case(name: "linear", shapes: [[r, k], [k, n], [n]]) { recorder, x, _ in
      recorder.linear(x[0], x[1], bias: x[2])
    } reference: {
      Reference.linear($0[0], $0[1], $0[2], k: k, n: n, transposed: false, scale: 1)
    },
    Case(name: "linear, transposed, scaled", shapes: [[r, k], [n, k]]) { recorder, x, _ in
      recorder.linear(x[0], x[1], transposed: true, scale: 0.5)
    } reference: {
      Reference.linear($0[0], $0[1], nil, k: k, n: n, transposed: true, scale: 0.5)
    },
  ]
}

private func rowCases(_ r: Int, _ c: Int) -> [Case] {
  [
    Case(name: "layerNorm", shapes: [[r, c], [c], [c]]) { recorder, x, _ in
      recorder.layerNorm(x[0], gain: x[1], bias: x[2])
    } reference: {
      Reference.layerNorm($0[0], $0[1], $0[2])
    },
    Case(name: "rmsNorm", shapes: [[r, c], [c]]) { recorder, x, _ in
      recorder.rmsNorm(x[0], gain: x[1])
    } reference: {
      Reference.rmsNorm($0[0], $0[1])
    },
    Case(name: "gelu", shapes: [[r, c]]) { recorder, x, _ in
      recorder.gelu(x[0])
    } reference: {
      Reference.gelu($0[0])
    },
    Case(name: "swiGLU", shapes: [[r, 2 * c]]) { recorder, x, _ in
      recorder.swiGLU(x[0])
    } reference: {
      Reference.swiGLU($0[0], width: c)
    },
    Case(name: "add", shapes: [[r, c], [r, c]]) { recorder, x, _ in
      recorder.add(x[0], x[1])
    } reference: {
      zip($0[0], $0[1]).map { $0 + $1 }
    },
    Case(name: "learnedPositions", shapes: [[2 * r, c], [r, c]]) { recorder, x, _ in
      recorder.learnedPositions(x[0], x[1])
    } reference: { x in
      x[0].indices.map { x[0][$0] + x[1][$0 % x[1].count] }
    },
    Case(name: "embedding", shapes: [[4, c]], integers: [3, 0, 3]) { recorder, x, tokens in
      recorder.embedding(tokens, x[0], scale: 2)
    } reference: { x in
      [3, 0, 3].flatMap { row in x[0][row * c..<(row + 1) * c].map { 2 * $0 } }
    },
    Case(name: "crossEntropy", shapes: [[3, c]], integers: [0, Int32(c - 1), Int32(c / 2)]) {
      recorder, x, targets in
      recorder.crossEntropy(x[0], targets)
    } reference: {
      Reference.crossEntropy($0[0], [0, c - 1, c / 2], vocabulary: c)
    },
  ]
}

/// - Parameter shared: The heads of queries that share keys and values.
private func attentionCases(_ b: Int, _ t: Int, _ heads: Int, _ depth: Int, sharing shared: Int) -> [Case] {
  let (width, narrow) = (heads * depth, heads / shared * depth)
  return [
    Case(name: "causalAttention, side by side", shapes: [[b * t, width + 2 * narrow]]) { recorder, x, _ in
      recorder.causalAttention(
        queries: ColumnView(x[0], columns: 0..<width),
        keys: ColumnView(x[0], columns: width..<width + narrow),
        values: ColumnView(x[0], columns: width + narrow..<width + 2 * narrow), heads: heads, context: t,
        scale: 0.3)
    } reference: {
      Reference.attention(
        Reference.columns($0[0], of: width + 2 * narrow, 0..<width),
        Reference.columns($0[0], of: width + 2 * narrow, width..<width + narrow),
        Reference.columns($0[0], of: width + 2 * narrow, width + narrow..<width + 2 * narrow),
        heads: heads, shared: shared, context: t, depth: depth, scale: 0.3)
    },
    // Queries of their own, then columns between keys and values that nothing sees.
    Case(name: "causalAttention, apart", shapes: [[b * t, width], [b * t, 2 * narrow + 3]]) {
      recorder, x, _ in
      recorder.causalAttention(
        queries: ColumnView(x[0]), keys: ColumnView(x[1], columns: 1..<1 + narrow),
        values: ColumnView(x[1], columns: narrow + 2..<2 * narrow + 2), heads: heads, context: t, scale: 0.3)
    } reference: {
      Reference.attention(
        $0[0], Reference.columns($0[1], of: 2 * narrow + 3, 1..<1 + narrow),
        Reference.columns($0[1], of: 2 * narrow + 3, narrow + 2..<2 * narrow + 2), heads: heads,
        shared: shared, context: t, depth: depth, scale: 0.3)
    },
    Case(name: "rotary", shapes: [[b * t, 1 + width + narrow]]) { recorder, x, _ in
      recorder.rotary(
        ColumnView(x[0], columns: 1..<1 + width), angles: RotaryAngles(context: t, headDimension: depth))
    } reference: {
      Reference.rotary($0[0], columns: 1..<1 + width, of: 1 + width + narrow, context: t, depth: depth)
    },
  ]
}

private let cases: [Case] =
  [(1, 1, 1), (3, 5, 7), (33, 17, 19), (16, 32, 48)].flatMap(linearCases)
  + [(1, 1), (1, 5), (3, 7), (5, 33), (2, 64)].flatMap(rowCases)
  + [
    (1, 1, 1, 4, 1), (2, 5, 1, 8, 1), (1, 17, 3, 12, 1), (3, 16, 2, 4, 2), (1, 40, 2, 20, 1),
    (2, 19, 6, 4, 3),
  ].flatMap(attentionCases)
  + routedCases

@Suite struct GradientTests {
  @Test("Value and gradient agree with a naive reference", arguments: cases)
  func agreesWithReference(_ operation: Case) {
    var inputs = operation.shapes.map { pseudorandom($0.reduce(1, *), seed: 7 + $0.count) }
    // Inputs of one shape must differ.
    for index in inputs.indices { inputs[index] = inputs[index].map { $0 * (1 + 0.3 * Double(index)) } }
    let expected = operation.reference(inputs)
    let cotangent = pseudorandom(expected.count, seed: 3)

    // Once alone, and once with every gradient written twice: the second writer must add.
    for uses in [1, 2] {
      let result = run(operation, inputs, cotangent: cotangent, uses: uses, isolated: false)
      for (value, truth) in zip(result.output, expected) {
        #expect(abs(Double(value) - Double(uses) * truth) < 2e-5 * (1 + abs(truth)) * Double(uses))
      }
      func objective(_ inputs: [[Double]]) -> Double {
        zip(operation.reference(inputs), cotangent).reduce(0) { $0 + $1.0 * $1.1 }
      }
      for input in inputs.indices {
        let count = inputs[input].count
        for element in stride(from: 0, to: count, by: max(1, count / 24)) {
          let h = 1e-5
          var (above, below) = (inputs, inputs)
          above[input][element] += h
          below[input][element] -= h
          let slope = Double(uses) * (objective(above) - objective(below)) / (2 * h)
          let gradient = Double(result.gradients[input][element])
          #expect(abs(gradient - slope) < 1e-4 * (1 + abs(slope)), "input \(input), element \(element)")
        }
      }
      // With memory of its own for every slot, NaN at first, the same bits must come out.
      #expect(run(operation, inputs, cotangent: cotangent, uses: uses, isolated: true) == result)
    }
  }

  private struct Result: Equatable {
    var output: [Float]
    var gradients: [[Float]]
  }

  private func run(_ operation: Case, _ inputs: [[Double]], cotangent: [Double], uses: Int, isolated: Bool)
    -> Result
  {
    var layout = ParameterLayout()
    let tensors = operation.shapes.enumerated().map { layout.add("\($0)", $1) }
    let recorder = Recorder(gradients: true)
    let integers = recorder.integers(operation.integers.count)
    var output = operation.record(recorder, tensors, integers)
    if uses == 2 { output = recorder.add(output, operation.record(recorder, tensors, integers)) }
    let program = recorder.finish(output)

    let parameters = FloatBuffer(count: layout.bufferCount)
    let gradients = FloatBuffer(count: layout.bufferCount)
    for (parameter, values) in zip(layout.parameters, inputs) {
      for (i, value) in values.enumerated() { parameters[parameter.offset + i] = Float(value) }
    }
    let arena = Arena(for: program, isolated: isolated)
    for (i, value) in operation.integers.enumerated() { arena.integers(integers)[i] = value }
    gradients.start.update(repeating: .nan, count: gradients.count)
    // A replay must not depend on what the one before it left in memory.
    for _ in 0..<2 {
      program.forward(arena, parameters: parameters)
      for (i, value) in cotangent.enumerated() { arena.outputGradient[i] = Float(value) }
      program.backward(arena, parameters: parameters, gradients: gradients)
    }
    return Result(
      output: Array(arena.output),
      gradients: layout.parameters.map { parameter in parameter.range.map { gradients[$0] } })
  }
}

/// Numbers between −1 and 1 that are the same on every run, rounded to floats.
func pseudorandom(_ count: Int, seed: Int) -> [Double] {
  var state = UInt64(seed)
  return (0..<count).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Double(Float(Double(state >> 40) / Double(1 << 23) - 1))
  }
}
