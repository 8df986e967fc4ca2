import Corpora
import Files
import Foundation
import Testing

/// What the settings of the training text do to it: mixture, noise, junk, duplicates and order.
struct TrainingTextTests {
  /// Three tasks whose passages begin with their names.
  private static let tasks = """
    tables:
      digit: {numbers: [0, 9]}
    tasks:
      a: {weight: 2, text: "a{x: digit}"}
      b: {weight: 1, text: "b{x: digit}{y: digit}"}
      c: {weight: 1, text: "c"}

    """

  /// Four people, and the pet of each.
  private static let people = """
    tables:
      person: {syllables: {first: [Ab, Ec], next: [la, mo, ni], most: 3}, size: 4, zipf: 1}
      pet: {words: [ox, emu, lynx, zebra, beaver], zipf: 0.5}
    associations:
      pet_of: {of: person, from: pet}
    tasks:
      facts: {weight: 1, text: "{who: person} has a {pet_of of who}."}

    """

  private func corpus(
    _ recipe: String, context: Int = 32, lanes: Int? = nil,
    _ change: (inout CorpusConfiguration) -> Void = { _ in }
  ) throws -> TokenizedCorpus {
    let folder = try TemporaryFolder()
    var configuration = CorpusConfiguration(
      source: try folder.write(recipe, to: "r.yaml"), validationTokens: 4096)
    change(&configuration)
    return try TokenizedCorpus(configuration, context: context, lanes: lanes)
  }

  private func text(_ corpus: TokenizedCorpus, _ windows: TokenWindows, _ range: Range<Int>) -> String {
    range.map { corpus.tokenizer.decode(windows[$0]) }.joined(separator: "\n")
  }

  private func fraction(of letter: Character, among letters: String, in text: String) -> Double {
    Double(text.count { $0 == letter }) / Double(text.count { letters.contains($0) })
  }

  @Test("Weights change the training text alone: its tasks have them, validation keeps its own")
  func weights() throws {
    let plain = try corpus(Self.tasks)
    let mixed = try corpus(Self.tasks) { $0.weights = ["a": 0.2, "b": 0.8] }
    for (corpus, wanted) in [
      (plain, ["a": 0.5, "b": 0.25, "c": 0.25]), (mixed, ["a": 0.2, "b": 0.8, "c": 0]),
    ] {
      let windows = try corpus.training(tokens: 200_000)
      let text = text(corpus, windows, 0..<windows.count)
      for (letter, weight) in wanted {
        #expect(abs(fraction(of: Character(letter), among: "abc", in: text) - weight) < 0.01)
      }
    }
    #expect((0..<plain.validation.count).allSatisfy { plain.validation[$0] == mixed.validation[$0] })
    #expect(plain.validationEntropy?.total == mixed.validationEntropy?.total)
    #expect(plain.vocabulary == mixed.vocabulary && plain.fingerprint != mixed.fingerprint)
    // The weights of the recipe give its own text again.
    let same = try corpus(Self.tasks) { $0.weights = ["a": 0.5, "b": 0.25, "c": 0.25] }
    #expect(try same.training(tokens: 1000)[7] == plain.training(tokens: 1000)[7])
  }

  @Test("Weights change linearly over the training, whatever its length")
  func weightsChange() throws {
    let corpus = try corpus(Self.tasks) {
      $0.weights = ["a": 1]
      $0.weightsAtEnd = ["b": 0.5, "c": 0.5]
    }
    for tokens in [64_000, 320_000] {
      let windows = try corpus.training(tokens: tokens)
      for (part, wanted) in [(0, 0.95), (4, 0.55), (9, 0.05)] {
        let range = windows.count * part / 10..<windows.count * (part + 1) / 10
        let found = fraction(of: "a", among: "abc", in: text(corpus, windows, range))
        #expect(abs(found - wanted) < 0.04, "part \(part) of \(tokens): \(found)")
      }
    }
    #expect(corpus.configuration.dependsOnLength)
  }

