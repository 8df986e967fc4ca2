import Autograd
import Models
import RandomNumbers

/// Tokens a second of cached decoding, compared with computing the whole window again for each token, on one core,
/// measured in turns. Times are medians.
public struct GenerationBenchmark: Codable, Sendable {
  public let model: ModelConfiguration
  /// The number of sequences that are continued at once.
  public let samples: Int
  /// The tokens of each, twice the context: times include reading the window again where it is full.
  public let length: Int
  public let cachedTokensPerSecond: Double
  /// One window for each token, one sequence at a time.
  public let windowTokensPerSecond: Double
  /// Cached decoding over one window for each token.
  public let ratio: Double

  /// Measures an untrained model for about `seconds`, and each way at least five times.
  public init(_ model: ModelConfiguration, samples: Int = 64, seconds: Double = 5) {
    self.model = model
    self.samples = samples
    length = 2 * model.context
    let transformer = Transformer(model)
    let parameters = transformer.initialParameters(seed: 0)
    let generator = Generator(transformer, parameters: parameters, sequences: samples)
    let windows = WindowGenerator(transformer, parameters)
    let prompts = (0..<samples).map { [$0 % model.vocabulary] }
    let settings = GenerationSettings(length: length)
    // The first use makes programs and memory.
    _ = generator(prompts, settings)
    _ = windows.generate(from: prompts[0], count: 1)
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    let few = 32
    var times: (cached: [Double], windows: [Double]) = ([], [])
    while clock.now < end || times.cached.count < 5 {
      times.cached.append(clock.measure { _ = generator(prompts, settings) } / .seconds(samples * length))
      times.windows.append(
        clock.measure { _ = windows.generate(from: prompts[0], count: few) } / .seconds(few))
    }
    func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
    cachedTokensPerSecond = 1 / median(times.cached)
    windowTokensPerSecond = 1 / median(times.windows)
    ratio = cachedTokensPerSecond / windowTokensPerSecond
  }
}

/// Generation without a cache: it computes the whole window for every token.
private struct WindowGenerator {
  private let program: Program
  private let inputs: Integers
  private let arena: Arena
  private let parameters: FloatBuffer
  private let configuration: ModelConfiguration

  init(_ transformer: Transformer, _ parameters: FloatBuffer) {
    (program, inputs) = transformer.logitsProgram()
    arena = Arena(for: program)
    self.parameters = parameters
    configuration = transformer.configuration
  }

  func generate(from prompt: [Int], count: Int) -> [Int] {
    var random = SplitMix64(seed: 0)
    var tokens = prompt
    for _ in 0..<count {
      let window = tokens.suffix(configuration.context)
      for (position, token) in window.enumerated() { arena.integers(inputs)[position] = Int32(token) }
      program.forward(arena, parameters: parameters)
      let last = (window.count - 1) * configuration.vocabulary
      var logits = arena.output[last..<last + configuration.vocabulary].map(Double.init)
      tokens.append(RandomDraw()(&logits, random: &random).token)
    }
    return tokens
  }
}

extension Generator {
  /// Returns the seconds of sampling a token on this machine, measured on one round of windows of an untrained model.
  public static func secondsPerToken(_ model: ModelConfiguration) -> Double {
    let transformer = Transformer(model)
    let generator = Generator(transformer, parameters: transformer.initialParameters(seed: 0))
    let prompts = (0..<generator.capacity).map { [$0 % model.vocabulary] }
    _ = generator(prompts, GenerationSettings(length: 1))
    let settings = GenerationSettings(length: model.context)
    let time = ContinuousClock().measure { _ = generator(prompts, settings) }
    return time / .seconds(prompts.count * model.context)
  }
}
