import Corpora
import Foundation
import Testing

struct NGramsTests {
  /// The same formula with dictionaries, on a small text.
  @Test func matchesDictionaries() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      (0..<400).map { "\($0 % 7) sees \($0 * $0 % 11), then \($0 % 3)\n" }.joined(), to: "text.txt")
    let corpus = try TokenizedCorpus(
      CorpusConfiguration(source: path, tokenizer: .characters, validationTokens: 1000), context: 20)
    let training = try corpus.training(tokens: 5000)
    let losses = NGrams.losses(
      training: training, validation: corpus.validation, vocabulary: corpus.vocabulary, order: 4)

    var counts: [[UInt16]: [UInt16: Double]] = [:]
    for window in 0..<training.count {
      let tokens = Array(training[window])
      for position in 1..<tokens.count {
        for length in 0..<min(4, position + 1) {
          counts[Array(tokens[position - length..<position]), default: [:]][tokens[position], default: 0] += 1
        }
      }
    }
    func probability(_ token: UInt16, after context: ArraySlice<UInt16>) -> Double {
      let shorter =
        context.isEmpty ? 1 / Double(corpus.vocabulary) : probability(token, after: context.dropFirst())
      guard let seen = counts[Array(context)] else { return shorter }
      let types = Double(seen.count)
      return (seen[token, default: 0] + types * shorter) / (seen.values.reduce(0, +) + types)
    }
    for length in 0..<4 {
      var nats = 0.0
      for window in 0..<corpus.validation.count {
        let tokens = Array(corpus.validation[window])
        for position in 1..<tokens.count {
          let context = tokens[max(0, position - length)..<position]
          nats -= log(probability(tokens[position], after: context))
        }
      }
      #expect(abs(losses[length] - nats / Double(corpus.validation.targetCount)) < 1e-9)
    }
    #expect(losses[3] < losses[0])
  }
}
