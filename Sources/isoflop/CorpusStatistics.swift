import Corpora
import Foundation

/// Measurements of a corpus: the output of `corpus stats --json`.
struct CorpusStatistics: Encodable {
  /// A task, or all of them together.
  struct Task: Encodable {
    let name: String
    /// Its fraction of the passages, and of the validation targets.
    let passages: Double
    let tokens: Double
    /// The true entropy.
    let natsPerToken: Double
    let bitsPerByte: Double
  }

  /// The answers that lists of one length determine.
  struct Answers: Encodable {
    let name: String
    /// Their number in the validation windows.
    let count: Int
  }

  /// A list of words that a recipe draws from, by Zipf's law.
  struct Words: Encodable {
    let name: String
    /// Nil if it is unbounded.
    let size: Int?
    let exponent: Double
    let offset: Double
    let mostFrequent: [String]
  }

  let corpus: String
  let tokenizer: String
  let vocabulary: Int
  let bytesPerToken: Double
  private(set) var text: OwnText?
  private(set) var alphabet: String?
  let validationTokens: Int
  private(set) var entropy: Task?
  private(set) var tasks: [Task] = []
  private(set) var answers: [Answers] = []
  private(set) var tables: [Words] = []
  /// The number of tokens on which n-grams are counted, and the loss of each in nats per token, from 1-grams on.
  let trainingTokens: Int
  let nGrams: [Double]
  let laws: TextLaws

  /// The bytes of text in which correlations are counted.
  private static let sampleBytes = 1 << 23

  /// - Parameter tell: Called with what is measured next.
  init(
    _ configuration: CorpusConfiguration, context: Int, trainingTokens: Int, tell: (String) -> Void
  ) throws {
    tell("reading the corpus")
    let corpus = try TokenizedCorpus(configuration, context: context)
    let training = try corpus.training(tokens: trainingTokens)
    self.corpus = corpus.name
    tokenizer = "\(corpus.tokenizer.configuration)"
    vocabulary = corpus.vocabulary
    bytesPerToken = corpus.bytesPerToken
    validationTokens = corpus.validation.targetCount
    self.trainingTokens = training.targetCount
    tell("counting n-grams")
    nGrams = NGrams.losses(
      training: training, validation: corpus.validation, vocabulary: corpus.vocabulary)
    let entropies = ConditionalEntropies(
      training: training, validation: corpus.validation, vocabulary: corpus.vocabulary)
    let source = try CorpusSource(
      configuration.source, field: configuration.field, filter: configuration.filter)
    tell("comparing windows")
    let windows: RepeatedWindows
    let sample: [[UInt8]]
    switch source {
    case .files(let files):
      let split = try TextSplit(
        files, tokenizer: corpus.tokenizer, validationTokens: corpus.validation.targetCount + 1,
        seed: configuration.seed)
      windows = RepeatedWindows(
        training: [split.training], validation: [split.validation], context: context)
      tell("comparing documents")
      text = OwnText(
        files, validation: split.validationPieces, threshold: configuration.filter?.nearDuplicates)
      sample = Self.sample(of: files, seed: configuration.seed)
    case .generated(let text):
      let tokens = { (windows: TokenWindows) in (0..<windows.count).map { Array(windows[$0].dropLast()) } }
      windows = RepeatedWindows(
        training: tokens(training), validation: tokens(corpus.validation), context: context)
      sample = [text.text(bytes: Self.sampleBytes, seed: configuration.seed)]
    }
    tell("counting correlations")
    let correlations = TokenCorrelations(
      try sample.map { try corpus.tokenizer.encode($0) }, vocabulary: corpus.vocabulary)
    tell("compressing and fitting")
    laws = TextLaws(
      windows: windows, entropies: entropies, entropy: corpus.validationEntropy?.total,
      correlations: correlations, sample: sample)
    if case .generated(let text) = source { measure(text, corpus) }
  }

  /// Returns pieces in a random order, about `sampleBytes` together.
  private static func sample(of text: TextFiles, seed: UInt64) -> [[UInt8]] {
    var (sample, bytes) = ([[UInt8]](), 0)
    for piece in Shuffle(count: text.pieces.count, key: seed) where bytes < sampleBytes {
      sample.append(text.pieces[piece])
      bytes += text.pieces[piece].count
    }
    return sample
  }

  private mutating func measure(_ text: GeneratedText, _ corpus: TokenizedCorpus) {
    alphabet = String(String.UnicodeScalarView(text.alphabet))
    tables = text.tables.map {
      Words(
        name: $0.name, size: $0.size, exponent: $0.exponent, offset: $0.offset, mostFrequent: $0.examples)
    }
    var targets = [Int](repeating: 0, count: text.tasks.count)
    var bytes = targets
    for window in 0..<corpus.validation.count {
      for (position, token) in corpus.validation[window].dropFirst().enumerated() {
        let task = corpus.validation.task(window: window, position: position)
        targets[task] += 1
        bytes[task] += corpus.tokenizer.bytes(of: Int(token)).count
      }
    }
    var found = [Int](repeating: 0, count: corpus.tasks.count)
    for window in 0..<corpus.validation.count {
      for case let group? in corpus.validation.answers(ofWindow: window).map(\.group) { found[group] += 1 }
    }
    answers = zip(corpus.tasks, found).dropFirst(text.tasks.count).map { Answers(name: $0, count: $1) }
    guard let entropy = corpus.validationEntropy else { return }
    tasks = text.tasks.indices.compactMap { index in
      entropy.tasks[index].map { nats in
        Task(
          name: text.tasks[index], passages: text.fractions[index],
          tokens: Double(targets[index]) / Double(validationTokens), natsPerToken: nats,
          bitsPerByte: nats / log(2) / (Double(bytes[index]) / Double(targets[index])))
      }
    }
    self.entropy = Task(
      name: "all", passages: 1, tokens: 1, natsPerToken: entropy.total,
      bitsPerByte: entropy.total / log(2) / bytesPerToken)
  }

  /// Prints it for people.
  func print() {
    isoflop.print("corpus       \(corpus)")
    isoflop.print("tokenizer    \(tokenizer), \(vocabulary) tokens")
    isoflop.print(String(format: "token        %.3f bytes", bytesPerToken))
    text?.print()
    if let alphabet { isoflop.print("alphabet     \(alphabet.debugDescription)") }
    if let entropy {
      isoflop.print("\nentropy of \(validationTokens) validation targets")
      printTable(
        ["task", "passages", "tokens", "nats per token", "bits per byte"],
        (tasks + [entropy]).map { task in
          [
            task.name, String(format: "%.1f%%", 100 * task.passages),
            String(format: "%.1f%%", 100 * task.tokens), String(format: "%.4f", task.natsPerToken),
            String(format: "%.4f", task.bitsPerByte),
          ]
        })
      if !answers.isEmpty {
        printTable(["answers", "in these windows"], answers.map { [$0.name, String($0.count)] })
      }
      printTable(
        ["table", "words", "Zipf exponent", "offset", "most frequent"],
        tables.map {
          [
            $0.name, $0.size.map(String.init) ?? "unbounded", String(format: "%g", $0.exponent),
            String(format: "%g", $0.offset),
            $0.mostFrequent.joined(separator: ", "),
          ]
        })
    }
    isoflop.print("\nbaselines, counted on \(trainingTokens) tokens")
    printTable(
      ["baseline", "nats per token"],
      nGrams.enumerated().map { ["\($0 + 1)-gram", String(format: "%.4f", $1)] })
    laws.print()
  }
}
