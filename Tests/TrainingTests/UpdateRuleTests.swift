import Autograd
import Foundation
import Models
import RandomNumbers
import Testing
import Training

/// Steps of each update rule against a reference in double precision, on random weights and gradients.
@Suite struct UpdateRuleTests {
  /// Models with matrices of all kinds: tall and wide ones, some together in a weight, with a side of 1, and with sides
  /// that are no multiple of a vector.
  private static let models: [@Sendable (Double) throws -> ModelConfiguration] = [
    { _ in try ModelConfiguration(width: 12, depth: 1, context: 8, vocabulary: 11) },
    { _ in
      try ModelConfiguration(
        architecture: .llama, width: 36, heads: 4, headWidth: 12, kvHeads: 2, layers: "AL", context: 8,
        vocabulary: 5, tiedHead: false)
    },
    { _ in try ModelConfiguration(width: 16, layers: "MD", state: 3, context: 8, vocabulary: 7) },
    { _ in
      try ModelConfiguration(
        architecture: .llama, width: 20, depth: 1, context: 8, vocabulary: 7, parametrisation: .standard,
        moe: MoE(experts: 3, granularity: 2, shared: 1, balance: .bias))
    },
  ]

  @Test("Steps agree with a reference", arguments: updateRules.map { $0.name }, models.indices)
  func agrees(_ name: String, _ number: Int) throws {
    let rule = try #require(updateRules.first { $0.name == name })
    let model = try Self.models[number](0)
    let transformer = Transformer(model)
    let training = TrainingConfiguration(
      tokens: 1, updateRule: Selection(rule, name == "soap" ? ["precondition_frequency": 3] : [:]),
      weightDecay: 0.1)
    let state = TrainingState(
      transformer, parameters: transformer.initialParameters(seed: 3), rule: rule)
    #expect(state.byteCount == TrainingState.byteCount(transformer, rule: rule))
    let gradient = FloatBuffer(count: transformer.layout.gradientCount)
    let optimizer = Optimizer(transformer, training)
    var random = SplitMix64(seed: 5)
    var reference = ReferenceRule(name, transformer, state)
    for step in 1...8 {
      for parameter in transformer.parameters {
        guard let range = parameter.parameter.gradientRange else { continue }
        // An expert that no token chose has no gradient.
        let isIdle = parameter.name.contains(".experts.") && step == 2
        for i in range { gradient[i] = isIdle && i < range.lowerBound + 40 ? 0 : Float(random.normal()) }
      }
      reference.readBases(state)
      optimizer.update(state, gradient: gradient, gradientScale: 0.5, rate: 0.02, step: step)
      reference.step(gradient, scale: 0.5, rate: 0.02, number: step)
      for (parameter, expected) in zip(transformer.parameters, reference.weights) {
        let found = parameter.range.map { Double(state.parameters[$0]) }
        // Of a matrix that is almost singular, rounding changes the smallest directions a little.
        let wrong = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
        #expect(wrong < 2e-4, "\(parameter.name), step \(step)")
        if wrong >= 2e-4 { return }
      }
      if name == "soap" { reference.checkBases(state, number: step) }
    }
  }

