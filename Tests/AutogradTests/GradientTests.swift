import Autograd
import Foundation
import Testing

/// An operation under test, and its naive reference.
struct Case: CustomTestStringConvertible, Sendable {
  let name: String
  /// The shapes of its inputs, each of which has a gradient.
  let shapes: [[Int]]
  /// The largest error of a value v, in units of 1 + |v|; that of a gradient is four times as large. A single rounding
  /// error is 6e-8.
  var tolerance = 2e-7
  /// The integers that it reads, if any.
  var integers: [Int32] = []
  /// The states with which its windows begin; empty for none.
  var states: [Double] = []
  let record: @Sendable (Recorder, [Tensor], Integers) -> Tensor
  let reference: @Sendable ([[Double]]) -> [Double]

  var testDescription: String { "\(name) \(shapes)" }
}

private func linearCases(_ r: Int, _ k: Int, _ n: Int) -> [Case] {
  [
    Case(name: "linear", shapes: [[r, k], [k, n], [n]], tolerance: 2e-6) { recorder, x, _ in
      recorder.linear(x[0], x[1], bias: x[2])
    } reference: {
      Reference.linear($0[0], $0[1], $0[2], k: k, n: n, transposed: false, scale: 1)
    },
    Case(name: "linear, transposed, scaled", shapes: [[r, k], [n, k]], tolerance: 2e-6) { recorder, x, _ in
      recorder.linear(x[0], x[1], transposed: true, scale: 0.5)
    } reference: {
      Reference.linear($0[0], $0[1], nil, k: k, n: n, transposed: true, scale: 0.5)
    },
  ]
}

