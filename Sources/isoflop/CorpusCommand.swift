import ArgumentParser
import Corpora
import Files
import Foundation

/// `isoflop corpus`: what there is to train on.
struct CorpusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "corpus", abstract: "Lists, shows and measures corpora.",
    subcommands: [List.self, Sample.self, Stats.self])

  /// `isoflop corpus list`
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lists the bundled corpora.")

    func run() throws {
      for (_, path) in try BundledCorpora.recipes().sorted(by: { $0.key < $1.key }) {
        let text = try GeneratedText(recipe: path)
        let (_, costs, _) = text.costs(bytes: 1 << 20, seed: 0)
        let entropy = costs.reduce(0, +) / Double(costs.count)
        print(text.name)
        print("  \(text.about)")
        print("  families  \(text.families.joined(separator: ", "))")
        print("  alphabet  \(text.alphabet.count) characters")
        print(String(format: "  entropy   %.3f nats a byte (%.3f bits)", entropy, entropy / log(2)))
      }
    }
  }

  /// `isoflop corpus sample NAME`
  struct Sample: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Prints text of a corpus.")

    @Argument(help: "A bundled corpus, a recipe (.yaml), a text file or a folder.")
    var source: String

    @Option(help: "At least so many bytes, to the end of a line.")
    var bytes = 2000

    @Option(help: "Chooses which text.")
    var seed: UInt64 = 0

    func validate() throws {
      guard bytes > 0 else { throw ValidationError("--bytes must be above 0.") }
    }

    func run() throws {
      switch try CorpusSource(source) {
      case .generated(let text):
        FileHandle.standardOutput.write(Data(text.text(bytes: bytes, seed: seed)))
      case .files(let text):
        var written = 0
        for piece in Shuffle(count: text.pieces.count, key: seed) where written < bytes {
          let part = text.pieces[piece].prefix(bytes - written)
          FileHandle.standardOutput.write(Data(String(decoding: part, as: UTF8.self).utf8))
          written += part.count
        }
        print()
      }
    }
  }

  /// `isoflop corpus stats NAME`
  struct Stats: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Measures a corpus: families, entropy, tables, n-gram baselines.")

    @Argument(help: "A bundled corpus, a recipe (.yaml), a text file or a folder.")
    var source: String

    @Option(help: "characters, bytes or bytePairs(V); by default that of the source.")
    var tokenizer: TokenizerConfiguration?

    @Option(help: "The tokens that a window predicts.")
    var context = 128

    @Option(help: "Chooses the text.")
    var seed: UInt64 = 0

    @Option(help: "Validation targets.")
    var validationTokens = 1 << 18

    @Option(help: "Training targets that the n-grams are counted on.")
    var trainingTokens = 1 << 22

    func run() throws {
      let corpus = try TokenizedCorpus(
        CorpusConfiguration(
          source: source, tokenizer: tokenizer, seed: seed, validationTokens: validationTokens),
        context: context)
      let training = try corpus.training(tokens: trainingTokens)
      print("corpus       \(corpus.name)")
      print("tokenizer    \(corpus.tokenizer.configuration), \(corpus.vocabulary) tokens")
      print(String(format: "token        %.3f bytes", corpus.bytesPerToken))
      switch try CorpusSource(source) {
      case .generated(let text): describe(text, corpus)
      case .files(let text): print("text         \(text.byteCount) bytes in \(text.pieces.count) pieces")
      }
      let losses = NGrams.losses(
        training: training, validation: corpus.validation, vocabulary: corpus.vocabulary)
      print("\nbaseline     nats a token   (counted on \(training.targetCount) tokens)")
      for (index, loss) in losses.enumerated() {
        print(String(format: "%d-gram       %.4f", index + 1, loss))
      }
    }

    private func describe(_ text: GeneratedText, _ corpus: TokenizedCorpus) {
      print("alphabet     \(String(String.UnicodeScalarView(text.alphabet)).debugDescription)")
      var targets = [Int](repeating: 0, count: text.families.count)
      var bytes = targets
      for window in 0..<corpus.validation.count {
        for (position, token) in corpus.validation[window].dropFirst().enumerated() {
          let family = corpus.validation.family(window: window, position: position)
          targets[family] += 1
          bytes[family] += corpus.tokenizer.bytes(of: Int(token)).count
        }
      }
      guard let entropy = corpus.validationEntropy else { return }
      print("\nentropy of \(corpus.validation.targetCount) validation targets")
      print("\(column("family", 12)) passages  tokens  nats a token  bits a byte")
      for (index, family) in text.families.enumerated() {
        guard let nats = entropy.families[index] else { continue }
        let share = Double(targets[index]) / Double(corpus.validation.targetCount)
        row(family, text.shares[index], share, nats, Double(bytes[index]) / Double(targets[index]))
      }
      row("all", 1, 1, entropy.total, corpus.bytesPerToken)
      print("\n\(column("table", 12)) words   Zipf exponent  offset  most frequent")
      for table in text.tables {
        let words = table.examples.joined(separator: ", ")
        print(
          column(table.name, 12),
          String(format: "%-7d %-14g %-7g %@", table.size, table.exponent, table.offset, words))
      }
    }

    private func row(
      _ name: String, _ passages: Double, _ tokens: Double, _ nats: Double, _ bytesPerToken: Double
    ) {
      print(
        column(name, 12),
        String(
          format: "%7.1f%% %6.1f%%  %12.4f  %11.4f", 100 * passages, 100 * tokens, nats,
          nats / log(2) / bytesPerToken))
    }

    private func column(_ text: String, _ width: Int) -> String {
      text.padding(toLength: max(width, text.count), withPad: " ", startingAt: 0)
    }
  }
}

extension TokenizerConfiguration: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}
