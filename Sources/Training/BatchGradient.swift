import Autograd
import Corpora
import Models
import RandomNumbers
import Synchronization

/// The loss of a batch and its gradient, computed in shards.
///
/// A batch is cut into shards of at most `shardTokens(of:)` tokens, whatever the number of threads. Each has its own
/// gradient, and these are added in a fixed order, so that the numbers do not depend on threads. Where windows carry
/// recurrent states, those belong to shards too: each covers the same lanes in every batch.
///
/// Threads compute shards in parallel. If the number of shards is not a multiple of the number of threads, all threads
/// work on one shard at a time instead, as a `Team`.
final class BatchGradient {
  /// Large enough for efficient products, small enough for a core's own cache at toy widths. With experts shards are
  /// larger: each expert gets only some of the tokens, and the gradient of each shard covers the weights of all
  /// experts.
  static func shardTokens(of model: ModelConfiguration) -> Int { model.moe == nil ? 1024 : 4096 }

  /// The gradient of the mean loss, after a call.
  var gradient: FloatBuffer { results[0].gradient }

  private let transformer: Transformer
  private let objective: any TrainingObjective
  /// The seed of the layers' noise.
  private let seed: UInt64
  /// Whether windows begin with the states of the last batch.
  private let carries: Bool
  private var programs: [Int: ObjectiveProgram] = [:]
  /// The windows of each shard of the last batch, counted from the batch's first. The next batch usually has as many.
  private var shards: [Range<Int>] = []
  private var results: [ShardResult] = []
  private let workers: [Worker]
  /// The threads, if they work on one shard at a time; nil if each computes shards of its own.
  private var team: Team?
  private let isStopped = Atomic<Bool>(false)

  init(
    _ transformer: Transformer, _ objective: any TrainingObjective, seed: UInt64, carries: Bool, threads: Int
  ) {
    self.transformer = transformer
    self.objective = objective
    self.seed = seed
    self.carries = carries
    workers = (0..<max(threads, 1)).map { _ in Worker() }
  }

  /// The mean loss, in nats per token, of the windows at `positions` of `order`.
  ///
  /// - Parameters:
  ///   - carried: The states before the batch, by shard, which are replaced by those after it; empty where windows carry
  ///     none.
  ///   - stops: Called every few operations on the first thread. If it returns true, the computation ends early.
  /// - Returns: Nil if it ended early; `carried` is unchanged then.
  func callAsFunction(
    _ positions: Range<Int>, of windows: TokenWindows, order: TokenOrder, parameters: FloatBuffer,
    carried: [FloatBuffer], stops: () -> Bool
  ) -> Double? {
    if shards.last?.upperBound != positions.count { prepare(windows: positions.count) }
    let weight = 1 / Float(positions.count * windows.context)
    isStopped.store(false, ordering: .relaxed)
    func compute(_ shard: Int, by thread: Int) {
      self.compute(
        shard, after: positions.lowerBound, by: workers[thread], windows, order, parameters,
        carried: carries ? carried[shard] : nil, weight: weight
      ) {
        if thread == 0, stops() { isStopped.store(true, ordering: .relaxed) }
        return isStopped.load(ordering: .relaxed)
      }
    }
    if let team {
      team.begin()
      inParallel(team.count, threads: team.count) { member, _ in
        guard member == 0 else { return team.help(as: member) }
        team.lead { for shard in shards.indices { compute(shard, by: 0) } }
      }
    } else {
      inParallel(shards.count, threads: workers.count) { shard, thread in compute(shard, by: thread) }
    }
    if isStopped.load(ordering: .relaxed) { return nil }
    for (buffer, result) in zip(carried, results) { buffer.copy(from: result.states) }
    addGradients()
    return results[..<shards.count].reduce(0) { $0 + $1.loss } / Double(positions.count * windows.context)
  }

  /// Adds the gradients of all shards to the first.
  private func addGradients() {
    let (sum, others, count) = (gradient.start, results[1..<shards.count], gradient.count)
    let parts = usefulThreads(workers.count, forFloats: others.count * count)
    inParallel(parts, threads: parts) { part, _ in
      for other in others {
        for i in count * part / parts..<count * (part + 1) / parts { sum[i] += other.gradient.start[i] }
      }
    }
  }

  /// The operations in `flops(windows:)` that the last batch did not need, because experts had unused places.
  var sparedFlops: Double { results[..<shards.count].reduce(0) { $0 + $1.sparedFlops } }

  /// Floating-point operations of a step with this many windows.
  func flops(windows: Int) -> Double {
    shardPrograms(windows: windows).reduce(0) { $0 + $1.loss.program.flops.total }
  }

  /// The floats of the states that each shard of a step with this many windows carries.
  func stateCounts(windows: Int) -> [Int] { shardPrograms(windows: windows).map(\.loss.program.stateCount) }

  /// The program of each shard of a step with this many windows.
  func shardPrograms(windows: Int) -> [ObjectiveProgram] {
    cut(windows).map { program($0.count) }
  }

  /// The bytes that one thread would need for steps with these numbers of windows.
  func plannedBytes(windows: [Int]) -> Int {
    let shards = windows.map(cut)
    let arenas = Set(shards.joined().map(\.count)).reduce(0) {
      $0 + Arena.byteCount(for: program($1).loss.program)
    }
    return arenas + 4 * transformer.layout.gradientCount * (shards.map(\.count).max() ?? 0)
  }

