import Autograd
import Testing

/// The three matrix products of a layer against sums in double precision, at shapes around every edge of a tile.
@Suite struct ProductTests {
  /// A layer y = scale·x·W + b of x (rows, inner) and y (rows, columns).
  struct Shape: CustomTestStringConvertible, Sendable {
    let rows: Int
    let inner: Int
    let columns: Int
    var testDescription: String { "\(rows) x \(inner) x \(columns)" }
  }

  /// Single elements, all heights and widths of a tile, incomplete tiles, and sums of more than one block.
  static let shapes: [Shape] =
    [
      (1, 1, 1), (1, 79, 1), (79, 1, 33), (15, 33, 48), (29, 16, 17), (64, 32, 96), (100, 129, 95),
      (40, 520, 31), (97, 20, 530), (1100, 64, 79), (130, 256, 64),
    ].map(Shape.init)
    + (1...32).map { Shape(rows: $0, inner: 7, columns: 2 * $0 + 1) }

  /// All that this CPU has.
  static let kernels: [ProductKernel] =
    Kernels.allCases.map { .float32($0) } + Bfloat16Kernel.available.map { .bfloat16($0) }

  @Test("Products agree with a naive reference", arguments: shapes, kernels)
  func agreesWithReference(_ shape: Shape, _ kernel: ProductKernel) {
    for (scale, hasBias, uses, transposed) in [
      (Float(1), true, 1, false), (-0.75, false, 1, true), (1.5, true, 2, false), (1.5, true, 2, true),
    ] {
      let layer = Layer(shape, transposed: transposed, scale: scale, hasBias: hasBias, kernel: kernel)
      let found = layer.run(uses: uses)
      // Every sum of n terms may be off by n roundings of the sum of its magnitudes.
      func compare(_ found: [Float], terms: Int, _ truth: (Int) -> (sum: Double, magnitude: Double)) {
        let wrong = found.indices.filter { i in
          let (sum, magnitude) = truth(i)
          let bound = Double(terms + 4) * 0x1p-24 * magnitude * Double(uses)
          return !(abs(Double(found[i]) - Double(uses) * sum) <= bound)
        }
        #expect(wrong.isEmpty)
      }
      compare(found.y, terms: shape.inner) { layer.y($0) }
      compare(found.dx, terms: shape.columns) { layer.dx($0) }
      compare(found.dw, terms: shape.rows) { layer.dw($0) }
      #expect(found.gapsAreUntouched)
      #expect(layer.run(uses: uses) == found, "other bits in another run")
    }
  }

  @Test(
    "Symmetric products are those of the whole matrices", arguments: [1, 7, 16, 33, 64, 97, 130], kernels)
  func symmetric(_ side: Int, _ kernel: ProductKernel) {
    for inner in [1, 31, 128, 600] {
      let count = kernel.scratchCount(inner: inner, columns: side)
      let (scratch, a) = (FloatBuffer(count: count), FloatBuffer(count: side * inner))
      let (whole, half) = (FloatBuffer(count: side * side), FloatBuffer(count: side * side))
      for i in 0..<a.count { a[i] = Float((i * 7919 + 13) % 1000) / 500 - 1 }
      for i in 0..<half.count { half[i] = .nan }
      for (wide, gram) in [
        (true, Matrix(a.start, side, inner)), (false, Matrix(a.start, inner, side).transposed),
      ] {
        kernel.multiply(
          gram, gram.transposed, into: Matrix(whole.start, side, side), alpha: 0.5, scratch: scratch.start)
        kernel.multiplySymmetric(
          gram, gram.transposed, into: Matrix(half.start, side, side), alpha: 0.5, scratch: scratch.start)
        let wrong = (0..<side * side).filter { i in
          let (row, column) = (max(i / side, i % side), min(i / side, i % side))
          return half[i] != half[row * side + column]
            || abs(half[i] - whole[row * side + column]) > 1e-4 * Float(inner)
        }
        #expect(wrong.isEmpty, "\(side) by \(inner), wide: \(wide)")
      }
    }
  }

  @Test("NaN and infinity affect exactly the results that depend on them", arguments: shapes, kernels)
  func notANumber(_ shape: Shape, _ kernel: ProductKernel) {
    let (row, term) = (shape.rows / 2, shape.inner / 2)
    for (poison, times, becomes, transposed) in [
      (Float.nan, Float(0), Float.nan, false), (.infinity, 0, .nan, true), (.infinity, -2, -.infinity, false),
      (Float(bitPattern: 0x7F80_0001), 1, .nan, true), (.greatestFiniteMagnitude, -2, -.infinity, false),
    ] {
      // The largest float is finite, unless it is rounded to bfloat16.
      if poison.isFinite && !kernel.roundsOperands { continue }
      var layer = Layer(shape, transposed: transposed, scale: 1, hasBias: true, kernel: kernel)
      layer.x[row * shape.inner + term] = poison
      for c in 0..<shape.columns { layer.w[layer.weightIndex(term, c)] = times }
      let found = layer.run(uses: 1)
      let wrong = found.y.indices.filter { i in
        let value = found.y[i]
        guard i / shape.columns == row else { return !value.isFinite }
        return becomes.isNaN ? !value.isNaN : value != becomes
      }
      #expect(wrong.isEmpty)
      // Of the gradients only that of the weights reads x.
      #expect(!found.dx.contains { !$0.isFinite })
      let poisoned = Set((0..<shape.columns).map { layer.weightIndex(term, $0) })
      #expect(Set(found.dw.indices.filter { !found.dw[$0].isFinite }) == poisoned)
    }
  }
}

