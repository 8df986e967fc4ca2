import Corpora
import Files
import Foundation
import RandomNumbers
import Testing

/// Statistics of texts in which the answer is planted.
struct TextStatisticsTests {
  private static let letters = Array("abcdefghijklmnopqrstuvwxyz     ".utf8)

  private static func text(_ count: Int, seed: UInt64) -> [UInt8] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in letters.randomElement(using: &random) ?? 0 }
  }

  /// The Jaccard similarity of the different spans of 24 bytes.
  private static func similarity(_ one: [UInt8], _ two: [UInt8]) -> Double {
    func spans(_ text: [UInt8]) -> Set<[UInt8]> {
      Set((0...text.count - 24).map { Array(text[$0..<$0 + 24]) })
    }
    return Double(spans(one).intersection(spans(two)).count) / Double(spans(one).union(spans(two)).count)
  }

  @Test("Planted copies and near copies are found, by the similarity that sets give")
  func nearDuplicates() {
    let originals = (0..<300).map { Self.text(600 + 7 * $0, seed: UInt64($0)) }
    var documents = originals + originals.prefix(20)
    // Each change of a byte removes 24 of the spans.
    let changed = (20..<120).map { number -> [UInt8] in
      var text = originals[number]
      for change in 0..<(number % 10) { text[50 + 53 * change] = UInt8(ascii: "#") }
      return text + [UInt8(ascii: ".")]
    }
    documents += changed
    let found = NearDuplicates(in: documents)
    #expect(found.count(of: .copy) == 20)
    let near = zip(originals[20..<120], changed).map { Self.similarity($0, $1) >= 0.8 }
    #expect(near.contains(true) && near.contains(false))
    #expect(found.kinds[320...].map { $0 == .nearCopy } == near)
    #expect(found.kinds.prefix(300).allSatisfy { $0 == .distinct })
  }

  @Test("Repeated text and windows are counted at the rate at which they were planted")
  func repeats() {
    var seen = RepeatedText(bytes: 1 << 20)
    let source = Self.text(100_000, seed: 1)
    #expect(seen.add(source) == 0)
    let quote = source[30_000..<30_600] + Self.text(900, seed: 2) + source[90_000..<90_080]
    #expect(seen.add(Array(quote)) == 600, "a repeat of less than 100 bytes does not count")
    #expect(seen.bytes(of: Array(source[500..<1500])) == 1000)
    let own = Self.text(400, seed: 3)
    #expect(seen.bytes(of: own) == 0)
    #expect(seen.add(own + own, unlessAbove: 399) == 400)
    #expect(seen.bytes(of: own) == 0, "a document that is not added leaves no trace")

    let tokens = { (text: [UInt8]) in text.map(UInt16.init) }
    // 50 windows of 20 tokens; 10 of them repeat text at another offset.
    let first = Self.text(800, seed: 4)
    let training = tokens(first + first[7..<207])
    let validation = tokens(Array(first[13..<53]) + Self.text(60, seed: 5))
    let windows = RepeatedWindows(training: [training], validation: [validation], context: 20)
    #expect(windows.training == 0.2 && windows.validation == 0.4)
  }

  @Test("The entropies of a Markov source are those of its transition matrix")
  func markovEntropies() throws {
    let folder = try TemporaryFolder()
    // Of second order: the probability of `a` depends on the last two letters.
    let probabilities = [0.9, 0.3, 0.2, 0.6]
    var (random, state, letters) = (SplitMix64(seed: 5), 0, [UInt8]())
    for _ in 0..<700_000 {
      let isA = random.uniform() < probabilities[state]
      letters.append(isA ? UInt8(ascii: "a") : UInt8(ascii: "b"))
      state = (state & 1) << 1 | (isA ? 1 : 0)
    }
    let path = try folder.write(Data(letters), to: "markov.txt")
    let corpus = try TokenizedCorpus(
      CorpusConfiguration(source: path, tokenizer: .characters, validationTokens: 200_000), context: 64)
    let found = ConditionalEntropies(
      training: try corpus.training(tokens: 400_000), validation: corpus.validation,
      vocabulary: corpus.vocabulary, longest: 4
    ).entropies
    // The stationary distribution, by iteration.
    var weights = [Double](repeating: 0.25, count: 4)
    for _ in 0..<1000 {
      var next = [Double](repeating: 0, count: 4)
      for state in 0..<4 {
        next[(state & 1) << 1 | 1] += weights[state] * probabilities[state]
        next[(state & 1) << 1] += weights[state] * (1 - probabilities[state])
      }
      weights = next
    }
    func entropy(_ p: Double) -> Double { -p * log(p) - (1 - p) * log(1 - p) }
    let a = weights[1] + weights[3]
    let afterA = (weights[1] * probabilities[1] + weights[3] * probabilities[3]) / a
    let afterB = (weights[0] * probabilities[0] + weights[2] * probabilities[2]) / (1 - a)
    let second = zip(weights, probabilities).reduce(0) { $0 + $1.0 * entropy($1.1) }
    let expected = [entropy(a), a * entropy(afterA) + (1 - a) * entropy(afterB), second, second, second]
    for (one, other) in zip(found, expected) {
      #expect(one.isSettled && abs((one.value ?? 0) - other) < 0.005, "H(\(one.n)) is not \(other)")
    }
  }

  @Test("Correlations are those of the source, and what is left of independent tokens is noise")
  func correlations() {
    // Each document is a chain of two states with its own rate of change: on average the correlation is (1 + n)^−½.
    var random = SplitMix64(seed: 6)
    let documents = (0..<1000).map { _ -> [UInt16] in
      let normal = random.normal()
      let change = (1 - exp(-normal * normal / 2)) / 2
      var state: UInt16 = random.uniform() < 0.5 ? 0 : 1
      return (0..<2000).map { _ in
        if random.uniform() < change { state = 1 - state }
        return state
      }
    }
    let found = TokenCorrelations(documents, vocabulary: 2)
    #expect(found.correlations.last?.n == 1024 && found.significant.count == found.correlations.count)
    for correlation in found.correlations {
      let expected = 0.5 / Double(1 + correlation.n).squareRoot()
      let error = abs((correlation.value ?? 0) - expected)
      #expect(error < 5 * (correlation.standardError ?? 0) && error < 0.3 * expected, "C(\(correlation.n))")
    }
    let noise = TokenCorrelations([(0..<200_000).map { _ in UInt16(random.next() & 255) }], vocabulary: 256)
    #expect(noise.significant.count <= 1)
    #expect(noise.correlations.allSatisfy { ($0.value ?? 0) < 3e-4 })
  }

  @Test("A filter drops what it should, and keeps the rest byte for byte")
  func filter() throws {
    let folder = try TemporaryFolder()
    let texts = (0..<40).map { String(decoding: Self.text(400 + $0, seed: UInt64($0)), as: UTF8.self) }
    let repeating = texts[3].suffix(300) + texts[39].prefix(90) + texts[38].prefix(30)
    let documents =
      texts.map { $0 } + [
        texts[5], texts[6] + "!", String(repeating), String(repeating: "tiny ", count: 100), "short",
      ]
    let lines = try documents.map {
      String(decoding: try JSONEncoder().encode(["text": $0]), as: UTF8.self) + "\n"
    }
    let path = try folder.write(lines.joined(), to: "texts.jsonl")
    let all = try TextFiles(path: path)
    let kept = try TextFiles(
      path: path,
      filter: DocumentFilter(nearDuplicates: 0.8, repeated: 0.5, compression: 1...5, bytes: 100...1000))
    #expect(kept.pieces == Array(all.pieces.prefix(40)))
    #expect(kept.dropped.map(\.key) == ["bytes", "compression", "near_duplicates", "repeated"])
    #expect(kept.dropped.map(\.count) == [1, 1, 2, 1])
    // A filter that drops nothing is another corpus too.
    func fingerprint(_ filter: DocumentFilter?) throws -> String {
      var configuration = CorpusConfiguration(source: path, validationTokens: 1000)
      configuration.filter = filter
      return try TokenizedCorpus(configuration, context: 20).fingerprint
    }
    #expect(
      try Set(
        [nil, DocumentFilter(bytes: 1...1_000_000), DocumentFilter(bytes: 100...1000)].map(fingerprint)
      )
      .count == 3)
    // Statistics split the text as training does.
    let corpus = try TokenizedCorpus(CorpusConfiguration(source: path, validationTokens: 1000), context: 20)
    let split = try TextSplit(all, tokenizer: corpus.tokenizer, validationTokens: 1001, seed: 0)
    #expect(Array(corpus.validation[49]) == Array(split.validation[980...1000]))
    #expect(split.training.count + split.validation.count == all.byteCount)
    let error = #expect(throws: InputError.self) {
      try TextFiles(path: path, filter: DocumentFilter(bytes: 0...2))
    }
    #expect(error?.description.contains("drops all 45 documents") == true)
  }

  @Test(
    "A filter that is not valid is told with its line",
    arguments: [
      ("{near_duplicates: 0.1}", "3: 0.1 is out of range"), ("{near_duplicate: 0.8}", "near_duplicates"),
      ("{bytes: [5, 1]}", "3: expected the least and the largest value"),
      ("{bytes: 5}", "expected the least"), ("{}", "is empty"), ("strict", "expected a mapping or none"),
      ("{compression: [a, 2]}", "3: `a` is not a number"), ("[0.5]", "expected a mapping"),
    ])
  func faults(_ text: String, message: String) throws {
    let yaml = try YAMLValue(file: "e.yaml", text: "corpus:\n  source: a\n  filter: \(text)\n")
    let map = try yaml.mapping(keys: ["corpus"])["corpus"]?.mapping(keys: ["source", "filter"])
    let filter = try #require(map?["filter"])
    let error = #expect(throws: InputError.self) { try DocumentFilter.read(filter) }
    #expect(error?.description.contains(message) == true, "\(String(describing: error))")
    let recipe = #expect(throws: InputError.self) {
      try CorpusSource("\(corporaFolder)/village.yaml", filter: DocumentFilter(bytes: 1...2))
    }
    #expect(recipe?.description.contains("is a recipe") == true)
  }
}