  @Test(
    "Newton–Schulz steps turn singular values into those of the polynomial, near to 1",
    arguments: [
      (1, 1), (1, 7), (9, 1), (3, 5), (16, 16), (17, 33), (48, 16), (130, 70), (64, 200), (128, 128),
    ])
  func newtonSchulz(_ rows: Int, _ columns: Int) {
    var random = SplitMix64(seed: UInt64(rows * 1000 + columns))
    let count = min(rows, columns)
    let (u, v) = (orthonormal(count, rows, &random), orthonormal(count, columns, &random))
    // From 1 down to 1/50 of the greatest one.
    let values = (0..<count).map { 3 * pow(50, -Double($0) / Double(max(1, count - 1))) }
    let workspace = FloatBuffer(count: NewtonSchulz.workspaceCount(rows: rows, columns: columns))
    let stride = columns + 3
    let target = FloatBuffer(count: rows * stride)
    for i in 0..<target.count { target[i] = 0.5 }
    let iteration = NewtonSchulz(rows: rows, columns: columns, workspace: workspace.start)
    for i in 0..<rows {
      for j in 0..<columns {
        iteration.x[i * columns + j] = Float((0..<count).reduce(0) { $0 + values[$1] * u[$1][i] * v[$1][j] })
      }
    }
    iteration.add(to: Matrix(target.start, rows, columns, stride: stride), scale: 2)
    func found(_ i: Int, _ j: Int) -> Double { (Double(target[i * stride + j]) - 0.5) / 2 }
    let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
    for k in 0..<count {
      let image = (0..<rows).map { i in (0..<columns).reduce(0) { $0 + found(i, $1) * v[k][$1] } }
      let expected = ReferenceRule.polynomial(values[k] / norm)
      #expect(expected > 0.68 && expected < 1.21)
      let error = (0..<rows).reduce(0) { $0 + pow(image[$1] - expected * u[k][$1], 2) }.squareRoot()
      #expect(error < 2e-3, "singular value \(k)")
    }
    #expect((0..<rows).allSatisfy { i in (columns..<stride).allSatisfy { target[i * stride + $0] == 0.5 } })
  }

  /// Orthonormal vectors.
  private func orthonormal(_ count: Int, _ length: Int, _ random: inout SplitMix64) -> [[Double]] {
    var vectors: [[Double]] = []
    for _ in 0..<count {
      var vector = (0..<length).map { _ in random.normal() }
      for other in vectors + vectors {
        let overlap = zip(vector, other).reduce(0) { $0 + $1.0 * $1.1 }
        for i in vector.indices { vector[i] -= overlap * other[i] }
      }
      let size = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
      vectors.append(vector.map { $0 / size })
    }
    return vectors
  }

  @Test("Operations of products are counted, by hand")
  func flops() throws {
    let transformer = Transformer(try ModelConfiguration(width: 16, depth: 3, context: 8, vocabulary: 9))
    for (name, expected) in [
      ("adamw", 0.0), ("sgd", 0), ("lion", 0),
      // Four squares and two matrices with a side of 64: three products with the long side, of which one is symmetric.
      ("muon", 7 * 3 * (4 * (3 + 17) + 2 * (3 * 4 + 17)) * 4096),
    ] {
      let rule = try #require(updateRules.first { $0.name == name })
      let training = TrainingConfiguration(tokens: 1, updateRule: Selection(rule))
      #expect(training.updateFlops(transformer, steps: 7) == expected, "\(name)")
    }
    let soap = try #require(updateRules.first { $0.name == "soap" })
    let training = TrainingConfiguration(tokens: 1, updateRule: Selection(soap))
    let counts = (0...21).map { training.updateFlops(transformer, steps: $0) }
    let steps = zip(counts.dropFirst(), counts).map { $0 - $1 }
    #expect(counts[0] == 0 && Set(steps[1..<10]).count == 1 && abs(steps[20] - steps[10]) < 1)
    // The bases of four squares, and of two matrices with a side of 64.
    let cubes = 3 * Double(4 * 2 + 2 * (1 + 64)) * 4096
    #expect(abs(steps[10] - steps[9] - (2 + 8.0 / 3) * cubes) < 1)
    #expect(steps[0] < steps[1] + 9 * cubes)
  }