private func rowCases(_ r: Int, _ c: Int) -> [Case] {
  [
    Case(name: "layerNorm", shapes: [[r, c], [c], [c]], tolerance: 1e-5) { recorder, x, _ in
      recorder.layerNorm(x[0], gain: x[1], bias: x[2])
    } reference: {
      Reference.layerNorm($0[0], $0[1], $0[2])
    },
    Case(name: "rmsNorm", shapes: [[r, c], [c]], tolerance: 1e-5) { recorder, x, _ in
      recorder.rmsNorm(x[0], gain: x[1])
    } reference: {
      Reference.rmsNorm($0[0], $0[1])
    },
    Case(name: "gelu", shapes: [[r, c]], tolerance: 5e-7) { recorder, x, _ in
      recorder.gelu(x[0])
    } reference: {
      Reference.gelu($0[0])
    },
    Case(name: "relu", shapes: [[r, c]]) { recorder, x, _ in
      recorder.relu(x[0])
    } reference: {
      $0[0].map { max($0, 0) }
    },
    Case(name: "relu, squared", shapes: [[r, c]]) { recorder, x, _ in
      recorder.relu(x[0], squared: true)
    } reference: {
      $0[0].map { $0 > 0 ? $0 * $0 : 0 }
    },
    Case(name: "keepLargest", shapes: [[r, c]]) { recorder, x, _ in
      recorder.keepLargest(x[0], (c + 2) / 3)
    } reference: { x in
      (0..<r).flatMap { row in
        let values = x[0][row * c..<(row + 1) * c]
        let kept = Set(values.indices.sorted { abs(values[$0]) > abs(values[$1]) }.prefix((c + 2) / 3))
        return values.indices.map { kept.contains($0) ? values[$0] : 0 }
      }
    },
    Case(name: "swiGLU", shapes: [[r, 2 * c]], tolerance: 5e-7) { recorder, x, _ in
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
    Case(name: "multiply", shapes: [[r, c], [r, c]]) { recorder, x, _ in
      recorder.multiply(x[0], x[1])
    } reference: {
      zip($0[0], $0[1]).map { $0 * $1 }
    },
  ]
}

private func crossEntropyCases(_ c: Int, smoothing: Double) -> [Case] {
  let targets = [0, c - 1, c / 2]
  return [
    Case(
      name: "crossEntropy, smoothing \(smoothing)", shapes: [[3, c]], tolerance: 1e-6,
      integers: targets.map(Int32.init)
    ) { recorder, x, targets in
      recorder.crossEntropy(x[0], targets, smoothing: Float(smoothing))
    } reference: { x in
      let all = (0..<c).map { v in Reference.crossEntropy(x[0], [v, v, v], vocabulary: c) }
      return targets.enumerated().map { row, target in
        let mean = all.reduce(0) { $0 + $1[row] } / Double(c)
        return (1 - smoothing) * all[target][row] + smoothing * mean
      }
    }
  ]
}

/// - Parameters:
///   - shared: The number of heads of queries for each head of keys and values.
///   - window: The number of positions that each sees; nil for all.
private func attentionCases(
  _ b: Int, _ t: Int, _ heads: Int, _ depth: Int, sharing shared: Int, window: Int? = nil
) -> [Case] {
  let (width, narrow) = (heads * depth, heads / shared * depth)
  return [
    Case(
      name: "causalAttention, side by side, window \(window ?? t)", shapes: [[b * t, width + 2 * narrow]],
      tolerance: 2e-6
    ) { recorder, x, _ in
      recorder.causalAttention(
        queries: ColumnView(x[0], columns: 0..<width),
        keys: ColumnView(x[0], columns: width..<width + narrow),
        values: ColumnView(x[0], columns: width + narrow..<width + 2 * narrow), heads: heads, context: t,
        window: window, scale: 0.3)
    } reference: {
      Reference.attention(
        Reference.columns($0[0], of: width + 2 * narrow, 0..<width),
        Reference.columns($0[0], of: width + 2 * narrow, width..<width + narrow),
        Reference.columns($0[0], of: width + 2 * narrow, width + narrow..<width + 2 * narrow),
        heads: heads, shared: shared, context: t, window: window, depth: depth, scale: 0.3)
    },
    // Queries in another tensor than keys and values, which have unused columns around them.
    Case(
      name: "causalAttention, apart, window \(window ?? t)",
      shapes: [[b * t, width], [b * t, 2 * narrow + 3]], tolerance: 2e-6
    ) {
      recorder, x, _ in
      recorder.causalAttention(
        queries: ColumnView(x[0]), keys: ColumnView(x[1], columns: 1..<1 + narrow),
        values: ColumnView(x[1], columns: narrow + 2..<2 * narrow + 2), heads: heads, context: t,
        window: window, scale: 0.3)
    } reference: {
      Reference.attention(
        $0[0], Reference.columns($0[1], of: 2 * narrow + 3, 1..<1 + narrow),
        Reference.columns($0[1], of: 2 * narrow + 3, narrow + 2..<2 * narrow + 2), heads: heads,
        shared: shared, context: t, window: window, depth: depth, scale: 0.3)
    },
    Case(name: "rotary", shapes: [[b * t, 1 + width + narrow]]) { recorder, x, _ in
      recorder.rotary(
        ColumnView(x[0], columns: 1..<1 + width), angles: RotaryAngles(context: t, headDimension: depth))
    } reference: {
      Reference.rotary($0[0], columns: 1..<1 + width, of: 1 + width + narrow, context: t, depth: depth)
    },
  ]
}

/// - Parameters:
///   - shared: The number of heads of queries for each head of keys and values.
///   - depth: The width of values.
private func linearAttentionCases(
  _ b: Int, _ t: Int, _ heads: Int, _ features: Int, _ depth: Int, sharing shared: Int
) -> [Case] {
  let (wide, narrow) = (heads * features, heads / shared * features)
  let values = heads / shared * depth
  return [
    Case(name: "linearAttention, side by side", shapes: [[b * t, wide + narrow + values]], tolerance: 2e-6) {
      recorder, x, _ in
      let mapped = recorder.eluFeatures(ColumnView(x[0], columns: 0..<wide + narrow))
      return recorder.linearAttention(
        queries: ColumnView(mapped, columns: 0..<wide),
        keys: ColumnView(mapped, columns: wide..<wide + narrow),
        values: ColumnView(mapped, columns: wide + narrow..<wide + narrow + values), heads: heads, context: t)
    } reference: {
      func columns(_ range: Range<Int>, of x: [Double]) -> [Double] {
        Reference.columns(x, of: wide + narrow + values, range)
      }
      return Reference.linearAttention(
        Reference.eluFeatures(columns(0..<wide, of: $0[0])),
        Reference.eluFeatures(columns(wide..<wide + narrow, of: $0[0])),
        columns(wide + narrow..<wide + narrow + values, of: $0[0]), heads: heads, shared: shared, context: t,
        features: features, depth: depth)
    },
    // Queries in another tensor than keys and values, which have unused columns around them.
    Case(
      name: "linearAttention, apart", shapes: [[b * t, wide], [b * t, narrow + values + 3]], tolerance: 2e-6
    ) { recorder, x, _ in
      let queries = recorder.eluFeatures(ColumnView(x[0]))
      let keys = recorder.eluFeatures(ColumnView(x[1], columns: 1..<1 + narrow))
      return recorder.linearAttention(
        queries: ColumnView(queries), keys: ColumnView(keys, columns: 1..<1 + narrow),
        values: ColumnView(x[1], columns: narrow + 2..<narrow + 2 + values), heads: heads, context: t)
    } reference: {
      let count = narrow + values + 3
      return Reference.linearAttention(
        Reference.eluFeatures($0[0]),
        Reference.eluFeatures(Reference.columns($0[1], of: count, 1..<1 + narrow)),
        Reference.columns($0[1], of: count, narrow + 2..<narrow + 2 + values), heads: heads, shared: shared,
        context: t, features: features, depth: depth)
    },
  ]
}

private func featureCases(_ r: Int, _ heads: Int, _ depth: Int, _ features: Int) -> [Case] {
  let width = heads * depth
  return [AttentionSide.queries, .keys].map { side in
    Case(name: "randomFeatures of \(side)", shapes: [[r, width + 3], [features, depth]], tolerance: 2e-6) {
      recorder, x, _ in
      recorder.randomFeatures(ColumnView(x[0], columns: 1..<1 + width), x[1], of: side, scale: 0.3)
    } reference: {
      Reference.randomFeatures(
        Reference.columns($0[0], of: width + 3, 1..<1 + width), $0[1], depth: depth,
        ofQueries: side == .queries, scale: 0.3)
    }
  } + [
    Case(name: "eluFeatures", shapes: [[r, width + 3]]) { recorder, x, _ in
      recorder.eluFeatures(ColumnView(x[0], columns: 1..<1 + width))
    } reference: { x in
      x[0].enumerated().map { i, x in
        (1..<1 + width).contains(i % (width + 3)) ? Reference.eluFeatures([x])[0] : x
      }
    }
  ]
}

private let cases: [Case] = {
  var cases: [Case] = routedCases + recurrentCases + carriedCases
  for (r, k, n) in [(1, 1, 1), (3, 5, 7), (33, 17, 19), (16, 32, 48)] { cases += linearCases(r, k, n) }
  for (r, c) in [(1, 1), (1, 5), (3, 7), (5, 33), (2, 64)] { cases += rowCases(r, c) }
  for (c, smoothing) in [(1, 0), (5, 0), (33, 0), (5, 0.25), (64, 0.125), (7, 1)] {
    cases += crossEntropyCases(c, smoothing: smoothing)
  }
  for (b, t, heads, depth, shared) in [
    (1, 1, 1, 4, 1), (2, 5, 1, 8, 1), (1, 17, 3, 12, 1), (3, 16, 2, 4, 2), (1, 40, 2, 20, 1),
    (2, 19, 6, 4, 3),
  ] {
    cases += attentionCases(b, t, heads, depth, sharing: shared)
  }
  // Windows of one position, shorter and longer than a block of sixteen, one less than the context, and longer.
  for (t, window) in [(5, 1), (21, 3), (37, 16), (67, 33), (19, 18), (9, 64)] {
    cases += attentionCases(2, t, 4, 4, sharing: 2, window: window).filter { $0.name != "rotary" }
  }
  // Contexts of less than a block of sixteen, whole blocks and parts; values of one vector, of more and of less.
  for (b, t, heads, features, depth, shared) in [
    (1, 1, 1, 4, 4, 1), (2, 5, 2, 8, 8, 2), (2, 16, 1, 4, 12, 1), (1, 17, 6, 4, 8, 3), (2, 33, 2, 12, 16, 1),
    (1, 49, 4, 20, 4, 2), (1, 64, 1, 16, 20, 1),
  ] {
    cases += linearAttentionCases(b, t, heads, features, depth, sharing: shared)
  }
  for (r, heads, depth, features) in [(1, 1, 4, 4), (3, 2, 8, 20), (33, 1, 20, 16), (16, 3, 4, 8)] {
    cases += featureCases(r, heads, depth, features)
  }
  return cases
}()

@Suite struct GradientTests {
  /// The location of the inputs of an operation.
  enum Setting: CaseIterable {
    /// In the buffers of parameters.
    case parameters
    /// In the arena: the operation may work in place where it alone reads an input, but not where it is recorded twice.
    case slots
  }

  /// How an operation is recorded.
  struct Use {
    let setting: Setting
    let times: Int
    let kernel: ProductKernel

    init(_ setting: Setting, times: Int = 1, kernel: ProductKernel = .float32(.own)) {
      (self.setting, self.times, self.kernel) = (setting, times, kernel)
    }
  }

  @Test("Values and gradients agree with a naive reference, wherever the inputs are stored", arguments: cases)
  func agreesWithReference(_ operation: Case) {
    let inputs = inputs(of: operation)
    let expected = operation.reference(inputs)
    let cotangent = pseudorandom(expected.count, seed: 3)
    func objective(_ inputs: [[Double]]) -> Double {
      zip(operation.reference(inputs), cotangent).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let slopes = inputs.indices.map { input in
      stride(from: 0, to: inputs[input].count, by: max(1, inputs[input].count / 24)).map { element in
        let h = 1e-5
        var (above, below) = (inputs, inputs)
        above[input][element] += h
        below[input][element] -= h
        return (element, (objective(above) - objective(below)) / (2 * h))
      }
    }
    // Record the operation once, and twice so that every gradient is written twice: the second write must add.
    for (setting, uses) in [(Setting.parameters, 1), (.parameters, 2), (.slots, 1), (.slots, 2)] {
      for kernel in ProductTests.kernels {
        let use = Use(setting, times: uses, kernel: kernel)
        // Operands of products may be off by 2⁻⁹ in bfloat16, and the errors of a sum partly cancel.
        let tolerance = kernel.roundsOperands ? 0.03 : operation.tolerance
        let result = run(operation, inputs, cotangent: cotangent, use, isolated: false)
        for (value, truth) in zip(result.output, expected) {
          let bound = tolerance * (1 + abs(truth)) * Double(uses)
          #expect(abs(Double(value) - Double(uses) * truth) < bound, "\(use)")
        }
        for (input, slopes) in slopes.enumerated() {
          for (element, slope) in slopes {
            let truth = Double(uses) * slope
            let gradient = Double(result.gradients[input][element])
            #expect(
              abs(gradient - truth) < 4 * tolerance * (1 + abs(truth)),
              "\(use), input \(input), element \(element)")
          }
        }
        // With separate memory for every slot, filled with NaN, the bits must be the same.
        #expect(
          run(operation, inputs, cotangent: cotangent, use, isolated: true) == result, "\(use)")
      }
    }
  }

  @Test(
    "An input that is not trained has no gradient, and those of the others are the same", arguments: cases)
  func withoutGradients(_ operation: Case) {
    let inputs = inputs(of: operation)
    let cotangent = pseudorandom(operation.reference(inputs).count, seed: 3)
    let all = run(operation, inputs, cotangent: cotangent, Use(.parameters), isolated: false)
    for frozen in inputs.indices {
      let result = run(
        operation, inputs, cotangent: cotangent, Use(.parameters), isolated: true, frozen: frozen)
      #expect(result.output == all.output)
      for input in inputs.indices {
        #expect(result.gradients[input] == (input == frozen ? [] : all.gradients[input]), "input \(frozen)")
      }
      #expect(result.flops.forward == all.flops.forward && result.flops.backward <= all.flops.backward)
      if inputs.count == 1 { #expect(result.flops.backward == 0) }
    }
  }

  @Test(
    "The weights that backward of attention computes again sum to 1, for large scores too",
    arguments: ProductTests.kernels)
  func largeScores(_ kernel: ProductKernel) {
    let (context, width) = (37, 8)
    let operation = Case(name: "causalAttention", shapes: [[context, 2 * width], [context, width]]) {
      recorder, x, _ in
      recorder.causalAttention(
        queries: ColumnView(x[0], columns: 0..<width), keys: ColumnView(x[0], columns: width..<2 * width),
        values: ColumnView(x[1]), heads: 1, context: context, scale: 0.3)
    } reference: {
      $0[1]
    }
    let inputs = [
      pseudorandom(context * 2 * width, seed: 5).map { 20 * $0 }, pseudorandom(context * width, seed: 6),
    ]
    let result = run(
      operation, inputs, cotangent: Array(repeating: 1, count: context * width),
      Use(.parameters, kernel: kernel), isolated: false)
    // The gradient of a value is the sum of the weights that it has.
    let sum = result.gradients[1].reduce(0) { $0 + Double($1) }
    #expect(abs(sum / Double(context * width) - 1) < (kernel.roundsOperands ? 2e-3 : 1e-4))
  }

  /// Inputs, which differ even where they have the same shape.
  private func inputs(of operation: Case) -> [[Double]] {
    operation.shapes.enumerated().map { index, shape in
      pseudorandom(shape.reduce(1, *), seed: 7 + shape.reduce(1, *)).map {
        Double(Float($0 * (1 + 0.3 * Double(index))))
      }
    }
  }

  private struct Result: Equatable {
    var output: [Float]
    /// The gradient of each input; empty where it has none.
    var gradients: [[Float]]
    var flops: Flops
  }

  /// - Parameter frozen: The input that is not trained.
  private func run(
    _ operation: Case, _ inputs: [[Double]], cotangent: [Double], _ use: Use, isolated: Bool,
    frozen: Int? = nil
  ) -> Result {
    var layout = ParameterLayout()
    let weights = operation.shapes.enumerated().map {
      layout.add("\($0)", $1, isTrainable: $0 != frozen)
    }
    let recorder = Recorder(gradients: true, carries: !operation.states.isEmpty, kernel: use.kernel)
    let integers = recorder.integers(operation.integers.count)
    let zeros = operation.shapes.map { recorder.input($0) }
    // A copy in the arena: the weight plus zero.
    let tensors =
      use.setting == .parameters ? weights : zip(zeros, weights).map { recorder.add($1, $0) }
    var output = operation.record(recorder, tensors, integers)
    if use.times == 2 { output = recorder.add(output, operation.record(recorder, tensors, integers)) }
    let program = recorder.finish(output)

    let parameters = FloatBuffer(count: layout.bufferCount)
    let gradients = FloatBuffer(count: layout.gradientCount)
    for (parameter, values) in zip(layout.parameters, inputs) {
      for (i, value) in values.enumerated() { parameters[parameter.offset + i] = Float(value) }
    }
    let arena = Arena(for: program, isolated: isolated)
    for (i, value) in operation.integers.enumerated() { arena.integers(integers)[i] = value }
    let earlier = FloatBuffer(count: program.stateCount)
    for time in 0..<use.times {
      for (i, value) in operation.states.enumerated() {
        earlier[time * program.stateCount / use.times + i] = Float(value)
      }
    }
    arena.carry(from: earlier, to: FloatBuffer(count: program.stateCount))
    gradients.start.update(repeating: .nan, count: gradients.count)
    // A replay must not depend on the memory of the one before it.
    for _ in 0..<2 {
      program.forward(arena, parameters: parameters)
      guard output.needsGradient else { continue }
      for (i, value) in cotangent.enumerated() { arena.outputGradient[i] = Float(value) }
      program.backward(arena, parameters: parameters, gradients: gradients)
    }
    return Result(
      output: Array(arena.output),
      gradients: layout.parameters.map { $0.gradientRange.map { $0.map { gradients[$0] } } ?? [] },
      flops: program.flops)
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
