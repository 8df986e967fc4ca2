import Autograd
import CBLAS
import Foundation
import Testing

// Naive references of recurrent layers, position by position.
extension Reference {
  fileprivate static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

  /// - Parameter states: The last three rows before each window; empty for none.
  static func shortConvolution(
    _ x: [Double], _ w: [Double], _ b: [Double], context: Int, states: [Double] = []
  ) -> [Double] {
    let columns = b.count
    return x.indices.map { place in
      let (row, c) = place.quotientAndRemainder(dividingBy: columns)
      let sum = (0..<4).reduce(b[c]) { sum, j in
        let back = 3 - j
        if back <= row % context { return sum + w[j * columns + c] * x[place - back * columns] }
        let earlier = (row / context * 3 + 3 + row % context - back) * columns + c
        return states.isEmpty ? sum : sum + w[j * columns + c] * states[earlier]
      }
      return sum * sigmoid(sum)
    }
  }

  /// - Parameter earlier: The states before each window, of whole vectors of channels; empty for none.
  static func selectiveScan(
    _ u: [Double], steps: [Double], maps: [Double], gate: [Double], logRates: [Double], skip: [Double],
    context: Int, earlier: [Double] = []
  ) -> [Double] {
    let columns = skip.count
    let states = logRates.count / columns
    var y = u
    for c in 0..<columns {
      var h = Array(repeating: 0.0, count: states)
      for row in 0..<u.count / columns {
        if row % context == 0 {
          let block = row / context * ((columns + 15) / 16) + c / 16
          h = h.indices.map { earlier.isEmpty ? 0 : earlier[(block * states + $0) * 16 + c % 16] }
        }
        let place = row * columns + c
        let step = log1p(exp(steps[place]))
        var sum = skip[c] * u[place]
        for n in 0..<states {
          let decay = exp(-step * exp(logRates[n * columns + c]))
          h[n] = decay * h[n] + step * maps[row * 2 * states + n] * u[place]
          sum += maps[row * 2 * states + states + n] * h[n]
        }
        y[place] = sum * gate[place] * sigmoid(gate[place])
      }
    }
    return y
  }
}

extension Reference {
  /// The gated delta rule of heads with sixteen values and `states` keys.
  ///
  /// - Parameter earlier: The states before each window, of a multiple of four keys; empty for none.
  static func deltaRule(
    _ x: [Double], gates: [Double], logRates: [Double], bias: [Double], states: Int, context: Int,
    earlier: [Double] = []
  ) -> [Double] {
    let heads = bias.count
    let columns = heads * (2 * states + 16)
    let rows = x.count / columns
    func unit(_ first: Int) -> [Double] {
      let norm = (x[first..<first + states].reduce(1e-6) { $0 + $1 * $1 }).squareRoot()
      return x[first..<first + states].map { $0 / norm }
    }
    var y = Array(repeating: 0.0, count: rows * heads * 16)
    for head in 0..<heads {
      // Row n holds the values of key n.
      var s = Array(repeating: 0.0, count: states * 16)
      for row in 0..<rows {
        if row % context == 0 {
          let first = (row / context * heads + head) * ((states + 3) / 4 * 4) * 16
          s = s.indices.map { earlier.isEmpty ? 0 : earlier[first + $0] }
        }
        let (q, k) = (unit(row * columns + head * states), unit(row * columns + (heads + head) * states))
        let step = log1p(exp(gates[row * 2 * heads + head] + bias[head]))
        let decay = exp(-exp(logRates[head]) * step)
        let rate = sigmoid(gates[row * 2 * heads + heads + head])
        for c in 0..<16 {
          let value = x[row * columns + 2 * heads * states + head * 16 + c]
          let old = (0..<states).reduce(0) { $0 + k[$1] * s[$1 * 16 + c] }
          for n in 0..<states {
            s[n * 16 + c] = decay * (s[n * 16 + c] - rate * old * k[n]) + rate * value * k[n]
          }
          y[(row * heads + head) * 16 + c] = (0..<states).reduce(0) { $0 + q[$1] * s[$1 * 16 + c] }
        }
      }
    }
    return y
  }

