import Autograd
import Foundation
import Testing

/// The sizes of a routed layer: rows, experts, chosen ones, columns in and out.
private struct Sizes {
  var rows: Int
  var experts: Int
  var choices: Int
  var inputs: Int
  var outputs: Int
  var gate = Gate.softmaxFirst
  var capacity: Int?
}

private let sizes = [
  Sizes(rows: 1, experts: 1, choices: 1, inputs: 1, outputs: 1),
  Sizes(rows: 7, experts: 3, choices: 1, inputs: 5, outputs: 3),
  Sizes(rows: 19, experts: 5, choices: 2, inputs: 17, outputs: 33),
  Sizes(rows: 19, experts: 5, choices: 3, inputs: 3, outputs: 16, gate: .choiceFirst),
  Sizes(rows: 33, experts: 40, choices: 8, inputs: 4, outputs: 7),
  Sizes(rows: 20, experts: 4, choices: 1, inputs: 6, outputs: 5, capacity: 3),
  Sizes(rows: 20, experts: 4, choices: 2, inputs: 6, outputs: 5, gate: .choiceFirst, capacity: 9),
]

/// Tests each operation of a routed layer, and all of them together.
let routedCases: [Case] = sizes.flatMap { s in
  [
    Case(name: "route", shapes: [[s.rows, s.experts]], tolerance: 5e-7) { recorder, x, _ in
      recorder.route(x[0], choices: s.choices, gate: s.gate, capacity: s.capacity).gates
    } reference: {
      Reference.choices($0[0], s.rows, s.experts, s.choices, s.gate).flatMap { $0.map { $0.gate } }
    },
    Case(
      name: "experts",
      shapes: [
        [s.rows, s.inputs], [s.rows, s.experts], [s.experts, s.inputs, s.outputs], [s.experts, s.outputs],
      ], tolerance: 2e-6
    ) { recorder, x, _ in
      let (gates, routes) = recorder.route(x[1], choices: s.choices, gate: s.gate, capacity: s.capacity)
      let made = recorder.expertLinear(recorder.dispatch(x[0], routes), x[2], bias: x[3], routes)
      return recorder.combine(made, gates: gates, routes)
    } reference: { x in
      Reference.experts(
        x[0], weights: x[2], biases: x[3], inputs: s.inputs, outputs: s.outputs, capacity: s.capacity,
        choices: Reference.choices(x[1], s.rows, s.experts, s.choices, s.gate))
    },
    Case(name: "loadBalancePenalty", shapes: [[s.rows], [s.rows, s.experts]], tolerance: 1e-6) {
      recorder, x, _ in
      let routes = recorder.route(x[1], choices: s.choices, gate: s.gate).routes
      return recorder.loadBalancePenalty(x[0], logits: x[1], routes, balance: 0.3, size: 0.2)
    } reference: { x in
      let chosen = Reference.choices(x[1], s.rows, s.experts, s.choices, s.gate).joined().map { $0.expert }
      let parts = (0..<s.experts).map { e in Double(chosen.count { $0 == e }) / Double(chosen.count) }
      return (0..<s.rows).map { r in
        let powers = x[1][r * s.experts..<(r + 1) * s.experts].map(exp)
        let sum = powers.reduce(0, +)
        let balance = zip(parts, powers).reduce(0) { $0 + $1.0 * $1.1 / sum } * Double(s.experts)
        return x[0][r] + 0.3 * balance + 0.2 * log(sum) * log(sum)
      }
    },
  ]
}

extension Reference {
  /// The experts of each row with the greatest logits, and their gates.
  static func choices(_ z: [Double], _ rows: Int, _ experts: Int, _ choices: Int, _ gate: Gate) -> [[(
    expert: Int, gate: Double
  )]] {
    (0..<rows).map { r in
      let powers = z[r * experts..<(r + 1) * experts].map(exp)
      let chosen = powers.indices.sorted { (-powers[$0], $0) < (-powers[$1], $1) }.prefix(choices)
      let sum = (gate == .softmaxFirst ? Array(powers.indices) : Array(chosen)).reduce(0) { $0 + powers[$1] }
      return chosen.map { ($0, powers[$0] / sum) }
    }
  }

  /// Returns the weighted sum of the outputs of the chosen experts for each row.
  static func experts(
    _ x: [Double], weights: [Double], biases: [Double], inputs: Int, outputs: Int, capacity: Int?,
    choices: [[(expert: Int, gate: Double)]]
  ) -> [Double] {
    var loads: [Int: Int] = [:]
    return choices.enumerated().flatMap { r, chosen -> [Double] in
      var y = Array(repeating: 0.0, count: outputs)
      for (expert, gate) in chosen {
        loads[expert, default: 0] += 1
        if let capacity, loads[expert, default: 0] > capacity { continue }
        for c in 0..<outputs {
          let sum = (0..<inputs).reduce(biases[expert * outputs + c]) {
            $0 + x[r * inputs + $1] * weights[(expert * inputs + $1) * outputs + c]
          }
          y[c] += gate * sum
        }
      }
      return y
    }
  }
}

@Suite struct RoutingTests {
  @Test("The operations of empty places are not counted", arguments: [1, 2, 3, 9, nil])
  func spared(capacity: Int?) {
    // Of 20 rows, 11 choose the first of four experts and 9 the second.
    var layout = ParameterLayout()
    let z = layout.add("z", [20, 4])
    let x = layout.add("x", [20, 6])
    let w = layout.add("w", [4, 6, 5])
    let recorder = Recorder(gradients: true)
    let routes = recorder.route(z, choices: 1, gate: .softmaxFirst, capacity: capacity).routes
    let program = recorder.finish(recorder.expertLinear(recorder.dispatch(x, routes), w, routes))
    let (arena, parameters) = (Arena(for: program), FloatBuffer(count: layout.bufferCount))
    for row in 0..<20 { parameters[layout.parameters[0].offset + 4 * row + row % 2 * (row < 18 ? 1 : 0)] = 1 }
    program.forward(arena, parameters: parameters)
    let taken = min(11, capacity ?? 20) + min(9, capacity ?? 20)
    let done = program.flops.total - program.spared(arena).total
    #expect(done == Double(3 * 2 * taken * 6 * 5))
  }

