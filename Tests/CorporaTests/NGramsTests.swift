import Corpora
import Foundation
import Testing

struct NGramsTests {
  private func smallText() throws -> TokenizedCorpus {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      (0..<400).map { "\($0 % 7) sees \($0 * $0 % 11), then \($0 % 3)\n" }.joined(), to: "text.txt")
    return try TokenizedCorpus(
      CorpusConfiguration(source: path, tokenizer: .characters, validationTokens: 1000), context: 20)
  }

  /// The same formula with dictionaries, on a small text.
  @Test func matchesDictionaries() throws {
    let corpus = try smallText()
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

  /// Kneser–Ney smoothing with dictionaries, by which conditional entropies are estimated.
  @Test func kneserNeyMatchesDictionaries() throws {
    let corpus = try smallText()
    let training = try corpus.training(tokens: 5000)
    let found = ConditionalEntropies(
      training: training, validation: corpus.validation, vocabulary: corpus.vocabulary, longest: 3
    ).entropies.map(\.loss)

    typealias Counts = [[UInt16]: [UInt16: Double]]
    var occurrences: Counts = [:]
    var longer: [[UInt16]: [UInt16: Set<[Int]>]] = [:]
    for window in 0..<training.count {
      let tokens = Array(training[window])
      for position in 1..<tokens.count {
        for length in 0...min(3, position) {
          let (context, token) = (Array(tokens[position - length..<position]), tokens[position])
          occurrences[context, default: [:]][token, default: 0] += 1
          // At the start of a window, nothing is before the context.
          let before = length < position ? [Int(tokens[position - length - 1])] : [window, position]
          longer[context, default: [:]][token, default: []].insert(before)
        }
      }
    }
    let continuations = longer.mapValues { $0.mapValues { Double($0.count) } }
    func discount(_ counts: Counts, _ length: Int) -> Double {
      let all = counts.filter { $0.key.count == length }.values.flatMap(\.values)
      let (ones, twos) = (Double(all.count { $0 == 1 }), Double(all.count { $0 == 2 }))
      return ones > 0 && twos > 0 ? ones / (ones + 2 * twos) : 0.5
    }
    let discounts = [occurrences, continuations].map { counts in (0...3).map { discount(counts, $0) } }
    func probability(
      _ token: UInt16, after context: [UInt16], _ counts: Counts, _ discounts: [Double], below: Double
    ) -> Double {
      guard let seen = counts[context] else { return below }
      let discount = discounts[context.count]
      return (max(seen[token, default: 0] - discount, 0) + discount * Double(seen.count) * below)
        / seen.values.reduce(0, +)
    }
    for length in 0...3 {
      var nats = 0.0
      for window in 0..<corpus.validation.count {
        let tokens = Array(corpus.validation[window])
        for position in 1..<tokens.count {
          let longest = min(length, position)
          let context = { Array(tokens[position - $0..<position]) }
          let below = (0..<longest).reduce(1 / Double(corpus.vocabulary)) { below, length in
            probability(
              tokens[position], after: context(length), continuations, discounts[1], below: below)
          }
          nats -= log(
            probability(
              tokens[position], after: context(longest), occurrences, discounts[0], below: below))
        }
      }
      #expect(abs(found[length] - nats / Double(corpus.validation.targetCount)) < 1e-9)
    }
  }
}
