import ArgumentParser
import Corpora
import Files
import Foundation
import Training

/// `isoflop evaluate`: the loss of a trained model on a corpus.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Measures the loss of a trained model on a corpus.",
    discussion: """
      The text is what a training on the corpus holds out for validation; a short text is read whole. Losses in nats per \
      token depend on the tokenizer: compare models with different ones in bits per byte. --weights, \
      --activations and --cache evaluate the model in a low-precision format, --prune without its smallest weights.
      """)

  @Argument(
    help: "A checkpoint.safetensors, or the folder of a run that has one.",
    completion: .file(extensions: ["safetensors"]))
  var checkpoint: String
  @Option(
    help:
      "A bundled corpus, a recipe (.yaml), a text file, a folder or a quoted pattern; by default that of the model.",
    completion: .corpus)
  var corpus: String?
  @Option(help: "The field of JSONL that holds the text; `text` by default.")
  var textField: String?
  @Option(
    help:
      "The tokens to predict: by default as many as the model's training held out, or 1M on another corpus.",
    transform: Count.init(_:))
  var validationTokens: Count?
  @OptionGroup(title: "Weights and formats") var formats: FormatOptions
  @Option(help: "Threads that compute. They do not change the numbers.")
  var threads = 1
  @OptionGroup var kernels: KernelOptions
  @Flag(help: "Prints JSON: losses, tokens, bytes, and the true entropy of a recipe.")
  var json = false

  /// What `--json` prints.
  private struct Output: Encodable {
    let corpus: String
    /// In nats per token.
    let loss: Double
    let lossStandardError: Double
    let lossBitsPerByte: Double
    /// In nats per token; absent where it is unknown.
    let entropy: Double?
    let tokens: Int
    let bytesPerToken: Double
  }

  func validate() throws {
    guard (1...1024).contains(threads) else { throw ValidationError("--threads must be from 1 to 1024.") }
  }

  func run() throws {
    kernels.apply()
    KernelOptions.warn()
    let model = try formats.applied(
      to: TrainedModel(checkpoint: RunFolder.checkpoint(named: checkpoint)), file: checkpoint)
    let run = model.configuration
    let corpus = try TokenizedCorpus(
      configuration(of: run), context: run.model.context, lanes: run.lanes, tokenizer: model.tokenizer)
    complain(notes: corpus.notes)
    let progress = ProgressLine(total: Double(corpus.validation.count))
    let result = progress.measure("evaluating") {
      model.evaluation(on: corpus, threads: threads) { progress.reach(Double($0)) }
    }
    let output = Output(
      corpus: corpus.name, loss: result.loss, lossStandardError: result.standardError,
      lossBitsPerByte: result.loss / corpus.bytesPerToken / log(2), entropy: corpus.validationEntropy?.total,
      tokens: corpus.validation.targetCount, bytesPerToken: corpus.bytesPerToken)
    if json { return try printJSON(output) }
    print("loss          \(number(output.loss)) ± \(number(output.lossStandardError)) nats per token")
    print("              \(number(output.lossBitsPerByte)) bits per byte")
    if let entropy = output.entropy { print("true entropy  \(number(entropy)) nats per token") }
    print("tokens        \(output.tokens), of \(number(output.bytesPerToken)) bytes")
  }

  /// The corpus of the model, or the one that was asked for.
  ///
  /// - Throws: `InputError` if the model was trained elsewhere and none was asked for.
  private func configuration(of run: RunConfiguration) throws -> CorpusConfiguration {
    var own = run.corpus
    own.validationTokens = validationTokens?.value ?? own.validationTokens
    guard let corpus else {
      // An imported model has no training.
      guard run.training.tokens > 0 else {
        throw InputError(
          "was trained by another program, on a text that is not known here", file: checkpoint,
          remedy: "Name a corpus with --corpus")
      }
      return own
    }
    if corpus == own.source, textField == nil || textField == own.field { return own }
    return CorpusConfiguration(
      source: corpus, field: textField, validationTokens: validationTokens?.value ?? 1 << 20)
  }
}