  /// Routes rows of logits, and returns the choices, their places and the gradient of the biases.
  private func route(
    _ logits: [[Float]], choices: Int, bias: [Float]? = nil, capacity: Int? = nil
  ) -> (chosen: [Int32], place: [Int32], gates: [Float], loads: [Float]) {
    var layout = ParameterLayout()
    let (rows, experts) = (logits.count, logits[0].count)
    let z = layout.add("z", [rows, experts])
    let b = bias.map { _ in layout.add("b", [experts]) }
    let recorder = Recorder(gradients: true)
    let (gates, routes) = recorder.route(
      z, choices: choices, gate: .softmaxFirst, bias: b, capacity: capacity)
    let program = recorder.finish(gates)
    let arena = Arena(for: program)
    let (parameters, gradients) = (
      FloatBuffer(count: layout.bufferCount), FloatBuffer(count: layout.bufferCount)
    )
    for (values, parameter) in zip([logits.flatMap { $0 }, bias ?? []], layout.parameters) {
      for (i, value) in values.enumerated() { parameters[parameter.offset + i] = value }
    }
    program.forward(arena, parameters: parameters)
    arena.outputGradient.update(repeating: 1)
    program.backward(arena, parameters: parameters, gradients: gradients)
    func list(_ integers: Integers) -> [Int32] { (0..<integers.count).map { arena.integers(integers)[$0] } }
    let loads = bias == nil ? [] : layout.parameters[1].range.map { gradients[$0] }
    return (list(routes.chosen), list(routes.place), Array(arena.output), loads)
  }

  @Test("Of equal logits the first experts are chosen")
  func ties() {
    let found = route([[0, 0, 0, 0], [1, 2, 2, 2], [-1, -1, -3, -1]], choices: 2)
    #expect(found.chosen == [0, 1, 1, 2, 0, 1])
  }

  @Test("Places are in the order of the experts, those of one expert in the order of the rows")
  func places() {
    let found = route([[0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]], choices: 1)
    #expect(found.chosen == [1, 0, 1, 2, 0])
    #expect(found.place == [2, 0, 3, 4, 1])
  }

  @Test("A full expert drops the last rows")
  func capacity() {
    let found = route([[1, 0], [2, 0], [3, 0], [0, 1], [4, 0]], choices: 1, capacity: 2)
    #expect(found.place == [0, 1, -1, 2, -1])
  }

  @Test("A bias changes the choices but not the gates, and its gradient is the excess of rows")
  func bias() {
    let logits: [[Float]] = [[1, 0.5], [1, 0], [2, 0], [3, 0]]
    let plain = route(logits, choices: 1, bias: [0, 0])
    let biased = route(logits, choices: 1, bias: [0, 1.5])
    #expect(plain.chosen == [0, 0, 0, 0])
    #expect(plain.loads == [2, -2])
    #expect(biased.chosen == [1, 1, 0, 0])
    #expect(biased.loads == [0, 0])
    #expect(abs(biased.gates[0] - exp(0.5) / (exp(1) + exp(0.5))) < 1e-6)
    #expect(biased.gates[3] == plain.gates[3])
  }

  @Test("NaN logits are routed to some expert")
  func notNumbers() {
    let found = route([[.nan, .nan, .nan], [0, .nan, 1]], choices: 2)
    #expect(found.chosen.allSatisfy { (0..<3).contains($0) })
    #expect(found.place.sorted() == [0, 1, 2, 3])
  }

  @Test("Noise is normal, depends on the key, and passes on the gradient")
  func noise() {
    func draw(keys: [Int32], stream: Int) -> [Float] {
      var layout = ParameterLayout()
      let x = layout.add("x", [2000, 8])
      let recorder = Recorder(gradients: true)
      let integers = recorder.integers(2)
      let program = recorder.finish(recorder.noise(x, deviation: 0.5, keys: integers, stream: stream))
      let arena = Arena(for: program)
      let (parameters, gradients) = (
        FloatBuffer(count: layout.bufferCount), FloatBuffer(count: layout.bufferCount)
      )
      for i in 0..<parameters.count { parameters[i] = 3 }
      for (i, key) in keys.enumerated() { arena.integers(integers)[i] = key }
      program.forward(arena, parameters: parameters)
      arena.outputGradient.update(repeating: 2)
      program.backward(arena, parameters: parameters, gradients: gradients)
      #expect((0..<gradients.count).allSatisfy { gradients[$0] == 2 })
      return Array(arena.output)
    }
    let first = draw(keys: [1, 2], stream: 0)
    #expect(first == draw(keys: [1, 2], stream: 0))
    #expect(first != draw(keys: [1, 2], stream: 1))
    let swapped = draw(keys: [2, 1], stream: 0)
    #expect(first[..<8000] == swapped[8000...])
    let mean = first.reduce(0) { $0 + Double($1) } / 16_000
    let variance = first.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / 16_000
    let tails = first.count { abs($0 - 3) > 0.98 }
    #expect(abs(mean - 3) < 5 * 0.5 / 126.5)
    #expect(abs(variance - 0.25) < 0.015)
    #expect((700...900).contains(tails))
  }
}
