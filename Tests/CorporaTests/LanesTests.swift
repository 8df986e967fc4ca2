import Corpora
import Testing

/// Windows that continue each other in lanes.
struct LanesTests {
  private func corpus(
    _ name: String = "village", lanes: Int?, validation: Int = 20_000, unique: Int? = nil, context: Int = 32
  ) throws -> TokenizedCorpus {
    try TokenizedCorpus(
      CorpusConfiguration(
        source: "\(corporaFolder)/\(name).yaml", validationTokens: validation, uniqueTokens: unique),
      context: context, lanes: lanes)
  }

  /// The tokens of a lane.
  private func tokens(_ windows: TokenWindows, lane: Int, of lanes: Int) throws -> [UInt16] {
    var tokens: [UInt16] = []
    for window in stride(from: lane, to: windows.count, by: lanes) {
      // The last target of a window is the first input of the next.
      if let last = tokens.last { #expect(windows[window].first == last) }
      tokens += windows[window].dropFirst(tokens.isEmpty ? 0 : 1)
    }
    return tokens
  }

  @Test func aLaneIsATextOfTheRecipe() throws {
    let text = try GeneratedText(recipe: "\(corporaFolder)/village.yaml")
    let corpus = try corpus(lanes: 5)
    let training = try corpus.training(tokens: 10_000)
    #expect(training.count == 315 && corpus.validation.count == 640)
    let lane = try tokens(training, lane: 0, of: 5)
    let truth = text.text(bytes: lane.count, seed: 0, stream: .training)
    #expect(corpus.tokenizer.decode(lane[...]) == String(decoding: truth.prefix(lane.count), as: UTF8.self))
    #expect(try tokens(training, lane: 1, of: 5) != lane)
    // Costs are those of bytes given all bytes before them in the lane.
    let (bytes, costs, _) = text.costs(bytes: 1281, seed: 0, stream: .validation)
    let held = try tokens(corpus.validation, lane: 0, of: TokenizedCorpus.validationLanes)
    #expect(
      corpus.tokenizer.decode(held[...]) == String(decoding: bytes.prefix(held.count), as: UTF8.self))
    let entropy = try #require(corpus.validationEntropy)
    for piece in 0..<40 {
      let mean = costs[piece * 32 + 1...piece * 32 + 32].reduce(0, +) / 32
      #expect(abs(entropy.windows[piece * TokenizedCorpus.validationLanes] - mean) < 1e-12)
    }
    #expect(abs(entropy.windows.reduce(0, +) / 640 - entropy.total) < 1e-12)
  }

  @Test func windowsDoNotDependOnHowManyAreAskedFor() throws {
    let (a, b) = (try corpus(lanes: 6), try corpus(lanes: 6))
    let (few, more) = (try a.training(tokens: 1000), try a.training(tokens: 30_000))
    let direct = try b.training(tokens: 30_000)
    #expect(few.count == 36 && more.count == direct.count)
    for window in 0..<more.count { #expect(more[window] == direct[window]) }
    for window in 0..<few.count { #expect(more[window] == few[window]) }
    #expect(try corpus(lanes: 6, unique: 500).training(tokens: 1000).count == 18)
    let prints = try [nil, 6, 7].map { try corpus(lanes: $0).fingerprint }
    #expect(Set(prints).count == 3)
    let order = TokenOrder(count: 36, seed: nil)
    #expect(order.window(at: 36 + 7) == 7)
  }

  @Test func answersAreCountedWhereTheyLieInOneWindow() throws {
    let corpus = try corpus("recall", lanes: 2, context: 16)
    let alone = try self.corpus("recall", lanes: nil, context: 16)
    func count(_ corpus: TokenizedCorpus) -> Int {
      (0..<corpus.validation.count).reduce(0) { $0 + corpus.validation.answers(ofWindow: $1).count }
    }
    // Windows of one passage each end before most of its answers.
    #expect(count(corpus) > 2 * count(alone))
    for window in 0..<corpus.validation.count {
      for answer in corpus.validation.answers(ofWindow: window) {
        #expect(answer.targets.lowerBound >= 0 && answer.targets.upperBound <= 16)
      }
    }
  }

  @Test func lanesOfATextFileAreItsParts() throws {
    let folder = try TemporaryFolder()
    let lines = (0..<3000).map { "line \($0) of the text\n" }.joined()
    _ = try folder.write(lines, to: "text.txt")
    let source = CorpusConfiguration(source: "\(folder.path)/text.txt", validationTokens: 4000)
    let corpus = try TokenizedCorpus(source, context: 24, lanes: 7)
    let training = try corpus.training(tokens: .max / 2)
    #expect(training.count.isMultiple(of: 7) && training.count > 2000)
    #expect(corpus.validation.count == 176)
    let lanes = try (0..<7).map { try tokens(training, lane: $0, of: 7) }
    for (lane, next) in zip(lanes, lanes.dropFirst()) { #expect(lane.last == next.first) }
    #expect(throws: (any Error).self) { try TokenizedCorpus(source, context: 24, lanes: 4000) }
  }
}