  /// The norm of each sixteen numbers, gated.
  static func gatedNorm(_ x: [Double], gate: [Double], gain: [Double]) -> [Double] {
    zip(rmsNorm(x, gain), gate).map { $0 * $1 * sigmoid($1) }
  }
}

/// Windows, positions, heads and keys: odd ones, one, and several chunks.
private let deltaSizes = [
  (1, 1, 1, 1), (2, 5, 3, 2), (1, 17, 1, 8), (2, 16, 2, 16), (1, 50, 2, 11), (1, 33, 1, 17),
]

private let deltaCases: [Case] = deltaSizes.flatMap { (b, t, heads, states) in
  let rows = b * t
  return [
    Case(
      name: "deltaRule",
      shapes: [[rows, heads * (2 * states + 16)], [rows, 2 * heads], [heads], [heads]], tolerance: 4e-6
    ) { recorder, x, _ in
      recorder.deltaRule(x[0], gates: x[1], logRates: x[2], bias: x[3], context: t)
    } reference: {
      Reference.deltaRule($0[0], gates: $0[1], logRates: $0[2], bias: $0[3], states: states, context: t)
    },
    Case(
      name: "gatedNorm", shapes: [[rows, heads * 16], [rows, heads * 16], [16]], tolerance: 1e-6
    ) { recorder, x, _ in
      recorder.gatedNorm(x[0], gate: x[1], gain: x[2])
    } reference: {
      Reference.gatedNorm($0[0], gate: $0[1], gain: $0[2])
    },
  ]
}

/// Windows, positions, channels and states: odd ones, one, and several chunks and groups of states.
private let scanSizes = [
  (1, 1, 1, 1), (2, 5, 3, 2), (1, 17, 16, 8), (2, 16, 20, 16), (1, 50, 35, 11), (1, 33, 7, 17),
]

let recurrentCases: [Case] =
  deltaCases
  + scanSizes.flatMap { (b, t, columns, states) in
    let rows = b * t
    return [
      Case(name: "shortConvolution", shapes: [[rows, columns], [4, columns], [columns]], tolerance: 1e-6) {
        recorder, x, _ in
        recorder.shortConvolution(x[0], x[1], bias: x[2], context: t)
      } reference: {
        Reference.shortConvolution($0[0], $0[1], $0[2], context: t)
      },
      Case(
        name: "selectiveScan",
        shapes: [
          [rows, columns], [rows, columns], [rows, 2 * states], [rows, columns], [states, columns], [columns],
        ], tolerance: 2e-6
      ) { recorder, x, _ in
        recorder.selectiveScan(
          x[0], steps: x[1], maps: x[2], gate: x[3], logRates: x[4], skip: x[5], context: t)
      } reference: {
        Reference.selectiveScan(
          $0[0], steps: $0[1], maps: $0[2], gate: $0[3], logRates: $0[4], skip: $0[5], context: t)
      },
    ]
  }

/// Windows that begin with states, which have no gradient.
let carriedCases: [Case] =
  deltaSizes.map { (b, t, heads, states) in
    let rows = b * t
    let earlier = pseudorandom(b * heads * ((states + 3) / 4 * 4) * 16, seed: 11)
    return Case(
      name: "deltaRule, carried",
      shapes: [[rows, heads * (2 * states + 16)], [rows, 2 * heads], [heads], [heads]], tolerance: 6e-6,
      states: earlier
    ) { recorder, x, _ in
      recorder.deltaRule(x[0], gates: x[1], logRates: x[2], bias: x[3], context: t)
    } reference: {
      Reference.deltaRule(
        $0[0], gates: $0[1], logRates: $0[2], bias: $0[3], states: states, context: t, earlier: earlier)
    }
  }
  + scanSizes.flatMap { (b, t, columns, states) in
    let rows = b * t
    let last = pseudorandom(b * 3 * columns, seed: 12)
    let earlier = pseudorandom(b * ((columns + 15) / 16) * states * 16, seed: 13)
    return [
      Case(
        name: "shortConvolution, carried", shapes: [[rows, columns], [4, columns], [columns]],
        tolerance: 1e-6, states: last
      ) { recorder, x, _ in
        recorder.shortConvolution(x[0], x[1], bias: x[2], context: t)
      } reference: {
        Reference.shortConvolution($0[0], $0[1], $0[2], context: t, states: last)
      },
      Case(
        name: "selectiveScan, carried",
        shapes: [
          [rows, columns], [rows, columns], [rows, 2 * states], [rows, columns], [states, columns], [columns],
        ], tolerance: 3e-6, states: earlier
      ) { recorder, x, _ in
        recorder.selectiveScan(
          x[0], steps: x[1], maps: x[2], gate: x[3], logRates: x[4], skip: x[5], context: t)
      } reference: {
        Reference.selectiveScan(
          $0[0], steps: $0[1], maps: $0[2], gate: $0[3], logRates: $0[4], skip: $0[5], context: t,
          earlier: earlier)
      },
    ]
  }