  /// Else a rate would not transfer. Those of SOAP change outputs less at larger widths, where its noise is as large.
  @Test(
    "Steps do not change logits more at width 128 than at 32, nor much less",
    arguments: updateRules.map { $0.name })
  func widths(_ name: String) throws {
    let folder = try ScratchFolder()
    let (source, corpus) = try smallCorpus(in: folder, context: 32)
    let rule = try #require(updateRules.first { $0.name == name })
    let changes = try [32, 128].map { width in
      let model = try ModelConfiguration(width: width, depth: 2, context: 32, vocabulary: corpus.vocabulary)
      let training = TrainingConfiguration(
        tokens: 1 << 20, batch: .fixed(1024), warmupSteps: 0, updateRule: Selection(rule))
      let trainer = try Trainer(
        RunConfiguration(
          corpus: source, corpusFingerprint: corpus.fingerprint, model: model, training: training, seed: 1),
        corpus: corpus)
      let (program, inputs) = trainer.transformer.logitsProgram()
      let arena = Arena(for: program)
      let window = corpus.validation[0]
      for i in 0..<inputs.count { arena.integers(inputs)[i] = Int32(window[i]) }
      func logits() -> [Float] {
        _ = program.forward(arena, parameters: trainer.state.parameters)
        return Array(arena.output)
      }
      let before = logits()
      for _ in 0..<6 { _ = trainer.step(of: 1 << 20) }
      return zip(logits(), before).reduce(0.0) { $0 + Double(pow($1.0 - $1.1, 2)) }.squareRoot()
    }
    #expect(changes[1] / changes[0] > 0.4 && changes[1] / changes[0] < 1.2, "\(name): \(changes)")
  }

  @Test("A short training learns most of what there is to learn", arguments: updateRules.map { $0.name })
  func learns(_ name: String) throws {
    let folder = try ScratchFolder()
    let (source, corpus) = try smallCorpus(in: folder, context: 16)
    let rule = try #require(updateRules.first { $0.name == name })
    let model = try ModelConfiguration(width: 16, depth: 1, context: 16, vocabulary: corpus.vocabulary)
    let trainer = try Trainer(
      RunConfiguration(
        corpus: source, corpusFingerprint: corpus.fingerprint, model: model,
        training: TrainingConfiguration(
          tokens: 100_000, batch: .fixed(512), warmupSteps: 10, updateRule: Selection(rule)),
        seed: 1),
      corpus: corpus)
    while trainer.state.tokens < 100_000 { _ = trainer.step(of: 100_000) }
    let loss = trainer.evaluate().loss
    // A model that has learned nothing is at log 10 = 2.30, and the best one at 1.18.
    #expect(loss < 1.22, "\(name)")
  }
}

/// Steps of an update rule in double precision, written from its equations.
private struct ReferenceRule {
  private let rule: String
  private let transformer: Transformer
  private let model: ModelConfiguration
  /// The weights, by parameter.
  private(set) var weights: [[Double]]
  private var first: [[Double]]
  private var second: [[Double]]
  /// L and R of SOAP, and its bases before the step, by parameter and matrix.
  private var squares: [Int: [(left: [[Double]], right: [[Double]])]] = [:]
  private var bases: [Int: [(left: [[Double]], right: [[Double]])]] = [:]

  init(_ rule: String, _ transformer: Transformer, _ state: TrainingState) {
    (self.rule, self.transformer, model) = (rule, transformer, transformer.configuration)
    weights = transformer.parameters.map { $0.range.map { Double(state.parameters[$0]) } }
    first = weights.map { $0.map { _ in 0 } }
    second = first
  }

  /// The iterated polynomial of a singular value.
  static func polynomial(_ value: Double) -> Double {
    (0..<5).reduce(value) { x, _ in 3.4445 * x - 4.7750 * pow(x, 3) + 2.0315 * pow(x, 5) }
  }

  /// What a name says about a weight: whether its rate follows the width, and the columns of its matrices if each is
  /// taken as a whole.
  private func kind(_ name: String, _ shape: [Int]) -> (isHidden: Bool, parts: [Int]?) {
    let ofVectors = [".gain", ".bias", ".logRates", ".skip", ".balance", ".convolution.weight"]
    if !name.hasPrefix("blocks") || ofVectors.contains(where: name.hasSuffix) { return (false, nil) }
    if name.hasSuffix(".router.weight") || name.hasSuffix(".maps.weight") { return (true, nil) }
    let columns = shape[shape.count - 1]
    if name.hasSuffix("attention.qkv.weight") || name.hasSuffix("linearAttention.qkv.weight") {
      let narrow = model.headWidth * (model.kvHeads ?? model.heads)
      return (true, [columns - 2 * narrow, narrow, narrow])
    }
    if name.hasSuffix("deltaRule.qkv.weight") { return (true, [3, 3, 16]) }
    if name.hasSuffix(".up.weight"), !name.contains(".step."), model.architecture == .llama {
      return (true, [columns / 2, columns / 2])
    }
    return (true, [columns])
  }

