import Autograd
import Models

extension Trainer {
  /// The time of each kind of operation in a step, of the gradient's norm and of the update rule, the longest
  /// first. They are measured on a copy of the state, for about `seconds`.
  ///
  /// - Parameter stepSeconds: The time of a whole step. The last row is the rest of it.
  func stepOperations(for seconds: Double, stepSeconds: Double) -> [StepBenchmark.Operation] {
    let copy = TrainingState(copying: state)
    let weights = copy.parameters
    let gradient = FloatBuffer(count: transformer.layout.gradientCount)
    let windows = configuration.training.batch.tokens(after: 0) / configuration.model.context
    let shards = batchGradient.shardPrograms(windows: windows)
    let arenas = shards.map { Arena(for: $0.loss.program) }
    for (shard, arena) in zip(shards, arenas) {
      for slot in 0..<shard.loss.windows {
        batchGradient.fill(
          shard, arena, slot: slot, with: slot % self.windows.count, of: self.windows, position: slot)
      }
    }

    let clock = ContinuousClock()
    var passes: [OperationTimes] = []
    var (norms, updates): ([Double], [Double]) = ([], [])
    let end = clock.now + .seconds(seconds)
    while clock.now < end || passes.count < 5 {
      var times = OperationTimes()
      for (shard, arena) in zip(shards, arenas) {
        shard.loss.program.time(
          arena, parameters: weights, gradients: gradient,
          weight: 1 / Float(windows * configuration.model.context), addingTo: &times)
      }
      passes.append(times)
      norms.append(clock.measure { _ = optimizer.norm(of: gradient) }.seconds)
      updates.append(
        clock.measure {
          optimizer.update(copy, gradient: gradient, gradientScale: 1, rate: 1e-3, step: passes.count)
        }.seconds)
    }

    func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
    func row(_ name: String, _ forward: Double, _ backward: Double = 0) -> StepBenchmark.Operation {
      StepBenchmark.Operation(
        name: name, forwardSeconds: forward, backwardSeconds: backward,
        fraction: (forward + backward) / stepSeconds)
    }
    var rows = passes[0].forward.keys.map { name in
      row(name, median(passes.map { $0.forward[name] ?? 0 }), median(passes.map { $0.backward[name] ?? 0 }))
    }
    rows += [row(type(of: optimizer.rule).title, median(updates)), row("gradient norm", median(norms))]
    rows.sort { ($0.fraction, $0.name) > ($1.fraction, $1.name) }
    return rows + [row("rest", (1 - rows.reduce(0) { $0 + $1.fraction }) * stepSeconds)]
  }
}
