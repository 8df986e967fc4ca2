import Autograd
import Models

/// The time of a training step on one core, beside that of its matrix products alone, measured in turn.
public struct StepBenchmark: Sendable {
  public let model: ModelConfiguration
  /// Windows in a step.
  public let batch: Int
  /// Medians, in seconds.
  public let stepSeconds: Double
  public let floorSeconds: Double
  /// What arena and weights hold, in bytes.
  public let bytes: Int

  public var tokensPerSecond: Double { Double(batch * model.context) / stepSeconds }
  public var stepOverFloor: Double { stepSeconds / floorSeconds }

  /// Measures for about `seconds`: forward, backward, clipping and AdamW on random tokens.
  public init(_ model: ModelConfiguration, batch: Int, seconds: Double = 2) {
    self.model = model
    self.batch = batch
    let transformer = Transformer(model)
    let loss = transformer.lossProgram(windows: batch, gradients: true)
    let arena = Arena(for: loss.program)
    let state = TrainingState(parameters: transformer.initialParameters(seed: 0))
    let gradient = FloatBuffer(count: transformer.layout.bufferCount)
    let optimizer = AdamW(transformer, TrainingConfiguration(tokens: 1))
    var random = SplitMix64(seed: 0)
    for i in 0..<batch * model.context {
      arena.integers(loss.inputs)[i] = Int32(random.uniform() * Double(model.vocabulary))
      arena.integers(loss.targets)[i] = Int32(random.uniform() * Double(model.vocabulary))
    }
    var count = 0
    let step = {
      count += 1
      loss.program.forward(arena, parameters: state.parameters)
      arena.outputGradient.update(repeating: 1 / Float(batch * model.context))
      loss.program.backward(arena, parameters: state.parameters, gradients: gradient)
      let norm = optimizer.norm(of: gradient)
      optimizer.update(
        state, gradient: gradient, gradientScale: norm > 1 ? Float(1 / norm) : 1, rate: 1e-3, step: count)
    }
    let floor = ProductFloor(of: loss.program)
    let clock = ContinuousClock()
    for _ in 0..<3 {
      step()
      floor()
    }
    var (steps, floors): ([Double], [Double]) = ([], [])
    let end = clock.now + .seconds(seconds)
    while clock.now < end || steps.count < 5 {
      steps.append(clock.measure(step).seconds)
      floors.append(clock.measure { floor() }.seconds)
    }
    stepSeconds = steps.sorted()[steps.count / 2]
    floorSeconds = floors.sorted()[floors.count / 2]
    bytes = arena.byteCount + 4 * 4 * gradient.count
  }
}