  /// The numbers of the elements of each matrix in a weight.
  private func matrices(_ shape: [Int], _ parts: [Int]) -> [[[Int]]] {
    let (rows, columns) = (shape[shape.count - 2], shape[shape.count - 1])
    let stack = shape.count == 3 ? shape[0] : 1
    return (0..<stack).flatMap { index in
      parts.indices.map { part in
        let start = parts[..<part].reduce(0, +)
        return (0..<rows).map { row in
          (start..<start + parts[part]).map { (index * rows + row) * columns + $0 }
        }
      }
    }
  }

  mutating func step(_ gradient: FloatBuffer, scale: Double, rate: Double, number: Int) {
    let ratio = model.parametrisation == .mup ? Double(model.width) / 32 : 1
    for (index, parameter) in transformer.parameters.enumerated() {
      guard let range = parameter.parameter.gradientRange else { continue }
      let shape = parameter.parameter.tensor.shape
      let g = range.map { scale * Double(gradient[$0]) }
      if parameter.name.hasSuffix(".balance") {
        for i in g.indices { weights[index][i] -= 0.01 * (g[i] > 0 ? 1 : g[i] < 0 ? -1 : 0) }
        continue
      }
      let (isHidden, parts) = kind(parameter.name, shape)
      let isMatrix = isHidden || parameter.name.hasPrefix("embedding") || parameter.name.hasPrefix("head")
      let decay = isMatrix ? 0.1 : 0
      let whole = isHidden ? parts : nil
      switch rule {
      case "sgd":
        let eta = rate * (isHidden ? 1 : ratio)
        for i in g.indices {
          first[index][i] = 0.9 * first[index][i] + g[i]
          weights[index][i] -= eta * (first[index][i] + decay * weights[index][i])
        }
      case "lion":
        let eta = rate * (isHidden ? 1 / ratio : 1)
        for i in g.indices {
          let mixed = 0.9 * first[index][i] + 0.1 * g[i]
          weights[index][i] -= eta * ((mixed > 0 ? 1 : mixed < 0 ? -1 : 0) + decay * weights[index][i])
          first[index][i] = 0.99 * first[index][i] + 0.01 * g[i]
        }
      case "muon" where whole != nil:
        let eta = rate / ratio.squareRoot()
        for i in g.indices { first[index][i] = 0.95 * first[index][i] + g[i] }
        for matrix in matrices(shape, whole ?? []) {
          let x = matrix.map { $0.map { g[$0] + 0.95 * first[index][$0] } }
          let o = orthogonalised(x)
          let size = 0.2 * Double(max(x.count, x[0].count)).squareRoot()
          for (row, indices) in matrix.enumerated() {
            for (column, i) in indices.enumerated() {
              weights[index][i] -= eta * (size * o[row][column] + decay * weights[index][i])
            }
          }
        }
      case "soap" where whole != nil:
        soap(index, matrices(shape, whole ?? []), g, eta: rate / ratio.squareRoot(), decay, number)
      default:
        let eta = rate * (isHidden ? 1 / ratio : 1)
        for i in g.indices {
          first[index][i] = 0.9 * first[index][i] + 0.1 * g[i]
          second[index][i] = 0.95 * second[index][i] + 0.05 * g[i] * g[i]
          let m = first[index][i] / (1 - pow(0.9, Double(number)))
          let v = second[index][i] / (1 - pow(0.95, Double(number)))
          weights[index][i] -= eta * (m / (v.squareRoot() + 1e-8) + decay * weights[index][i])
        }
      }
    }
  }

