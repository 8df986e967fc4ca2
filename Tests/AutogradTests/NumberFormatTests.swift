import Autograd
import Foundation
import Testing

/// Rounding to low-precision formats, against tables of all values of a format and naive Double arithmetic.
@Suite struct NumberFormatTests {
  /// The values of a format that has some, without signs, by rising code; nil for formats of whole numbers.
  private static func values(of format: NumberFormat) -> [Double]? {
    // Exponent bits, mantissa bits, and the codes at the end that stand for infinity or NaN.
    let layouts: [NumberFormat: (Int, Int, Int)] = [
      .fp8E4M3: (4, 3, 1), .fp8E5M2: (5, 2, 4), .fp6E3M2: (3, 2, 0), .fp6E2M3: (2, 3, 0), .fp4E2M1: (2, 1, 0),
    ]
    guard let (exponents, mantissas, special) = layouts[format] else { return nil }
    let bias = (1 << (exponents - 1)) - 1
    return (0..<(1 << (exponents + mantissas)) - special).map { code in
      let (exponent, mantissa) = (code >> mantissas, Double(code % (1 << mantissas)) / Double(1 << mantissas))
      return exponent == 0
        ? mantissa * pow(2, Double(1 - bias)) : (1 + mantissa) * pow(2, Double(exponent - bias))
    }
  }

  /// The nearest of some values, and of two equally near ones that with an even code.
  private static func nearest(_ x: Double, of values: [Double]) -> Double {
    let magnitude = abs(x)
    let above = values.firstIndex { $0 >= magnitude } ?? values.count - 1
    let below = max(values.lastIndex { $0 <= magnitude } ?? 0, 0)
    let (up, down) = (values[above] - magnitude, magnitude - values[below])
    let code = up == down ? (above.isMultiple(of: 2) ? above : below) : abs(up) < abs(down) ? above : below
    return x < 0 ? -values[code] : values[code]
  }

  /// A channel rounded naively.
  private static func rounded(_ channel: [Double], to format: NumberFormat) -> [Double] {
    if let values = values(of: format) {
      return stride(from: 0, to: channel.count, by: 32).flatMap { first in
        let block = channel[first..<min(first + 32, channel.count)]
        let greatest = block.map(abs).max() ?? 0
        guard greatest > 0 else { return Array(block) }
        let scale = pow(2, floor(log2(greatest)) - floor(log2(values[values.count - 1])))
        return block.map { scale * nearest($0 / scale, of: values) }
      }
    }
    switch format {
    case .float32: return channel
    case .bfloat16:
      return channel.map { x in
        let unit = x == 0 ? 1 : pow(2, floor(log2(abs(x))) - 7)
        return (x / unit).rounded(.toNearestOrEven) * unit
      }
    case .ternary:
      let scale = channel.reduce(0) { $0 + abs($1) } / Double(channel.count)
      return channel.map { scale == 0 ? 0 : scale * max(-1, min(1, ($0 / scale).rounded(.toNearestOrEven))) }
    default:
      let limit = Double((1 << (Int(format.bits) - 1)) - 1)
      let scale = (channel.map(abs).max() ?? 0) / limit
      return channel.map { scale == 0 ? 0 : scale * ($0 / scale).rounded(.toNearestOrEven) }
    }
  }

  private struct Outcome {
    var values: [Float]
    var gradients: [Float]
  }

  /// Runs a program over x, whose output has the gradient `cotangent`, or 2 everywhere.
  private func run(
    _ x: [Float], _ shape: [Int], cotangent: [Float]? = nil, keys: [Int32] = [],
    record: (Recorder, Tensor, Integers) -> Tensor
  ) -> Outcome {
    var layout = ParameterLayout()
    let weight = layout.add("x", shape)
    let recorder = Recorder(gradients: true)
    let integers = recorder.integers(keys.count)
    let program = recorder.finish(record(recorder, weight, integers))
    let arena = Arena(for: program)
    let (parameters, gradients) = (
      FloatBuffer(count: layout.bufferCount), FloatBuffer(count: layout.gradientCount)
    )
    for (i, value) in x.enumerated() { parameters[i] = value }
    for (i, key) in keys.enumerated() { arena.integers(integers)[i] = key }
    program.forward(arena, parameters: parameters)
    let values = Array(arena.output)
    for i in 0..<x.count { arena.outputGradient[i] = cotangent?[i] ?? 2 }
    program.backward(arena, parameters: parameters, gradients: gradients)
    // Weights stay as they are.
    #expect((0..<x.count).allSatisfy { parameters[$0].bitPattern == x[$0].bitPattern })
    return Outcome(values: values, gradients: (0..<x.count).map { gradients[$0] })
  }

