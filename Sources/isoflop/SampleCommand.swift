import ArgumentParser
import Corpora
import Files
import Generation
import Training

/// `isoflop sample`: text from a trained model.
struct SampleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample", abstract: "Generates text with a trained model.",
    discussion: """
      `isoflop train` keeps a checkpoint, and so does `isoflop run --keep-checkpoints`. Sample number i of a seed is the \
      same however many samples there are.
      """)

  @Argument(
    help: "A checkpoint.safetensors, or the folder of a run that has one.",
    completion: .file(extensions: ["safetensors"]))
  var checkpoint: String
  @Option(help: "The text to continue.")
  var prompt = "The "
  @Option(help: "The number of samples; 1 by default.", transform: Count.init(_:))
  var count = Count(1)
  @Option(help: "The largest number of tokens to generate for each.")
  var tokens = 400
  @Option(help: "0 always takes the most likely token; 1 samples from the model's distribution.")
  var temperature = 1.0
  @Option(help: "Samples from this many of the most likely tokens only.", transform: Count.init(_:))
  var topK: Count?
  @Option(
    help: "Samples from the fewest most likely tokens whose probabilities sum to this, such as 0.9.")
  var topP: Double?
  @Option(help: "Ends a sample after a token that contains this text, such as a full stop.")
  var stop: String?
  @Option(help: "The seed of the random choices.")
  var seed: UInt64 = 0
  @OptionGroup var kernels: KernelOptions
  @Flag(help: "Prints JSON: text, tokens and ending of each sample.")
  var json = false

  /// What `--json` prints.
  private struct Output: Encodable {
    struct Sample: Encodable {
      /// Without the prompt.
      let text: String
      let tokens: [Int]
      let ending: GeneratedSequence.Ending
    }
    let checkpoint: String
    let prompt: String
    let seed: UInt64
    let samples: [Sample]
  }

  func validate() throws {
    guard tokens >= 0 else { throw ValidationError("--tokens must not be negative.") }
    guard temperature >= 0, temperature.isFinite else {
      throw ValidationError("--temperature must be 0 or more.")
    }
    guard topP.map({ $0 > 0 && $0 <= 1 }) ?? true else {
      throw ValidationError("--top-p must be more than 0 and at most 1.")
    }
    guard count.value <= 1_000_000 else { throw ValidationError("--count must be at most 1000000.") }
  }

  func run() throws {
    kernels.apply()
    let checkpoint = try RunFolder.checkpoint(named: checkpoint)
    let model = try TrainedModel(checkpoint: checkpoint)
    let tokenizer = model.tokenizer
    let beginning = try tokenizer.encode(prompt).map(Int.init)
    guard !beginning.isEmpty else {
      throw InputError("the prompt is empty", remedy: "Give at least one character with --prompt")
    }
    let settings = GenerationSettings(
      length: tokens, sampler: sampler,
      stop: try stop.map { try StopTokens(writing: $0, tokenizer) } ?? StopTokens(), seed: seed)
    let generator = Generator(
      model.transformer, parameters: model.parameters, sequences: min(count.value, 64))
    let sequences = generator(Array(repeating: beginning, count: count.value), settings)
    if json {
      return try printJSON(
        Output(
          checkpoint: checkpoint, prompt: prompt, seed: seed,
          samples: sequences.map {
            .init(text: tokenizer.decode($0.tokens.map(UInt16.init)), tokens: $0.tokens, ending: $0.ending)
          }))
    }
    for (index, sequence) in sequences.enumerated() {
      if count.value > 1 { print("\(index > 0 ? "\n" : "")sample \(index + 1) of \(count.value)") }
      print(tokenizer.decode((beginning + sequence.tokens).map(UInt16.init)))
    }
  }

  private var sampler: any Sampler {
    guard temperature > 0 else { return Greedy() }
    var filters: [any LogitFilter] = [Temperature(temperature)]
    if let topK { filters.append(TopK(topK.value)) }
    if let topP { filters.append(TopP(topP)) }
    return RandomDraw(filters)
  }
}
