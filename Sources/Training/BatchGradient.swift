import Autograd
import Corpora
import Dispatch
import Models

/// The loss of a batch and its gradient, computed in shards.
///
/// A batch is cut into shards of at most `shardTokens` tokens, whatever the number of threads; each has a gradient
/// of its own, and they are added in their order. So the numbers do not depend on who computed what when.
final class BatchGradient {
  /// Large enough for efficient products, small enough for a core's own cache at toy widths.
  static let shardTokens = 2048

  /// The gradient of the mean loss, after a call.
  var gradient: FloatBuffer { gradients[0] }

  private let transformer: Transformer
  private var programs: [Int: LossProgram] = [:]
  private var gradients: [FloatBuffer] = []
  private var losses: [Double] = []
  private let workers: [Worker]

  init(_ transformer: Transformer, threads: Int) {
    self.transformer = transformer
    workers = (0..<max(threads, 1)).map { _ in Worker() }
  }

  /// The mean loss in nats a token of the windows that come at `positions` in `order`.
  func callAsFunction(
    _ positions: Range<Int>, of windows: TokenWindows, order: TokenOrder, parameters: FloatBuffer
  ) -> Double {
    let shards = self.shards(of: positions)
    prepare(shards)
    let weight = 1 / Float(positions.count * windows.context)
    if workers.count == 1 || shards.count == 1 {
      for (index, shard) in shards.enumerated() {
        compute(shard, index, by: workers[0], windows, order, parameters, weight: weight)
      }
    } else {
      DispatchQueue.concurrentPerform(iterations: min(workers.count, shards.count)) { thread in
        for index in stride(from: thread, to: shards.count, by: workers.count) {
          compute(shards[index], index, by: workers[thread], windows, order, parameters, weight: weight)
        }
      }
    }
    let sum = gradients[0].start
    for other in gradients[..<shards.count].dropFirst() {
      for i in 0..<other.count { sum[i] += other.start[i] }
    }
    return losses[..<shards.count].reduce(0, +) / Double(positions.count * windows.context)
  }

  /// Floating-point operations of a step with this many windows.
  func flops(windows: Int) -> Double {
    shards(of: 0..<windows).reduce(0) { $0 + program($1.count).program.flops.total }
  }

  /// The bytes of all arenas and gradients.
  var byteCount: Int {
    workers.reduce(0) { $0 + $1.byteCount } + gradients.reduce(0) { $0 + 4 * $1.count }
  }

  /// Contiguous shards as equal as whole windows allow, the longer ones first.
  private func shards(of positions: Range<Int>) -> [Range<Int>] {
    let perShard = max(1, Self.shardTokens / transformer.configuration.context)
    let count = (positions.count + perShard - 1) / perShard
    let (size, extra) = positions.count.quotientAndRemainder(dividingBy: count)
    var start = positions.lowerBound
    return (0..<count).map { index in
      defer { start += size + (index < extra ? 1 : 0) }
      return start..<start + size + (index < extra ? 1 : 0)
    }
  }

  /// Makes programs, arenas and gradients at the first batch of a shape; later ones allocate nothing large.
  private func prepare(_ shards: [Range<Int>]) {
    while gradients.count < shards.count {
      gradients.append(FloatBuffer(count: transformer.layout.bufferCount))
      losses.append(0)
    }
    for size in Set(shards.map(\.count)) {
      let program = program(size).program
      for worker in workers.prefix(shards.count) { worker.prepare(program, windows: size) }
    }
  }

  private func program(_ windows: Int) -> LossProgram {
    if let known = programs[windows] { return known }
    let new = transformer.lossProgram(windows: windows, gradients: true)
    programs[windows] = new
    return new
  }

  private func compute(
    _ shard: Range<Int>, _ index: Int, by worker: Worker, _ windows: TokenWindows, _ order: TokenOrder,
    _ parameters: FloatBuffer, weight: Float
  ) {
    guard let loss = programs[shard.count], let arena = worker.arenas[shard.count] else {
      preconditionFailure("a shard of \(shard.count) windows was not prepared")
    }
    for (slot, position) in shard.enumerated() {
      let offset = slot * windows.context
      windows.copy(
        window: order.window(at: position), inputs: arena.integers(loss.inputs) + offset,
        targets: arena.integers(loss.targets) + offset)
    }
    loss.program.forward(arena, parameters: parameters)
    losses[index] = arena.output.reduce(0) { $0 + Double($1) }
    arena.outputGradient.update(repeating: weight)
    loss.program.backward(arena, parameters: parameters, gradients: gradients[index])
  }
}

/// The memory of one thread: an arena for each shape of shard.
final class Worker {
  private(set) var arenas: [Int: Arena] = [:]

  func prepare(_ program: Program, windows: Int) {
    if arenas[windows] == nil { arenas[windows] = Arena(for: program) }
  }

  var byteCount: Int { arenas.values.reduce(0) { $0 + $1.byteCount } }
}