  @Test("Every value of a format stays, what lies between goes to the nearest, ties to the even code")
  func tables() throws {
    for format in NumberFormat.allCases {
      guard let values = Self.values(of: format) else { continue }
      // With the greatest value in the block, its scale is 1.
      let greatest = try #require(values.last)
      var xs = values.flatMap { [$0, -$0] }
      for (one, other) in zip(values, values.dropFirst()) {
        let middle = (one + other) / 2
        xs += [middle, -middle, middle * (1 + 1e-6), middle * (1 - 1e-6)]
      }
      for x in xs {
        let outcome = run([Float(greatest), Float(x)], [1, 2]) { recorder, x, _ in
          recorder.round(x, to: format, isWeight: true)
        }
        #expect(outcome.values[0] == Float(greatest))
        #expect(Double(outcome.values[1]) == Self.nearest(Double(Float(x)), of: values), "\(format) \(x)")
      }
      // Beyond the greatest value of a block that it does not scale up to the next power of two.
      let beyond = Float(greatest) * 1.06
      let outcome = run([beyond, 0], [1, 2]) { recorder, x, _ in recorder.round(x, to: format, isWeight: true)
      }
      if beyond.exponent == Float(greatest).exponent { #expect(outcome.values[0] == Float(greatest)) }
      #expect(format.bits == (log2(Double(values.count)) + 1).rounded(.up) + 0.25)
    }
  }

  @Test(
    "Channels are rows, columns or parts of rows, and the gradient passes through",
    arguments: NumberFormat.allCases)
  func channels(_ format: NumberFormat) {
    for (shape, seed) in [([1, 1], 1), ([3, 7], 2), ([2, 33, 5], 3), ([5, 70], 4), ([40, 64], 5)] {
      let (columns, rows) = (shape[shape.count - 1], shape[shape.count - 2])
      let count = shape.reduce(1, *)
      // Magnitudes over many orders.
      let xs = pseudorandom(count, seed: seed).enumerated().map { i, x in
        Float(x) * Float(sign: .plus, exponent: i % 23 - 11, significand: 1)
      }
      func check(_ outcome: Outcome, _ channel: (Int) -> [Int], _ kind: String) {
        for i in stride(from: 0, to: count, by: 1) {
          let places = channel(i)
          let expected =
            places.isEmpty
            ? Double(xs[i])
            : Self.rounded(places.map { Double(xs[$0]) }, to: format)[places.firstIndex(of: i) ?? 0]
          // Scales that are no power of two are rounded to float.
          let error = abs(Double(outcome.values[i]) - expected)
          #expect(
            error <= 1e-6 * abs(expected),
            "\(format) \(kind) \(shape) \(i): \(outcome.values[i]), \(expected)")
        }
        #expect(outcome.gradients.allSatisfy { $0 == 2 })
      }
      let byRow = run(xs, shape) { recorder, x, _ in recorder.round(x, to: format, isWeight: true) }
      check(byRow, { i in Array(i / columns * columns..<(i / columns + 1) * columns) }, "rows")
      let byColumn = run(xs, shape) { recorder, x, _ in
        recorder.round(x, to: format, transposed: true, isWeight: true)
      }
      check(
        byColumn,
        { i in
          let matrix = i / (rows * columns)
          return (0..<rows).map { matrix * rows * columns + $0 * columns + i % columns }
        }, "columns")
      // In place, in a copy of the weight: the last two heads of each row.
      guard columns >= 5 else { continue }
      let heads = columns - 4..<columns
      let partly = run(xs, shape) { recorder, x, _ in
        recorder.round(recorder.add(recorder.input(shape), x), to: format, columns: heads, width: 2)
      }
      check(
        partly,
        { i in
          let column = i % columns
          guard heads.contains(column) else { return [] }
          let first = i - (column - heads.lowerBound) % 2
          return [first, first + 1]
        }, "heads")
    }
  }