/// Recurrent operations that continue sequences.
@Suite struct RecurrentTests {
  /// A layer of `columns` inputs, which takes what it needs from an input by products with zeros and ones.
  private struct Selection {
    private var layout = ParameterLayout()
    private var values: [(tensor: Tensor, values: [Float])] = []

    mutating func add(_ shape: [Int], _ numbers: [Double]) -> Tensor {
      let tensor = layout.add("\(values.count)", shape)
      values.append((tensor, numbers.map { Float($0) }))
      return tensor
    }

    /// A matrix whose product is the columns `range`.
    mutating func columns(_ range: Range<Int>, of columns: Int) -> Tensor {
      add(
        [columns, range.count],
        (0..<columns * range.count).map {
          $0 / range.count == range.lowerBound + $0 % range.count ? 1 : 0
        })
    }

    var parameters: FloatBuffer {
      let buffer = FloatBuffer(count: layout.bufferCount)
      for (parameter, value) in zip(layout.parameters, values) {
        for (i, number) in value.values.enumerated() { buffer[parameter.offset + i] = number }
      }
      return buffer
    }
  }

  private func check(
    _ inputs: [[Double]], columns: Int, context: Int, parameters: FloatBuffer,
    _ record: (Recorder, Tensor, Continuation?) -> Tensor, reference: ([Double], Int) -> [Double]
  ) {
    func run(rows: Int, sequences: Int, isolated: Bool = false) -> [[Float]] {
      ContinuationTests().continued(
        inputs.map { $0.map { Float($0) } }, columns: columns, rows: rows, sequences: sequences,
        isolated: isolated, parameters: parameters, record)
    }
    let first = run(rows: 1, sequences: 3)
    for (output, input) in zip(first, inputs) {
      let truth = reference(input, input.count / columns)
      #expect(output.count == truth.count)
      for (value, truth) in zip(output, truth) { #expect(abs(Double(value) - truth) < 1e-5) }
    }
    // The bits do not depend on the numbers of rows and sequences of a replay, or on the content of other memory.
    for (rows, sequences) in [(1, 1), (5, 2), (16, 3), (33, 1)] {
      #expect(run(rows: rows, sequences: sequences) == first, "\(rows) rows of \(sequences)")
      #expect(run(rows: rows, sequences: sequences, isolated: true) == first)
    }
    // They are those of whole windows.
    let recorder = Recorder(gradients: false)
    let x = recorder.input([context, columns])
    let program = recorder.finish(record(recorder, x, nil))
    let arena = Arena(for: program)
    for (i, value) in inputs[0].enumerated() { arena.input(x)[i] = Float(value) }
    program.forward(arena, parameters: parameters)
    #expect(Array(arena.output) == first[0])
  }

  @Test("Steps of any length give the bits of whole windows, and agree with a naive reference")
  func continued() {
    for (columns, states, context) in [(1, 1, 1), (5, 3, 19), (20, 16, 40)] {
      var layer = Selection()
      let width = 3 * columns + 2 * states
      let parts = [
        0..<columns, columns..<2 * columns, 2 * columns..<2 * columns + 2 * states,
        2 * columns + 2 * states..<width,
      ]
      let selections = parts.map { layer.columns($0, of: width) }
      let (rates, skips) = (pseudorandom(states * columns, seed: 4), pseudorandom(columns, seed: 8))
      let (logRates, skip) = (layer.add([states, columns], rates), layer.add([columns], skips))
      let inputs = [context, context / 2 + 1, 1].map { pseudorandom($0 * width, seed: 60 + $0) }
      check(inputs, columns: width, context: context, parameters: layer.parameters) {
        recorder, x, positions in
        let x = selections.map { recorder.linear(x, $0) }
        return recorder.selectiveScan(
          x[0], steps: x[1], maps: x[2], gate: x[3], logRates: logRates, skip: skip, context: context,
          positions)
      } reference: { input, context in
        let x = parts.map { Reference.columns(input, of: width, $0) }
        return Reference.selectiveScan(
          x[0], steps: x[1], maps: x[2], gate: x[3], logRates: rates, skip: skips, context: context)
      }
    }
  }

  @Test("The same for the gated delta rule")
  func continuedDeltaRule() {
    for (heads, states, context) in [(1, 1, 1), (2, 3, 19), (1, 16, 40)] {
      var layer = Selection()
      let columns = heads * (2 * states + 16)
      let width = columns + 2 * heads
      let parts = [0..<columns, columns..<width]
      let selections = parts.map { layer.columns($0, of: width) }
      let (rates, biases) = (pseudorandom(heads, seed: 4), pseudorandom(heads, seed: 8))
      let (logRates, bias) = (layer.add([heads], rates), layer.add([heads], biases))
      let inputs = [context, context / 2 + 1, 1].map { pseudorandom($0 * width, seed: 60 + $0) }
      check(inputs, columns: width, context: context, parameters: layer.parameters) {
        recorder, x, positions in
        recorder.deltaRule(
          recorder.linear(x, selections[0]), gates: recorder.linear(x, selections[1]), logRates: logRates,
          bias: bias, context: context, positions)
      } reference: { input, context in
        Reference.deltaRule(
          Reference.columns(input, of: width, parts[0]), gates: Reference.columns(input, of: width, parts[1]),
          logRates: rates, bias: biases, states: states, context: context)
      }
    }
  }

  @Test("The same for the short convolution")
  func continuedConvolution() {
    for (columns, context) in [(1, 1), (5, 2), (19, 40)] {
      var layer = Selection()
      let (weights, biases) = (pseudorandom(4 * columns, seed: 4), pseudorandom(columns, seed: 8))
      let (weight, bias) = (layer.add([4, columns], weights), layer.add([columns], biases))
      let inputs = [context, context / 2 + 1, 1].map { pseudorandom($0 * columns, seed: 60 + $0) }
      check(inputs, columns: columns, context: context, parameters: layer.parameters) {
        $0.shortConvolution($1, weight, bias: bias, context: context, $2)
      } reference: {
        Reference.shortConvolution($0, weights, biases, context: $1)
      }
    }
  }

  @Test("Powers of two are as exact as floats, also of numbers far out of range, and a NaN stays one")
  func powers() {
    #expect(power_of_two16(.zero) == floats16(repeating: 1))
    for x in stride(from: Float(0), to: -130, by: -0.0137) {
      let truth = exp2(max(Double(x), -126))
      #expect(abs(Double(power_of_two16(floats16(repeating: x))[3]) - truth) < 2.5e-7 * truth, "\(x)")
    }
    // A slow decay differs from 1 by what it should.
    for x in [Float(-1e-3), -1e-4, -1e-5] {
      #expect(abs(Double(power_of_two16(floats16(repeating: x))[0]) - exp2(Double(x))) < 3.1e-8)
    }
    #expect(power_of_two16(floats16(repeating: .nan))[15].isNaN)
    #expect(power_of_two16(floats16(repeating: -.infinity))[15] < 2e-38)
  }

  @Test("Steps and rates of any size: states that forget all, nothing, or are not finite")
  func extremes() {
    let (context, columns, states) = (37, 3, 2)
    let sizes: [(steps: Double, rates: Double)] = [
      (30, 1), (1, 5), (-30, 1), (1, -30), (90, 80), (-120, -120),
    ]
    for (scale, rate) in sizes {
      let recorder = Recorder(gradients: true)
      var layout = ParameterLayout()
      func add(_ shape: [Int]) -> Tensor { layout.add("\(layout.parameters.count)", shape) }
      let rows = [context, columns]
      let x = [
        add(rows), add(rows), add([context, 2 * states]), add(rows), add([states, columns]), add([columns]),
      ]
      let program = recorder.finish(
        recorder.selectiveScan(
          x[0], steps: x[1], maps: x[2], gate: x[3], logRates: x[4], skip: x[5], context: context))
      let inputs = layout.parameters.enumerated().map { index, parameter in
        let values = pseudorandom(parameter.count, seed: 3 + index)
        return index == 1 ? values.map { scale + $0 } : index == 4 ? values.map { rate + $0 } : values
      }
      let (weights, gradients) = (
        FloatBuffer(count: layout.bufferCount), FloatBuffer(count: layout.gradientCount)
      )
      for (parameter, values) in zip(layout.parameters, inputs) {
        for (i, value) in values.enumerated() { weights[parameter.offset + i] = Float(value) }
      }
      let arena = Arena(for: program)
      program.forward(arena, parameters: weights)
      let truth = Reference.selectiveScan(
        inputs[0], steps: inputs[1].map { Double(Float($0)) }, maps: inputs[2], gate: inputs[3],
        logRates: inputs[4].map { Double(Float($0)) }, skip: inputs[5], context: context)
      for (value, truth) in zip(arena.output, truth) {
        #expect(abs(Double(value) - truth) < 1e-5 * (1 + abs(truth)))
      }
      arena.outputGradient.update(repeating: 1)
      program.backward(arena, parameters: weights, gradients: gradients)
      #expect((0..<gradients.count).allSatisfy { gradients[$0].isFinite }, "\(scale), \(rate)")
      weights[layout.parameters[1].offset] = .nan
      program.forward(arena, parameters: weights)
      #expect((0..<context).allSatisfy { arena.output[$0 * columns].isNaN })
    }
  }

  @Test("The size of the states does not depend on the context")
  func stateSize() {
    func bytes(_ context: Int) -> Int {
      let recorder = Recorder(gradients: false)
      let positions = recorder.continuation(sequences: 1, rows: 1, capacity: 2)
      let (x, maps) = (recorder.input([1, 32]), recorder.input([1, 32]))
      var layout = ParameterLayout()
      let (weight, bias) = (layout.add("w", [4, 32]), layout.add("b", [32]))
      let rates = layout.add("a", [16, 32])
      let u = recorder.shortConvolution(x, weight, bias: bias, context: context, positions)
      return recorder.finish(
        recorder.selectiveScan(
          u, steps: x, maps: maps, gate: x, logRates: rates, skip: bias, context: context, positions)
      ).stateByteCount
    }
    #expect(bytes(8) == 2 * 4 * (3 * 32 + 16 * 32))
    #expect(bytes(4096) == bytes(8))
  }

  @Test("Memory of a scan does not grow with the states of every position")
  func memory() {
    func bytes(_ context: Int) -> Int {
      var layout = ParameterLayout()
      let recorder = Recorder(gradients: true)
      let x = layout.add("x", [context, 64])
      let maps = layout.add("maps", [context, 32])
      let rates = layout.add("a", [16, 64])
      let skip = layout.add("d", [64])
      return Arena.byteCount(
        for: recorder.finish(
          recorder.selectiveScan(
            x, steps: x, maps: maps, gate: x, logRates: rates, skip: skip, context: context)))
    }
    // The output, its gradient, and a sixteenth of the states of all positions.
    #expect(bytes(2048) - bytes(1024) == 1024 * 64 * 4 * (1 + 1 + 1))
  }
}
