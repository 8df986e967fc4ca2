import Execution
import ArgumentParser
import Corpora
import Files
import Foundation
import Models
import Training

/// `isoflop train`: one run, from flags.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Trains one model and keeps its checkpoint.")

  @Option(help: "A bundled corpus, a recipe, or a file or folder of text.", completion: .corpus)
  var corpus = "village"
  @Option(help: "characters, bytes or bytePairs(V). Default: what suits the corpus.")
  var tokenizer: String?
  @Option(help: "Tokens of validation.")
  var validationTokens = Count(1 << 20)
  @Option(help: "gpt2 or llama.")
  var family = ModelConfiguration.Family.gpt2
  @Option(help: "The length of the vectors between blocks.")
  var width = 32
  @Option(help: "The number of blocks.")
  var depth = 2
  @Option(help: "The number of attention heads. Default: one for each 8 of width.")
  var heads: Int?
  @Option(help: "Tokens in a window.")
  var context = 128
  @Option(help: "rotary, learned or none.")
  var positions = ModelConfiguration.Positions.rotary
  @Option(help: "Feed-forward parts in each block, of which a token uses some. 1: a dense model.")
  var experts = 1
  @Option(help: "How many of them a token uses.")
  var topK = 1
  @Option(help: "standard or mup.")
  var parametrisation = ModelConfiguration.Parametrisation.mup
  @Option(help: "Tokens to train on, for example 1000000 or 1M.")
  var tokens = Count(1_000_000)
  @Option(help: "Tokens in a step. Default: a ramp from 512 to 2048.")
  var batch: Count?
  @Option(help: "The highest learning rate. Default: 0.008, or 0.0056 with experts.")
  var learningRate: Double?
  @Option(help: "The seed of initial weights.")
  var seed: UInt64 = 0
  @Option(help: "Threads within the run. They do not change the numbers.")
  var threads = 1
  @Option(name: .shortAndLong, help: "The folder to write.", completion: .directory)
  var output = "runs/train"

  @Flag(help: "Prints the result as JSON.")
  var json = false

  func run() throws {
    let corpusConfiguration = CorpusConfiguration(
      source: corpus, tokenizer: try tokenizer.map(parseTokenizer), validationTokens: validationTokens.value)
    let corpus = try TokenizedCorpus(corpusConfiguration, context: context)
    let model = try ModelConfiguration(
      family: family, width: width, depth: depth, heads: heads, context: context,
      vocabulary: corpus.vocabulary,
      positions: positions, parametrisation: parametrisation,
      mixture: experts > 1 ? MixtureOfExperts(experts: experts, topK: topK) : nil)
    let batch = try self.batch.map { try BatchSchedule(stages: [.init(from: 0, tokens: $0.value)]) } ?? .ramp
    let run = RunConfiguration(
      corpus: corpusConfiguration, corpusFingerprint: corpus.fingerprint, model: model,
      training: TrainingConfiguration(
        tokens: tokens.value, batch: batch,
        learningRate: learningRate ?? TrainingConfiguration.usualLearningRate(experts: experts)),
      seed: seed)
    let folder = RunFolder("\(output)/\(run.identifier)")
    let progress = ProgressLine(total: Double(tokens.value))
    guard let claim = try Claims("\(output)/claims").claim(run.identifier) else {
      throw InputError("is being trained by another command", file: folder.path, remedy: "Wait for it")
    }
    let stop = Stop()
    let control = TrunkTraining.Control(
      keepsCheckpoints: true, isCancelled: { stop.isRequested },
      progress: { tokens, _ in progress.advance(by: Double(tokens)) },
      spared: { progress.skip(Double($0)) })
    let training = try TrunkTraining(
      [run], corpus: corpus, folder: { _ in folder }, trunkFolder: RunFolder("\(folder.path)/trunk"),
      threads: threads,
      control: control)
    do {
      try training()
    } catch is TrunkTraining.Cancelled {
      claim.release()
      progress.finish()
      complain("interrupted: everything so far is saved, and the same command goes on from here")
      throw ExitCode(Status.interrupted.rawValue)
    }
    claim.finish()
    progress.finish()
    guard let result = try folder.record()?.result else { return }
    if json {
      try printJSON(result)
    } else {
      show(result, folder)
    }
    if result.status == .diverged { throw ExitCode(Status.someRunsFailed.rawValue) }
  }

  private func show(_ result: RunResult, _ folder: RunFolder) {
    let counts = result.counts
    print("parameters    \(counts.total) (\(counts.nonEmbedding) without embeddings)")
    print("tokens        \(result.tokens)")
    print("FLOPs         \(number(result.flops))")
    if let loss = result.loss, let error = result.lossStandardError {
      print("loss          \(number(loss)) ± \(number(error)) nats a token")
    } else {
      print("loss          diverged")
    }
    if let entropy = result.entropy { print("true entropy  \(number(entropy)) nats a token") }
    print("folder        \(folder.path)")
  }
}

extension ModelConfiguration.Family: ExpressibleByArgument {}
extension ModelConfiguration.Positions: ExpressibleByArgument {}
extension ModelConfiguration.Parametrisation: ExpressibleByArgument {}