  @Test(
    "The gradient is rounded by row, and values are not", arguments: [NumberFormat.fp4E2M1, .int4, .bfloat16])
  func gradients(_ format: NumberFormat) {
    let (shape, count) = ([6, 40], 240)
    let (xs, slopes) = (
      pseudorandom(count, seed: 1).map(Float.init), pseudorandom(count, seed: 2).map(Float.init)
    )
    let alone = run(xs, shape, cotangent: slopes) { recorder, x, _ in recorder.roundGradient(x, to: format) }
    // Where x is used twice, the rounded gradient is added to the other one.
    let twice = run(xs, shape, cotangent: slopes) { recorder, x, _ in
      recorder.add(x, recorder.roundGradient(x, to: format))
    }
    #expect(alone.values == xs)
    for i in 0..<count {
      let row = i / 40 * 40..<(i / 40 + 1) * 40
      let expected = Self.rounded(row.map { Double(slopes[$0]) }, to: format)[i % 40]
      #expect(abs(Double(alone.gradients[i]) - expected) <= 1e-6 * abs(expected))
      #expect(abs(Double(twice.gradients[i]) - expected - Double(slopes[i])) <= 1e-6)
    }
  }

  @Test("Random rounding gives neighbours whose mean is the number, by the key of the window alone")
  func stochastic() {
    for format in NumberFormat.allCases where format != .float32 {
      let shape = [2000, 2]
      // The first of each row sets the scale.
      let xs = (0..<4000).map { $0.isMultiple(of: 2) ? Float(1) : Float(0.3) }
      func draw(keys: [Int32], stream: Int) -> [Float] {
        run(xs, shape, keys: keys) { recorder, x, integers in
          recorder.round(x, to: format, random: (integers, stream), isWeight: true)
        }.values
      }
      let first = draw(keys: [1, 2], stream: 0)
      #expect(first == draw(keys: [1, 2], stream: 0))
      #expect(first != draw(keys: [1, 2], stream: 1))
      let swapped = draw(keys: [2, 1], stream: 0)
      #expect(first[..<2000] == swapped[2000...])
      let drawn = stride(from: 1, to: 4000, by: 2).map { Double(first[$0]) }
      let (mean, spread) = (drawn.reduce(0, +) / 2000, Set(drawn))
      #expect(spread.count <= 2)
      let width = (spread.max() ?? 0) - (spread.min() ?? 0)
      #expect(abs(mean - 0.3) <= 5 * 0.5 * width / 2000.squareRoot() + 1e-6, "\(format)")
    }
  }

  @Test("Zeros, the smallest numbers, infinity and NaN")
  func extremes() {
    for format in NumberFormat.allCases {
      for keys in [[], [Int32(1)]] {
        let odd: [Float] = [0, -0.0, .leastNonzeroMagnitude, .leastNormalMagnitude, 1e-38, 0, 0, 0]
        let bad: [Float] = [.infinity, 1, .nan, -.infinity]
        func round(_ xs: [Float]) -> [Float] {
          run(xs, [1, xs.count], keys: keys) { recorder, x, integers in
            recorder.round(x, to: format, random: keys.isEmpty ? nil : (integers, 0), isWeight: true)
          }.values
        }
        #expect(round(odd).allSatisfy { abs($0) <= 4e-38 })
        #expect(round(Array(repeating: 0, count: 5)) == Array(repeating: 0, count: 5))
        #expect(round(bad).contains { $0.isNaN } && round(Array(bad[..<2])).contains { !$0.isFinite })
      }
    }
  }
}