extension ProductKernel {
  /// Whether operands are rounded to bfloat16.
  var roundsOperands: Bool { if case .bfloat16 = self { true } else { false } }

  /// x as it enters a product.
  func operand(_ x: Float) -> Float { roundsOperands ? roundedToBfloat16(x) : x }
}

/// x rounded to 8 significant bits, ties to even.
private func roundedToBfloat16(_ x: Float) -> Float {
  guard x.isNormal else { return x }
  let unit = Float(sign: .plus, exponent: x.exponent - 7, significand: 1)
  return (x / unit).rounded(.toNearestOrEven) * unit
}

private struct Layer {
  let kernel: ProductKernel
  let shape: ProductTests.Shape
  let transposed: Bool
  let scale: Float
  var x: [Float]
  var w: [Float]
  let bias: [Float]?
  let dy: [Float]

  init(
    _ shape: ProductTests.Shape, transposed: Bool, scale: Float, hasBias: Bool, kernel: ProductKernel
  ) {
    self.kernel = kernel
    self.shape = shape
    self.transposed = transposed
    self.scale = scale
    x = pseudorandom(shape.rows * shape.inner, seed: 1).map(Float.init)
    w = pseudorandom(shape.inner * shape.columns, seed: 2).map(Float.init)
    bias = hasBias ? pseudorandom(shape.columns, seed: 3).map(Float.init) : nil
    dy = pseudorandom(shape.rows * shape.columns, seed: 4).map(Float.init)
  }

  func weightIndex(_ k: Int, _ c: Int) -> Int { transposed ? c * shape.inner + k : k * shape.columns + c }

  func y(_ i: Int) -> (sum: Double, magnitude: Double) {
    let (r, c) = i.quotientAndRemainder(dividingBy: shape.columns)
    return sum(
      (0..<shape.inner).lazy.map { (x[r * shape.inner + $0], w[weightIndex($0, c)]) }, plus: bias?[c] ?? 0)
  }

  func dx(_ i: Int) -> (sum: Double, magnitude: Double) {
    let (r, k) = i.quotientAndRemainder(dividingBy: shape.inner)
    return sum((0..<shape.columns).lazy.map { (dy[r * shape.columns + $0], w[weightIndex(k, $0)]) })
  }

  func dw(_ i: Int) -> (sum: Double, magnitude: Double) {
    let (first, second) = i.quotientAndRemainder(dividingBy: transposed ? shape.inner : shape.columns)
    let (k, c) = transposed ? (second, first) : (first, second)
    return sum((0..<shape.rows).lazy.map { (x[$0 * shape.inner + k], dy[$0 * shape.columns + c]) })
  }

  private func sum(_ terms: some Sequence<(Float, Float)>, plus start: Float = 0) -> (
    sum: Double, magnitude: Double
  ) {
    var (total, magnitude) = (Double(start), Double(abs(start)))
    for (a, b) in terms {
      let term = Double(scale) * Double(kernel.operand(a)) * Double(kernel.operand(b))
      total += term
      magnitude += abs(term)
    }
    return (total, magnitude)
  }

  struct Result: Equatable {
    var y: [Float]
    var dx: [Float]
    var dw: [Float]
    var gapsAreUntouched: Bool
  }

  /// The layer's output summed over `uses`, and its gradients: the second use must add to what the first stored.
  /// All memory holds NaN before.
  func run(uses: Int) -> Result {
    var layout = ParameterLayout()
    let xs = layout.add("x", [shape.rows, shape.inner])
    let ws = layout.add(
      "w", transposed ? [shape.columns, shape.inner] : [shape.inner, shape.columns])
    let bs = bias.map { layout.add("b", [$0.count]) }
    let recorder = Recorder(gradients: true, kernel: kernel)
    func once() -> Tensor { recorder.linear(xs, ws, bias: bs, transposed: transposed, scale: scale) }
    let program = recorder.finish(uses == 1 ? once() : recorder.add(once(), once()))

    let parameters = FloatBuffer(count: layout.bufferCount)
    let gradients = FloatBuffer(count: layout.bufferCount)
    parameters.start.update(repeating: .nan, count: parameters.count)
    gradients.start.update(repeating: .nan, count: gradients.count)
    for (parameter, values) in zip(layout.parameters, [x, w] + (bias.map { [$0] } ?? [])) {
      for (i, value) in values.enumerated() { parameters[parameter.offset + i] = value }
    }
    let arena = Arena(for: program, isolated: true)
    program.forward(arena, parameters: parameters)
    for (i, value) in dy.enumerated() { arena.outputGradient[i] = value }
    program.backward(arena, parameters: parameters, gradients: gradients)
    let inside = Set(layout.parameters.flatMap(\.range))
    return Result(
      y: Array(arena.output), dx: layout.parameters[0].range.map { gradients[$0] },
      dw: layout.parameters[1].range.map { gradients[$0] },
      gapsAreUntouched: (0..<gradients.count).allSatisfy { inside.contains($0) || gradients[$0].isNaN })
  }
}
