import Corpora
import Foundation
import Testing

/// The cost of each byte is −log P(prefix after it) ÷ P(prefix before it). Here P is found independently: by
/// enumerating every passage of small recipes by hand, by normalisation, and from frequencies.
struct EntropyTests {
  /// Options with common prefixes, also a prefix of another option, a Zipf tail, repetition, a sum, recursion
  /// whose last level has other probabilities, and options that differ in their first character.
  static let recipe = """
    tables:
      bird: {words: [owl, owlet, ox, ibis], zipf: 1.5, offset: 2}
      digit: {numbers: [8, 11], zipf: 1}
    rules:
      nest:
        depth: 3
        options:
          - {weight: 2, text: "(a{nest})"}
          - {weight: 1, text: "(b)"}
          - {weight: 4, text: ab}
      ending:
        options: ["!", "{bird}.", "-{nest}"]
    tasks:
      birds: {weight: 3, text: "A{x: bird} {x} {ending}"}
      sums: {weight: 1, text: "{n: digit}+{m: digit}={n + m}"}
    """

  /// The probability of every passage, computed by hand from the recipe above.
  static func enumeration(order words: [String]) -> [String: Double] {
    func zipf(_ count: Int, _ exponent: Double, _ offset: Double) -> [Double] {
      let weights = (0..<count).map { pow(Double($0) + offset, -exponent) }
      return weights.map { $0 / weights.reduce(0, +) }
    }
    let birds = zip(words, zipf(4, 1.5, 2))
    func nests(_ level: Int) -> [(String, Double)] {
      if level == 3 { return [("(b)", 1 / 5), ("ab", 4 / 5)] }
      let deeper = nests(level + 1).map { nest, p in ("(a\(nest))", p * 2 / 7) }
      return deeper + [("(b)", 1 / 7), ("ab", 4 / 7)]
    }
    var endings: [(String, Double)] = [("!", 1 / 3)]
    for (bird, p) in birds { endings.append(("\(bird).", p / 3)) }
    for (nest, p) in nests(1) { endings.append(("-\(nest)", p / 3)) }
    var passages: [String: Double] = [:]
    for (bird, p) in birds {
      for (ending, q) in endings { passages["A\(bird) \(bird) \(ending)\n", default: 0] += 0.75 * p * q }
    }
    let digits = zip(8...11, zipf(4, 1, 1))
    for (n, p) in digits {
      for (m, q) in digits { passages["\(n)+\(m)=\(n + m)\n", default: 0] += 0.25 * p * q }
    }
    return passages
  }

  @Test func everyByteCostsWhatEnumerationSays() throws {
    let folder = try TemporaryFolder()
    let text = try GeneratedText(recipe: folder.write(Self.recipe, to: "birds.yaml"))
    let table = try #require(text.tables.first)
    let passages = Self.enumeration(order: table.examples)
    #expect(abs(passages.values.reduce(0, +) - 1) < 1e-12)
    let (bytes, costs, tasks) = text.costs(bytes: 20_000, seed: 3)
    #expect(bytes.count == costs.count && bytes.count == tasks.count)
    var start = 0
    var seen: Set<String> = []
    while start < bytes.count {
      let end = try #require(bytes[start...].firstIndex(of: UInt8(ascii: "\n")))
      var before = 1.0
      for position in start...end {
        let prefix = String(decoding: bytes[start...position], as: UTF8.self)
        let after = passages.filter { $0.key.hasPrefix(prefix) }.values.reduce(0, +)
        #expect(abs(costs[position] + log(after / before)) < 1e-9, "at the end of `\(prefix)`")
        #expect(costs[position] >= 0)
        before = after
      }
      seen.insert(String(decoding: bytes[start...end], as: UTF8.self))
      start = end + 1
    }
    #expect(seen.count > 30, "the text should show most of the \(passages.count) passages")
  }

  /// With associates, some of which coincide: all passages together have probability 1, and each occurs as
  /// often as its cost says.
  @Test func costsMatchFrequencies() throws {
    let folder = try TemporaryFolder()
    let text = try GeneratedText(
      recipe: folder.write(
        """
        tables:
          thing: {words: [sun, sand, moon], zipf: 1}
          deed: {words: [melts, meets, mends], zipf: 0.5}
        associations:
          habit: {of: thing, from: deed, count: 4, zipf: 1.5}
          prey: {of: deed, from: thing, count: 2, zipf: 1}
        tasks:
          stories: {weight: 1, text: "the {s: thing} {d: habit of s} the {prey of d}."}
        """, to: "stories.yaml"))
    let (bytes, costs, _) = text.costs(bytes: 2_000_000, seed: 1)
    var found: [String: (count: Int, nats: Double)] = [:]
    var start = 0
    while start < bytes.count {
      let end = try #require(bytes[start...].firstIndex(of: UInt8(ascii: "\n")))
      let passage = String(decoding: bytes[start..<end], as: UTF8.self)
      let nats = costs[start...end].reduce(0, +)
      #expect(abs((found[passage]?.nats ?? nats) - nats) < 1e-9)
      found[passage, default: (0, nats)].count += 1
      start = end + 1
    }
    let total = Double(found.values.reduce(0) { $0 + $1.count })
    #expect(abs(found.values.reduce(0) { $0 + exp(-$1.nats) } - 1) < 1e-9)
    for (passage, (count, nats)) in found {
      let expected = total * exp(-nats)
      #expect(abs(Double(count) - expected) < 5 * expected.squareRoot() + 1, "`\(passage)`")
    }
  }

  /// The entropy of the validation windows is the mean cost of the characters that they predict. A code that
  /// knows the recipe needs it, and n-gram models are never better.
  @Test func validationEntropyIsBelowEveryBaseline() throws {
    let corpus = try TokenizedCorpus(
      CorpusConfiguration(source: "\(corporaFolder)/village.yaml", validationTokens: 100_000), context: 128)
    let entropy = try #require(corpus.validationEntropy)
    #expect(entropy.total > 0.15 && entropy.total < 0.35)
    var targets = [Int](repeating: 0, count: corpus.tasks.count)
    for window in 0..<corpus.validation.count {
      for position in 0..<128 { targets[corpus.validation.task(window: window, position: position)] += 1 }
    }
    let weighted = zip(entropy.tasks, targets).reduce(0) { $0 + ($1.0 ?? .nan) * Double($1.1) }
    #expect(abs(weighted / Double(corpus.validation.targetCount) - entropy.total) < 1e-12)
    let losses = NGrams.losses(
      training: try corpus.training(tokens: 500_000), validation: corpus.validation,
      vocabulary: corpus.vocabulary)
    #expect(losses.allSatisfy { $0 > entropy.total })
    // Characters and bytes are the same here, so that their entropies are.
    let bytes = try TokenizedCorpus(
      CorpusConfiguration(
        source: "\(corporaFolder)/village.yaml", tokenizer: .bytes, validationTokens: 100_000), context: 128)
    #expect(bytes.validationEntropy == entropy)
  }
}
