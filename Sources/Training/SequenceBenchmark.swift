import Autograd
import Files
import Models

/// Training and decoding with each sequence layer over the context, on one core, layers in turns. Times are medians.
public struct SequenceBenchmark: Codable, Sendable {
  /// A model of two blocks with the same sequence layer.
  public struct Model: Codable, Sendable {
    /// The letter of the layer.
    public let layer: String
    public let context: Int
    /// Of forward and backward, without the update.
    public let tokensPerSecond: Double
    /// Of the next token of one sequence that fills the context but for that token.
    public let decodingSeconds: Double
    /// What decoding keeps of a sequence.
    public let cacheBytes: Int
  }

  /// The selective scan without the rest of its layer, forward and backward.
  public struct Scan: Codable, Sendable {
    public let channels: Int
    public let states: Int
    public let context: Int
    public let secondsPerToken: Double
  }

  public let width: Int
  /// The fewest tokens of a step.
  public let tokens: Int
  /// By context, and at each context by layer.
  public let models: [Model]
  /// By context; none without the selective scan among the layers.
  public let scans: [Scan]

  /// - Parameters:
  ///   - layers: Their letters, as `layers` of a model has them.
  ///   - contexts: The tokens in a window.
  ///   - tokens: The fewest tokens of a step, which has as many windows as reach them.
  ///   - seconds: About how long each figure is measured; at least five times.
  /// - Throws: `SettingFault` if a model cannot be built.
  public init(layers: [Character], contexts: [Int], width: Int = 64, tokens: Int = 8192, seconds: Double)
    throws
  {
    // All are made once before anything is measured: an impossible one is refused at once.
    let shapes = try contexts.map { context in
      try layers.map {
        try ModelConfiguration(width: width, layers: "\($0)\($0)", context: context, vocabulary: 256)
      }
    }
    var (models, scans): ([Model], [Scan]) = ([], [])
    for (context, configurations) in zip(contexts, shapes) {
      let windows = max(1, tokens / context)
      let steps = configurations.map { GradientStep($0, windows: windows) }
      let times = StepBenchmark.medians(for: seconds * Double(steps.count), steps.map { step in { step() } })
      let transformers = configurations.map { Transformer($0) }
      let decoders = transformers.map { DecodingStep($0, parameters: $0.initialParameters(seed: 0)) }
      let latencies = StepBenchmark.medians(
        for: seconds * Double(decoders.count), decoders.map { decoder in { decoder() } })
      for (index, layer) in layers.enumerated() {
        models.append(
          Model(
            layer: "\(layer)", context: context, tokensPerSecond: Double(windows * context) / times[index],
            decodingSeconds: latencies[index], cacheBytes: transformers[index].cacheBytes))
      }
      guard layers.contains("M") else { continue }
      let scan = ScanStep(configurations[0], windows: windows)
      scans.append(
        Scan(
          channels: scan.channels, states: scan.states, context: context,
          secondsPerToken: StepBenchmark.medians(for: seconds, [{ scan() }])[0] / Double(windows * context)))
    }
    (self.width, self.tokens, self.models, self.scans) = (width, tokens, models, scans)
  }
}

/// A program that computes a gradient, with its memory.
private struct GradientStep {
  private let program: Program
  private let arena: Arena
  private let parameters: FloatBuffer
  private let gradients: FloatBuffer

  init(_ program: Program, parameters: FloatBuffer, _ layout: ParameterLayout) {
    self.program = program
    self.parameters = parameters
    arena = Arena(for: program)
    gradients = FloatBuffer(count: layout.gradientCount)
  }

  init(_ configuration: ModelConfiguration, windows: Int) {
    let transformer = Transformer(configuration)
    let loss = transformer.lossProgram(windows: windows, gradients: true)
    self.init(loss.program, parameters: transformer.initialParameters(seed: 0), transformer.layout)
    for i in 0..<windows * configuration.context {
      arena.integers(loss.inputs)[i] = Int32(i * i % configuration.vocabulary)
      arena.integers(loss.targets)[i] = Int32((i + 1) * (i + 1) % configuration.vocabulary)
    }
  }

  func callAsFunction() {
    program.forward(arena, parameters: parameters)
    arena.outputGradient.update(repeating: 1)
    program.backward(arena, parameters: parameters, gradients: gradients)
  }
}

/// A selective scan of which every input is a parameter, so that everything has a gradient.
private struct ScanStep {
  let channels: Int
  let states: Int
  private let step: GradientStep

  /// - Parameter c: The model whose scan it is.
  init(_ c: ModelConfiguration, windows: Int) {
    let (channels, states) = (c.channelsPerWidth * c.width, c.stateSize)
    (self.channels, self.states) = (channels, states)
    let rows = windows * c.context
    let recorder = Recorder(gradients: true)
    var layout = ParameterLayout()
    let wide = ["u", "steps", "gate"].map { layout.add($0, [rows, channels]) }
    let output = recorder.selectiveScan(
      wide[0], steps: wide[1], maps: layout.add("maps", [rows, 2 * states]), gate: wide[2],
      logRates: layout.add("logRates", [states, channels]), skip: layout.add("skip", [channels]),
      context: c.context)
    let parameters = FloatBuffer(count: layout.bufferCount)
    for i in 0..<parameters.count { parameters[i] = Float(i % 97) / 97 - 0.5 }
    step = GradientStep(recorder.finish(output), parameters: parameters, layout)
  }

  func callAsFunction() { step() }
}