  /// Five steps of the iteration as it is published.
  private func orthogonalised(_ matrix: [[Double]]) -> [[Double]] {
    let norm = matrix.joined().reduce(0) { $0 + $1 * $1 }.squareRoot()
    var x = matrix.map { $0.map { $0 / (norm + 1e-7) } }
    if x.count > x[0].count { x = transposed(x) }
    for _ in 0..<5 {
      let a = product(x, transposed(x))
      let square = product(a, a)
      var b = a
      for i in a.indices { for j in a.indices { b[i][j] = -4.7750 * a[i][j] + 2.0315 * square[i][j] } }
      let moved = product(b, x)
      for i in x.indices { for j in x[i].indices { x[i][j] = 3.4445 * x[i][j] + moved[i][j] } }
    }
    return matrix.count > matrix[0].count ? transposed(x) : x
  }

  // MARK: - SOAP

  /// A step of SOAP with the bases that the state had before it.
  private mutating func soap(
    _ index: Int, _ matrices: [[[Int]]], _ g: [Double], eta: Double, _ decay: Double, _ number: Int
  ) {
    for i in g.indices { first[index][i] = 0.9 * first[index][i] + 0.1 * g[i] }
    for (number_, matrix) in matrices.enumerated() {
      let slope = matrix.map { $0.map { g[$0] } }
      if number > 1, let basis = bases[index]?[number_] {
        let turned = product(product(basis.left, slope), transposed(basis.right))
        let m = matrix.map { $0.map { first[index][$0] / (1 - pow(0.9, Double(number))) } }
        var n = product(product(basis.left, m), transposed(basis.right))
        for (row, indices) in matrix.enumerated() {
          for (column, i) in indices.enumerated() {
            second[index][i] = 0.95 * second[index][i] + 0.05 * pow(turned[row][column], 2)
            let v = second[index][i] / (1 - pow(0.95, Double(number - 1)))
            n[row][column] /= v.squareRoot() + 1e-8
          }
        }
        let back = product(product(transposed(basis.left), n), basis.right)
        for (row, indices) in matrix.enumerated() {
          for (column, i) in indices.enumerated() {
            weights[index][i] -= eta * (back[row][column] + decay * weights[index][i])
          }
        }
      }
      var all = squares[index] ?? []
      if all.count == number_ { all.append((zeros(slope.count), zeros(slope[0].count))) }
      add(product(slope, transposed(slope)), to: &all[number_].left)
      add(product(transposed(slope), slope), to: &all[number_].right)
      squares[index] = all
    }
  }

  private func zeros(_ side: Int) -> [[Double]] {
    Array(repeating: Array(repeating: 0, count: side), count: side)
  }

  private func add(_ new: [[Double]], to square: inout [[Double]]) {
    for i in new.indices { for j in new.indices { square[i][j] = 0.95 * square[i][j] + 0.05 * new[i][j] } }
  }

  /// Reads the bases, and v, whose order turns with them.
  mutating func readBases(_ state: TrainingState) {
    guard rule == "soap" else { return }
    for (index, parameter) in transformer.parameters.enumerated() {
      bases[index] = read(index, 4, 5, state)
      guard bases[index] != nil, let place = state.layouts[1].places[index] else { continue }
      second[index] = place.range.map { Double(state.buffers[1][$0]) }
      precondition(second[index].count == parameter.count)
    }
  }

  /// The squares of a weight in two buffers; nil where there are none.
  private func read(_ index: Int, _ left: Int, _ right: Int, _ state: TrainingState)
    -> [(left: [[Double]], right: [[Double]])]?
  {
    let parameter = transformer.parameters[index]
    let shape = parameter.parameter.tensor.shape
    guard let leftPlace = state.layouts[left].places[index],
      let rightPlace = state.layouts[right].places[index]
    else { return nil }
    var (l, r) = (leftPlace.range.lowerBound, rightPlace.range.lowerBound)
    func square(_ buffer: FloatBuffer, _ start: inout Int, _ side: Int) -> [[Double]] {
      defer { start += side * side }
      return (0..<side).map { row in (0..<side).map { Double(buffer[start + row * side + $0]) } }
    }
    return matrices(shape, kind(parameter.name, shape).parts ?? []).map { matrix in
      (square(state.buffers[left], &l, matrix.count), square(state.buffers[right], &r, matrix[0].count))
    }
  }