  @Test("One task after the other: each has its own windows, and as many tokens as when shuffled")
  func byTask() throws {
    let shuffled = try corpus(Self.tasks)
    let ordered = try corpus(Self.tasks) { $0.order = .byTask }
    let (one, two) = (try shuffled.training(tokens: 64_000), try ordered.training(tokens: 64_000))
    #expect(one.count == two.count)
    let tasks = (0..<two.count).map { window in
      Set(text(ordered, two, window..<window + 1).filter { "abc".contains($0) })
    }
    #expect(tasks.allSatisfy { $0.count == 1 })
    #expect(tasks.compactMap(\.first) == tasks.compactMap(\.first).sorted())
    // Passages of b have four characters, of a three, of c two.
    let share = Double(tasks.count { $0 == ["b"] }) / Double(two.count)
    #expect(abs(share - 4 / (2 * 3 + 4 + 2)) < 0.02, "\(share)")
  }

  @Test("Validation has its own mixture and entropy; training does not change")
  func validationWeights() throws {
    let plain = try corpus(Self.tasks)
    let judged = try corpus(Self.tasks) { $0.validationWeights = ["b": 1] }
    let windows = judged.validation
    #expect(fraction(of: "b", among: "abc", in: text(judged, windows, 0..<windows.count)) == 1)
    // Two digits of ln 10 nats in four characters.
    let entropy = try #require(judged.validationEntropy)
    #expect(abs(entropy.total - log(10) / 2) < 0.01)
    #expect(entropy.tasks[0] == nil)
    #expect(try plain.training(tokens: 3200)[50] == judged.training(tokens: 3200)[50])
    #expect(plain.fingerprint != judged.fingerprint)
  }

  @Test("Noise replaces the given fraction of characters by others, keeps lines, and leaves validation alone")
  func noise() throws {
    let plain = try corpus(Self.people)
    let noisy = try corpus(Self.people) { $0.noise = 0.2 }
    let (clean, changed) = (try plain.training(tokens: 64_000), try noisy.training(tokens: 64_000))
    var (characters, replaced) = (0, 0)
    for window in 0..<clean.count {
      for (a, b) in zip(clean[window], changed[window]) {
        let isLineFeed = plain.tokenizer.bytes(of: Int(a)) == [10]
        #expect(!isLineFeed || a == b)
        if !isLineFeed { (characters, replaced) = (characters + 1, replaced + (a == b ? 0 : 1)) }
      }
    }
    #expect(abs(Double(replaced) / Double(characters) - 0.2) < 0.01)
    #expect(plain.validation[3] == noisy.validation[3])
    // The text costs as before, and each character but line feeds that of its noise.
    let alphabet = Double(plain.vocabulary - 1)
    let own = -0.2 * log(0.2) - 0.8 * log(0.8) + 0.2 * log(alphabet - 1)
    let entropy = try #require(try noisy.trainingEntropy(tokens: 64_000))
    let length = Double(characters) / Double(clean.count * 33)
    #expect(abs(entropy.mean - (try #require(plain.validationEntropy).total + own * length)) < 0.02)
    let folder = try TemporaryFolder()
    let lines = try folder.write(String(repeating: "A line of text.\n", count: 2000), to: "lines.txt")
    let file = try TokenizedCorpus(
      CorpusConfiguration(source: lines, validationTokens: 1000, noise: 0.5), context: 32)
    let own50 = text(file, try file.training(tokens: 10_000), 0..<300)
    #expect(own50.contains("\n") && !own50.contains("A line of text."))
  }

