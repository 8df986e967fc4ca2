import Corpora
import Files
import Foundation
import Testing

struct TokenizedCorpusTests {
  static let village = "\(corporaFolder)/village.yaml"

  private func corpus(
    seed: UInt64 = 0, validation: Int = 1 << 18, unique: Int? = nil, context: Int = 128,
    tokenizer: TokenizerConfiguration? = nil
  ) throws -> TokenizedCorpus {
    try TokenizedCorpus(
      CorpusConfiguration(
        source: Self.village, tokenizer: tokenizer, seed: seed, validationTokens: validation,
        uniqueTokens: unique), context: context)
  }

  @Test func noValidationWindowIsTrainedOn() throws {
    let corpus = try corpus()
    #expect(corpus.validation.count == 2048 && corpus.validation.targetCount == 1 << 18)
    let held = Set((0..<corpus.validation.count).map { Array(corpus.validation[$0]) })
    let training = try corpus.training(tokens: 4 << 20)
    #expect(training.count == 32_768)
    for window in 0..<training.count { #expect(!held.contains(Array(training[window]))) }
  }

  /// Windows begin at the start of a passage and contain text of the recipe, for every tokenizer.
  @Test(arguments: ["characters", "bytes", "bytePairs(400)"]) func windowsBeginWithAPassage(name: String)
    throws
  {
    let corpus = try corpus(validation: 10_000, context: 64, tokenizer: TokenizerConfiguration(name))
    let training = try corpus.training(tokens: 10_000)
    for windows in [corpus.validation, training] {
      for window in 0..<windows.count {
        let text = corpus.tokenizer.decode(windows[window])
        let first = try #require(text.split(separator: "\n").first)
        #expect(first.hasPrefix("The ") || first.contains(/^[A-Z][a-z]+ |^\d\d\+|^\(/), "`\(first)`")
      }
    }
    #expect(name == "bytePairs(400)" ? corpus.bytesPerToken > 1.5 : corpus.bytesPerToken == 1)
  }

  @Test func trainingWindowsDoNotDependOnHowManyAreAskedFor() throws {
    let (a, b) = (try corpus(validation: 1000), try corpus(validation: 1000))
    let few = try a.training(tokens: 1000)
    let many = try a.training(tokens: 100_000)
    let direct = try b.training(tokens: 50_000)
    #expect(few.count == 8 && many.count == 782 && direct.count == 391)
    for window in 0..<few.count { #expect(few[window] == many[window]) }
    for window in 0..<direct.count { #expect(direct[window] == many[window]) }
    #expect(try corpus(seed: 1, validation: 1000).training(tokens: 1000)[0] != few[0])
    #expect(try corpus(validation: 1000, unique: 300).training(tokens: 1000).count == 3)
  }

  @Test func concurrentRunsShareOneCorpus() async throws {
    let shared = try corpus(validation: 1000)
    let last = try corpus(validation: 1000).training(tokens: 40 * 1280)[399]
    try await withThrowingTaskGroup(of: ArraySlice<UInt16>.self) { group in
      for task in 1...8 {
        group.addTask {
          _ = try shared.training(tokens: task * 1280)
          return try shared.training(tokens: 40 * 1280)[399]
        }
      }
      for try await window in group { #expect(window.elementsEqual(last)) }
    }
  }

  @Test func fingerprintTellsCorporaApart() throws {
    let fingerprints = [
      try corpus(validation: 1000).fingerprint, try corpus(seed: 1, validation: 1000).fingerprint,
      try corpus(validation: 2000).fingerprint, try corpus(validation: 1000, context: 64).fingerprint,
      try corpus(validation: 1000, unique: 500).fingerprint,
      try corpus(validation: 1000, tokenizer: .bytes).fingerprint,
    ]
    #expect(Set(fingerprints).count == fingerprints.count)
    #expect(try corpus(validation: 1000).fingerprint == fingerprints[0])
    // Word lists are part of the fingerprint, and the paths of files are not.
    let recipe = "tables:\n  bird: {words: birds.txt}\ntasks:\n  f: {weight: 1, text: \"{bird}\"}\n"
    let prints = try ["owl\nibis\n", "owl\nibis\n", "owl\nemu\n"].map { words in
      let folder = try TemporaryFolder()
      _ = try folder.write(words, to: "birds.txt")
      return try GeneratedText(recipe: folder.write(recipe, to: "birds.yaml")).fingerprint
    }
    #expect(prints[0] == prints[1] && prints[1] != prints[2])
  }

  @Test func copyShiftsTargetsByOne() throws {
    let windows = try corpus(validation: 1000).training(tokens: 1000)
    var inputs = [Int32](repeating: -1, count: 128)
    var targets = inputs
    windows.copy(window: 3, inputs: &inputs, targets: &targets)
    #expect(inputs == windows[3].dropLast().map(Int32.init))
    #expect(targets == windows[3].dropFirst().map(Int32.init))
  }

  @Test(arguments: [1, 2, 3, 5, 100, 1025]) func everyEpochSeesEveryWindowOnce(count: Int) {
    let order = TokenOrder(count: count, seed: 9)
    var epochs: [[Int]] = []
    for epoch in 0..<3 { epochs.append((0..<count).map { order.window(at: epoch * count + $0) }) }
    #expect(epochs[0] == Array(0..<count))
    for epoch in epochs { #expect(epoch.sorted() == Array(0..<count)) }
    if count >= 100 {
      #expect(epochs[1] != epochs[2] && epochs[0] != epochs[1])
      let moved = zip(epochs[1], epochs[2]).filter { $0 != $1 }.count
      #expect(moved > count * 9 / 10)
    }
  }

  @Test func impossibleSizesAreTold() {
    #expect(throws: InputError.self) { try corpus(validation: 0) }
    #expect(throws: InputError.self) { try corpus(context: 0) }
    #expect(throws: InputError.self) { try corpus(unique: 0) }
  }
}
