import ArgumentParser
import Corpora
import Files
import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// `isoflop corpus`: corpora to train on.
struct CorpusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "corpus", abstract: "Lists, shows and measures corpora.",
    subcommands: [List.self, Sample.self, Stats.self])

  /// `isoflop corpus list`
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lists the bundled corpora.")

    @Flag(help: "Prints JSON instead of text.")
    var json = false

    func run() throws {
      let recipes = try BundledCorpora.recipes().sorted { $0.key < $1.key }
      let corpora = try recipes.map { _, path in
        let text = try GeneratedText(recipe: path)
        let (_, costs, _) = text.costs(bytes: 1 << 20, seed: 0)
        return (text: text, entropy: costs.reduce(0, +) / Double(costs.count))
      }
      if json { return try Table(corpora).print(json: true) }
      for (text, entropy) in corpora {
        print(text.name)
        print("  \(text.about)")
        print("  tasks     \(text.trainedTasks.joined(separator: ", "))")
        print("  alphabet  \(text.alphabet.count) characters")
        print(
          String(
            format: "  entropy   %.3f nats per byte (%.3f bits), of endless text", entropy, entropy / log(2)))
      }
      print(
        "Runs are compared with the entropy of their own validation windows, each of which begins with a new passage:"
      )
      print("`isoflop corpus stats NAME` and the reports show that one.")
    }
  }

  /// `isoflop corpus sample NAME`
  struct Sample: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Prints text of a corpus.")

    @Argument(
      help: "A bundled corpus, a recipe (.yaml), a text file, a folder or a quoted pattern.",
      completion: .corpus)
    var source: String

    @Option(help: "The field of JSONL that holds the text; `text` by default.")
    var textField: String?

    @Option(
      help: "The least number of bytes, 2000 by default; the last line is completed.",
      transform: Count.init(_:))
    var bytes = Count(2000)

    @Option(help: "The seed of the text.")
    var seed: UInt64 = 0

    func run() throws {
      switch try CorpusSource(source, field: textField) {
      case .generated(let text):
        complain(notes: text.notes)
        write(text.text(bytes: bytes.value, seed: seed))
      case .files(let text):
        var written = 0
        for piece in Shuffle(count: text.pieces.count, key: seed)
        where written < bytes.value && !Console.isLost {
          let part = text.pieces[piece].prefix(bytes.value - written)
          write(part)
          written += part.count
        }
        print()
      }
    }

    /// Writes text of the corpus: as it is to a file or a program, without what would act on it to a terminal.
    private func write(_ bytes: some Collection<UInt8>) {
      let text = String(decoding: bytes, as: UTF8.self)
      Console.write(Data((isatty(STDOUT_FILENO) == 1 ? printable(text) : text).utf8))
    }
  }

  /// `isoflop corpus stats NAME`
  struct Stats: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Measures a corpus: entropy, n-grams, repetition, compression, predicted exponents.")

    @Argument(
      help: "A bundled corpus, a recipe (.yaml), a text file, a folder or a quoted pattern.",
      completion: .corpus)
    var source: String

    @Option(help: "The field of JSONL that holds the text; `text` by default.")
    var textField: String?

    @Option(help: "characters, bytes or bytePairs(V); by default that of the source.")
    var tokenizer: TokenizerConfiguration?

    @Option(help: "The tokens that a window predicts.")
    var context = 128

    @Option(help: "The seed of the text.")
    var seed: UInt64 = 0

    @Option(help: "Validation targets, 262144 by default.", transform: Count.init(_:))
    var validationTokens = Count(1 << 18)

    @Option(
      help: "Training targets that the n-grams are counted on, 4194304 by default.", transform: Count.init(_:)
    )
    var trainingTokens = Count(1 << 22)

    @Option(help: "Drops documents of own text first, as `filter` of a corpus: {near_duplicates: 0.8}.")
    var filter: String?

    @Flag(help: "Prints JSON instead of text.")
    var json = false

    func validate() throws {
      guard context >= 1 else { throw ValidationError("--context must be at least 1.") }
      guard max(trainingTokens.value, validationTokens.value) <= 1_000_000_000 else {
        throw ValidationError("--training-tokens and --validation-tokens must be at most 1G.")
      }
    }

    func run() throws {
      let filter = try filter.flatMap {
        try DocumentFilter.read(YAMLValue(option: "--filter", text: $0))
      }
      let progress = ProgressLine(total: 1)
      defer { progress.finish() }
      var configuration = CorpusConfiguration(
        source: source, field: textField, tokenizer: tokenizer, seed: seed,
        validationTokens: validationTokens.value)
      configuration.filter = filter
      let statistics = try CorpusStatistics(
        configuration, context: context, trainingTokens: trainingTokens.value
      ) { progress.show($0) }
      progress.finish()
      if json { try printJSON(statistics) } else { statistics.print() }
    }
  }
}

extension Table {
  fileprivate init(_ corpora: [(text: GeneratedText, entropy: Double)]) {
    self.init(
      ["name", "about", "tasks", "alphabet", "nats_per_byte", "bits_per_byte"],
      corpora.map { text, entropy in
        [
          Cell(text.name), Cell(text.about),
          Cell(text.trainedTasks, text: text.trainedTasks.joined(separator: ", ")),
          Cell(text.alphabet.count), Cell(entropy), Cell(entropy / log(2)),
        ]
      })
  }
}

extension GeneratedText {
  /// The tasks that occur: a recipe may give some the weight 0.
  fileprivate var trainedTasks: [String] { zip(tasks, fractions).filter { $1 > 0 }.map(\.0) }
}

extension TokenizerConfiguration: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}