  /// The bytes of all arenas and gradients.
  var byteCount: Int {
    workers.reduce(team?.byteCount ?? 0) { $0 + $1.byteCount }
      + results.reduce(0) { $0 + 4 * $1.gradient.count }
  }

  /// Contiguous shards as equal as whole windows allow, the longer ones first.
  private func cut(_ windows: Int) -> [Range<Int>] {
    let perShard = max(1, Self.shardTokens(of: transformer.configuration) / transformer.configuration.context)
    let count = (windows + perShard - 1) / perShard
    let (size, extra) = windows.quotientAndRemainder(dividingBy: count)
    var start = 0
    return (0..<count).map { index in
      defer { start += size + (index < extra ? 1 : 0) }
      return start..<start + size + (index < extra ? 1 : 0)
    }
  }

  /// Makes programs, arenas and gradients at the first batch of a size; later ones allocate nothing.
  private func prepare(windows: Int) {
    shards = cut(windows)
    for shard in shards.dropFirst(results.count) {
      results.append(
        ShardResult(
          gradient: FloatBuffer(count: transformer.layout.gradientCount),
          states: FloatBuffer(count: program(shard.count).loss.program.stateCount)))
    }
    let programs = Dictionary(
      uniqueKeysWithValues: Set(shards.map(\.count)).map { ($0, program($0).loss.program) })
    let together = !shards.count.isMultiple(of: workers.count) && programs.values.allSatisfy(\.isShared)
    team = together ? Team(count: min(workers.count, Team.limit), for: Array(programs.values)) : nil
    for (size, program) in programs {
      for worker in workers.prefix(together ? 1 : shards.count) { worker.prepare(program, windows: size) }
    }
  }

  private func program(_ windows: Int) -> ObjectiveProgram {
    if let known = programs[windows] { return known }
    let new = ObjectiveProgram(objective, of: transformer, windows: windows, carries: carries)
    programs[windows] = new
    return new
  }

  /// Fills the arena with a window.
  ///
  /// - Parameters:
  ///   - slot: The place in the shard.
  ///   - position: The place among all windows of the training, which chooses the noise.
  func fill(
    _ program: ObjectiveProgram, _ arena: Arena, slot: Int, with window: Int, of windows: TokenWindows,
    position: Int
  ) {
    let loss = program.loss
    let offset = slot * windows.context
    windows.copy(
      window: window, inputs: arena.integers(loss.inputs) + offset,
      targets: arena.integers(loss.targets) + offset)
    objective.fill(
      ObjectiveBatch.Window(arena: arena, batch: program.batch, slot: slot, position: position))
    if let noise = loss.noise {
      var random = SplitMix64(seed: seed, stream: UInt64(position))
      arena.integers(noise)[slot] = Int32(truncatingIfNeeded: random.next())
    }
  }

  private func compute(
    _ index: Int, after first: Int, by worker: Worker, _ windows: TokenWindows, _ order: TokenOrder,
    _ parameters: FloatBuffer, carried: FloatBuffer?, weight: Float, unless stops: () -> Bool
  ) {
    let shard = shards[index]
    guard let program = programs[shard.count], let arena = worker.arenas[shard.count] else {
      preconditionFailure("a shard of \(shard.count) windows was not prepared")
    }
    for (slot, position) in shard.enumerated() {
      fill(
        program, arena, slot: slot, with: order.window(at: first + position), of: windows,
        position: first + position)
    }
    if let carried { arena.carry(from: carried, to: results[index].states) }
    let loss = program.loss
    guard loss.program.forward(arena, parameters: parameters, by: team, unless: stops) else { return }
    results[index].sparedFlops = loss.program.spared(arena).total
    results[index].loss = arena.output.reduce(0) { $0 + Double($1) }
    arena.outputGradient.update(repeating: weight)
    loss.program.backward(
      arena, parameters: parameters, gradients: results[index].gradient, by: team, unless: stops)
  }
}

/// A recorded objective, with its inputs.
struct ObjectiveProgram {
  let loss: LossProgram
  let batch: ObjectiveBatch

  init(_ objective: any TrainingObjective, of transformer: Transformer, windows: Int, carries: Bool) {
    var batch: ObjectiveBatch?
    loss = transformer.lossProgram(windows: windows, gradients: true, carries: carries) {
      logits, tokens, targets, recorder in
      var slots = ObjectiveBatch(tokens: tokens, targets: targets, windows: windows)
      defer { batch = slots }
      return objective.record(logits, &slots, recorder)
    }
    self.batch = batch ?? ObjectiveBatch(tokens: loss.inputs, targets: loss.targets, windows: windows)
  }
}

/// The results of one shard: the sum of its losses, the gradient of its part of the mean loss, the states at the end of
/// its windows, and the operations that it did not need.
private final class ShardResult {
  let gradient: FloatBuffer
  let states: FloatBuffer
  var loss = 0.0
  var sparedFlops = 0.0

  init(gradient: FloatBuffer, states: FloatBuffer) {
    (self.gradient, self.states) = (gradient, states)
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