  @Test(
    "Junk is about strangers, whose pets are drawn anew; a tag tells it; the entropy is exact",
    arguments: [false, true])
  func junk(tagged: Bool) throws {
    let plain = try corpus(Self.people)
    let corpus = try corpus(Self.people, context: 64) { $0.junk = Junk(fraction: 0.6, isTagged: tagged) }
    let windows = try corpus.training(tokens: 400_000)
    let known = Set(
      text(plain, plain.validation, 0..<plain.validation.count).split(separator: "\n").filter {
        $0.hasSuffix(".")
      })
    #expect(known.count == 4)
    // Lines that a window does not cut.
    let lines = (0..<windows.count).flatMap { window in
      text(corpus, windows, window..<window + 1).split(separator: "\n").dropLast()
    }
    let strangers = lines.filter { !known.contains($0) }
    #expect(abs(Double(strangers.count) / Double(lines.count) - 0.6) < 0.02)
    #expect(strangers.allSatisfy { $0.hasPrefix("#") == tagged })
    var pets: [Substring: Set<Substring>] = [:]
    for line in strangers {
      let words = line.split(separator: " ")
      if let name = words.first, let pet = words.last { pets[name, default: []].insert(pet) }
    }
    // 2·(3 + 9 + 27) names, of which four are known.
    #expect(pets.count == 74 && pets.values.contains { $0.count > 1 })
    let own = (1...4).map { 1 / Double($0) }
    let names = own.map { 0.4 * $0 / own.reduce(0, +) } + Array(repeating: 0.6 / 74, count: 74)
    let weights = (1...5).map { pow(Double($0), -0.5) }
    let petsOfStrangers = weights.map { $0 / weights.reduce(0, +) }.reduce(0) { $0 - $1 * log($1) }
    let passage = names.reduce(0) { $0 - $1 * log($1) } + 0.6 * petsOfStrangers
    let length = Double(lines.reduce(0) { $0 + $1.count + 1 }) / Double(lines.count)
    let entropy = try #require(try corpus.trainingEntropy(tokens: 400_000))
    #expect(
      abs(entropy.mean - passage / length) < 5 * entropy.standardError, "\(entropy) \(passage / length)")
    #expect(entropy.standardError < 0.01)
  }

  @Test("Duplicates: each repeated window comes as often as asked for, the others once")
  func duplicates() throws {
    let corpus = try corpus(Self.tasks) { $0.duplicates = Duplicates(fraction: 0.3, times: 6) }
    let windows = try corpus.training(tokens: 32_000)
    #expect(windows.count == 1000 && windows.distinctCount == 750)
    var times: [Int: Int] = [:]
    for window in 0..<windows.count { times[windows.distinct(window), default: 0] += 1 }
    #expect(times.values.count { $0 == 6 } == 50 && times.values.count { $0 == 1 } == 700)
    let places = (0..<windows.count).filter { windows.distinct($0) == 7 }
    #expect(places.count == 6 && (places.last ?? 0) - (places.first ?? 0) > 200)
    #expect(Set(places.map { Array(windows[$0]) }).count == 1)
  }

  @Test("Easy windows first: the entropy rises, and the windows are those of the shuffled training")
  func easyFirst() throws {
    let plain = try corpus(Self.tasks)
    for order in [WindowOrder.easyFirst, .hardFirst] {
      let ordered = try corpus(Self.tasks) { $0.order = order }
      let (one, two) = (try plain.training(tokens: 16_000), try ordered.training(tokens: 16_000))
      #expect(
        (0..<one.count).map { Array(one[$0]) }.sorted { $0.lexicographicallyPrecedes($1) }
          == (0..<two.count).map { Array(two[$0]) }.sorted { $0.lexicographicallyPrecedes($1) })
      // Digits are what costs most.
      let digits = (0..<two.count).map { window in
        text(ordered, two, window..<window + 1).count { $0.isNumber }
      }
      let (first, last) = (digits.prefix(100).reduce(0, +), digits.suffix(100).reduce(0, +))
      #expect(order == .easyFirst ? 13 * first < 10 * last : 10 * first > 13 * last, "\(first) \(last)")
    }
  }

  @Test(
    "Knowledge: each fact is asked for once, with its frequency as its price, and its subject counted in training"
  )
  func knowledge() throws {
    let corpus = try corpus(Self.people)
    let probe = try corpus.knowledgeProbe()
    let facts = probe.facts.enumerated().flatMap { window, facts in facts.map { (window, $0) } }
    #expect(facts.map { $0.1.subject }.sorted() == [0, 1, 2, 3])
    let weights = (1...5).map { pow(Double($0), -0.5) }
    let names = ["ox", "emu", "lynx", "zebra", "beaver"]
    var seen: [Int: (name: String, pet: String)] = [:]
    for (window, fact) in facts {
      let tokens = Array(probe.windows[window])
      // The word and the full stop after it.
      let word = corpus.tokenizer.decode(tokens[(fact.targets.lowerBound + 1)...fact.targets.upperBound])
      let pet = try #require(names.firstIndex(of: String(word.dropLast())))
      #expect(word.hasSuffix("."))
      #expect(abs(fact.nats + log(weights[pet] / weights.reduce(0, +))) < 1e-9)
      let before = corpus.tokenizer.decode(tokens[...fact.targets.lowerBound])
      let line = try #require(before.split(separator: "\n").last)
      seen[fact.subject] = (String(line.prefix { $0 != " " }), String(word))
    }
    let windows = try corpus.training(tokens: 3200)
    let times = (0..<windows.count).map { 1 + $0 % 2 }
    let counted = try corpus.timesSeen(times)
    for (subject, fact) in seen {
      var expected = 0
      for window in 0..<windows.count {
        let lines = corpus.tokenizer.decode(windows[window]).split(
          separator: "\n", omittingEmptySubsequences: false)
        expected += times[window] * lines.dropLast().count { $0.hasPrefix(fact.name + " ") }
      }
      #expect(counted[0][subject] == expected, "\(fact)")
    }
  }

  @Test("Names are the words that facts are about, or all words, and their tail has the recipe's exponent")
  func names() throws {
    let many = Self.people.replacing(
      "[Ab, Ec], next: [la, mo, ni], most: 3}, size: 4, zipf: 1",
      with:
        "[Ab, Ec, Id, Of, Up], next: [la, mo, ni, ru, se, ta, vi, ko, du, pe], most: 4}, size: 50000, zipf: 1.4"
    )
    let named = try corpus(many, context: 64)
    let plain = try corpus(
      many.replacing("{pet_of of who}", with: "{it: pet}")
        .replacing("associations:\n  pet_of: {of: person, from: pet}\n", with: ""), context: 64)
    for (corpus, isName) in [(named, { $0.first?.isUppercase == true }), (plain, { (_: Substring) in true })]
    {
      let windows = try corpus.training(tokens: 1_000_000)
      let places = stride(from: 0, to: windows.count - 1, by: 2).map { $0 }
      var words: Set<Substring> = []
      for place in places {
        let text = corpus.tokenizer.decode(windows[place])
        let whole = text[...(text.lastIndex { !$0.isLetter } ?? text.startIndex)]
        words.formUnion(whole.split { !$0.isLetter }.filter(isName))
      }
      let names = corpus.names(in: windows, at: places)
      #expect(names.count(sharedWith: names) == words.count && words.count > 1000)
      let others = corpus.names(in: windows, at: places.map { $0 + 1 })
      #expect(names.count(sharedWith: others) < words.count)
      #expect(names.count(sharedWith: others) == others.count(sharedWith: names))
    }
    let windows = try named.training(tokens: 1_000_000)
    let exponent = try #require(named.names(in: windows, at: Array(0..<windows.count)).tailExponent)
    #expect(abs(exponent - 1.4) < 0.1)
    let few = try corpus(Self.people)
    #expect(few.names(in: few.validation, at: [0]).tailExponent == nil)
  }

  @Test(
    "Changes that do not go together, or that a text does not have, give one message",
    arguments: [0, 1, 2, 3, 4])
  func mistakes(index: Int) throws {
    let changes: [((inout CorpusConfiguration) -> Void, String)] = [
      (
        {
          $0.order = .byTask; $0.weightsAtEnd = ["a": 1]
        }, "cannot be combined: both determine the order"
      ),
      (
        {
          $0.order = .byTask; $0.duplicates = Duplicates(fraction: 0.5, times: 2)
        }, "`order`"
      ),
      ({ $0.junk = Junk(fraction: 0.5, isTagged: false) }, "junk needs a table of `syllables`"),
      ({ $0.weightsAtEnd = ["d": 1] }, "`weights_at_end` names the task `d`, which `r` does not have"),
      ({ $0.validationWeights = ["d": 1] }, "`validation_weights` names the task `d`"),
    ]
    let error = #expect(throws: SettingFault.self) { try corpus(Self.tasks, changes[index].0) }
    #expect(error?.description.contains(changes[index].1) == true, "\(String(describing: error))")
    if index == 0 {
      #expect(throws: SettingFault.self) { try corpus(Self.tasks, lanes: 4) { $0.order = .easyFirst } }
      #expect(throws: SettingFault.self) { try corpus(Self.tasks).knowledgeProbe() }
      #expect(throws: SettingFault.self) {
        try corpus("tasks:\n  a: {weight: 1, text: \"aaa\"}\n") { $0.noise = 0.5 }
      }
    }
  }
}