  /// Checks L and R, and the bases after a step: those of the first step diagonalise them; others are the orthogonalised
  /// power iteration of the ones before, every third step.
  func checkBases(_ state: TrainingState, number: Int) {
    for (index, parameter) in transformer.parameters.enumerated() {
      guard let now = read(index, 4, 5, state), let kept = read(index, 2, 3, state),
        let squares = squares[index], let before = bases[index]
      else { continue }
      let v = state.layouts[1].places[index]?.range.map { Double(state.buffers[1][$0]) } ?? []
      for m in now.indices {
        for (isLeft, basis, old, mine, found) in [
          (true, now[m].left, before[m].left, squares[m].left, kept[m].left),
          (false, now[m].right, before[m].right, squares[m].right, kept[m].right),
        ] {
          let size = max(1e-9, mine.indices.reduce(0) { max($0, mine[$1][$1]) })
          func largest(_ a: [[Double]], minus b: [[Double]]) -> Double {
            zip(a.joined(), b.joined()).reduce(0) { max($0, abs($1.0 - $1.1)) }
          }
          var identity = zeros(basis.count)
          for i in identity.indices { identity[i][i] = 1 }
          #expect(largest(found, minus: mine) < 1e-5 * size, "\(parameter.name)")
          #expect(largest(product(basis, transposed(basis)), minus: identity) < 1e-5, "\(parameter.name)")
          if number == 1 {
            let diagonal = product(product(basis, mine), transposed(basis))
            for i in diagonal.indices {
              for j in diagonal.indices where i != j { #expect(abs(diagonal[i][j]) < 1e-4 * size) }
              if i > 0 { #expect(diagonal[i][i] < diagonal[i - 1][i - 1] + 1e-4 * size) }
            }
          } else if (number - 1).isMultiple(of: 3) {
            let power = product(old, mine)
            let values = power.indices.map { i in zip(power[i], old[i]).reduce(0) { $0 + $1.0 * $1.1 } }
            // Rounding may exchange equal eigenvalues.
            let order = values.indices.sorted { values[$0] > values[$1] }
            let lower = product(order.map { power[$0] }, transposed(basis))
            for i in lower.indices {
              for j in lower.indices where j > i {
                #expect(abs(lower[i][j]) < 1e-3 * size, "\(parameter.name)")
              }
            }
            // v has been brought into the same order.
            let (sums, turned) = (sums(of: second[index], index, m, isLeft), sums(of: v, index, m, isLeft))
            for (i, from) in order.enumerated() {
              let gap = order.indices.reduce(Double.infinity) { least, j in
                j == i ? least : min(least, abs(values[order[j]] - values[from]))
              }
              guard gap > 1e-4 * size else { continue }
              #expect(abs(turned[i] - sums[from]) < 1e-4 * (sums.max() ?? 0), "\(parameter.name)")
            }
          } else {
            #expect(largest(basis, minus: old) == 0)
          }
        }
      }
    }
  }

  /// The sums of the rows of a matrix in a weight, or of its columns.
  private func sums(of numbers: [Double], _ index: Int, _ matrix: Int, _ ofRows: Bool) -> [Double] {
    let parameter = transformer.parameters[index]
    let shape = parameter.parameter.tensor.shape
    let places = matrices(shape, kind(parameter.name, shape).parts ?? [])[matrix]
    let values = places.map { $0.map { numbers[$0] } }
    return (ofRows ? values : transposed(values)).map { $0.reduce(0, +) }
  }

  private func product(_ a: [[Double]], _ b: [[Double]]) -> [[Double]] {
    a.map { row in
      var result = Array(repeating: 0.0, count: b[0].count)
      for (k, x) in row.enumerated() where x != 0 { for j in result.indices { result[j] += x * b[k][j] } }
      return result
    }
  }

  private func transposed(_ a: [[Double]]) -> [[Double]] {
    a[0].indices.map { j in a.map { $0[j] } }
  }
}
