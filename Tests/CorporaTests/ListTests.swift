import Corpora
import Files
import Foundation
import Testing

/// Lists: rules that are written several times in a passage, and what refers to them.
struct ListTests {
  /// Words with common prefixes and different frequencies, lists of several lengths with and without text between their
  /// items, and every placeholder of lists.
  static let recipe = """
    tables:
      bird: {words: [owl, owlet, ox], zipf: 1.5}
      nest: {words: [oak, elm], zipf: 0.7}
    rules:
      homes: {count: [1, 2], options: ["{who: new bird} in {where: nest}"]}
      pauses: {count: [0, 1, 2], between: "", options: ["Hm. ", {weight: 3, text: "So. "}]}
      flock: {count: [2, 3], between: "", options: ["{kind: bird};"]}
    tasks:
      recall: {weight: 2, text: "{homes}. {pauses}Where is {who in homes}? {where}. {who in homes}? {where}."}
      copying: {weight: 1, text: "A {flock} A {flock again}"}
      counting: {weight: 1, text: "Of {flock} {kind in flock}s: {count kind in flock}, {kind in flock}s: {count kind in flock}."}
    """

  private func zipf(_ words: [String], _ exponent: Double) -> [(String, Double)] {
    let weights = words.indices.map { pow(Double($0) + 1, -exponent) }
    return zip(words, weights).map { ($0, $1 / weights.reduce(0, +)) }
  }

  /// The probability of every passage, computed by hand from the recipe above.
  private func enumeration(birds: [(String, Double)], nests: [(String, Double)]) -> [String: Double] {
    var homes: [([(String, String)], Double)] = []
    for (bird, p) in birds {
      for (nest, q) in nests {
        homes.append(([(bird, nest)], p * q / 2))
        for (second, r) in birds where second != bird {
          for (other, s) in nests {
            let both: Double = p * q * r / (1 - p) * s
            homes.append(([(bird, nest), (second, other)], both / 2))
          }
        }
      }
    }
    let pauses: [(String, Double)] = [
      ("", 1 / 3.0), ("Hm. ", 1 / 12.0), ("So. ", 3 / 12.0), ("Hm. Hm. ", 1 / 48.0), ("Hm. So. ", 3 / 48.0),
      ("So. Hm. ", 3 / 48.0), ("So. So. ", 9 / 48.0),
    ]
    var passages: [String: Double] = [:]
    for (items, p) in homes {
      let list = items.map { "\($0) in \($1)" }.joined(separator: ", ")
      for (pause, q) in pauses {
        for first in items.indices {
          // The second question is about the other item, if there is one.
          let (a, b) = (items[first], items[items.count - 1 - first])
          let passage = "\(list). \(pause)Where is \(a.0)? \(a.1). \(b.0)? \(b.1).\n"
          passages[passage, default: 0] += 0.5 * p * q / Double(items.count)
        }
      }
    }
    var flocks: [([String], Double)] = [([], 1)]
    for length in 1...3 {
      let longer = flocks.filter { $0.0.count == length - 1 }.flatMap { flock, p in
        birds.map { (flock + [$0], p * $1) }
      }
      flocks += longer
    }
    for (flock, p) in flocks where flock.count >= 2 {
      let text = flock.map { "\($0);" }.joined()
      passages["A \(text) A \(text)\n", default: 0] += 0.25 * p / 2
      let counts = Dictionary(grouping: flock) { $0 }.mapValues(\.count)
      for (first, count) in counts {
        // Another kind, unless there is one kind only.
        for (second, other) in counts where second != first || counts.count == 1 {
          let rest = counts.count == 1 ? flock.count : flock.count - count
          let questions = Double(count) / Double(flock.count) * Double(other) / Double(rest)
          passages["Of \(text) \(first)s: \(count), \(second)s: \(other).\n", default: 0] +=
            0.25 * p / 2 * questions
        }
      }
    }
    return passages
  }

  @Test func everyByteCostsWhatEnumerationSays() throws {
    let folder = try TemporaryFolder()
    let text = try GeneratedText(recipe: folder.write(Self.recipe, to: "flocks.yaml"))
    let passages = enumeration(
      birds: zipf(text.tables[0].examples, 1.5), nests: zipf(text.tables[1].examples, 0.7))
    #expect(abs(passages.values.reduce(0, +) - 1) < 1e-12)
    var (prefixes, counts) = ([String: Double](), [String: Int]())
    for (passage, p) in passages {
      for end in passage.indices { prefixes[String(passage[...end]), default: 0] += p }
    }
    let (bytes, costs, _) = text.costs(bytes: 200_000, seed: 3)
    var (start, total) = (0, 0)
    while start < bytes.count {
      let end = try #require(bytes[start...].firstIndex(of: UInt8(ascii: "\n")))
      let passage = String(decoding: bytes[start...end], as: UTF8.self)
      if counts[passage] == nil {
        var before = 1.0
        for position in start...end {
          let prefix = String(decoding: bytes[start...position], as: UTF8.self)
          let after = try #require(prefixes[prefix], "`\(prefix)` has no passage")
          #expect(abs(costs[position] + log(after / before)) < 1e-9, "at the end of `\(prefix)`")
          before = after
        }
      }
      counts[passage, default: 0] += 1
      total += 1
      start = end + 1
    }
    #expect(counts.count > 150, "the text should show most of the \(passages.count) passages")
    // Passages are also as frequent as their probability says.
    for (passage, p) in passages {
      let expected = Double(total) * p
      #expect(abs(Double(counts[passage] ?? 0) - expected) < 5 * expected.squareRoot() + 1, "`\(passage)`")
    }
  }

  private func recall(validation: Int, context: Int, tokenizer: TokenizerConfiguration? = nil) throws
    -> TokenizedCorpus
  {
    try TokenizedCorpus(
      CorpusConfiguration(
        source: "\(corporaFolder)/owners.yaml", tokenizer: tokenizer, validationTokens: validation),
      context: context)
  }

  /// Reading the passage gives the same answers.
  @Test func answersAreRight() throws {
    let text = try GeneratedText(recipe: "\(corporaFolder)/owners.yaml")
    var lengths: [Substring: Set<Int>] = [:]
    for line in String(decoding: text.text(bytes: 200_000, seed: 1), as: UTF8.self).split(separator: "\n") {
      let task = line.prefix(3)
      let sentences = line.split(separator: ". ")
      var length = 0
      if task == "Ton" {
        let pairs = sentences[0].dropFirst("Tonight ".count).split(separator: ", ").map {
          $0.split(separator: " ")
        }
        let owners = Dictionary(uniqueKeysWithValues: pairs.map { ($0[2], $0[0]) })
        #expect(owners.count == pairs.count && Set(owners.values).count == pairs.count, "`\(line)`")
        let asked = line.matches(of: /Who has (\w+)\? (\w+)\./)
        #expect(asked.count == 2 && asked[0].output.1 != asked[1].output.1, "`\(line)`")
        for match in asked { #expect(owners[match.output.1] == match.output.2, "`\(line)`") }
        length = pairs.count
      } else if task == "Sin" {
        let notes = sentences[0].dropFirst("Sing ".count)
        #expect(line.hasSuffix("Again \(notes)."), "`\(line)`")
        length = notes.split(separator: " ").count
      } else {
        let match = try #require(line.firstMatch(of: /By came ([a-z ]+)\..*Number of (\w+)s: (\d+)\.$/))
        let herd = match.output.1.split(separator: " ")
        #expect(Int(match.output.3) == herd.count { $0 == match.output.2 }, "`\(line)`")
        length = herd.count
      }
      lengths[task, default: []].insert(length)
    }
    #expect(lengths == ["Ton": [2, 4, 8, 16], "Sin": [4, 8, 16], "By ": [4, 8, 16]])
  }

  /// Every answer is recorded for its task and its number of items, for any tokenizer, and costs nothing.
  @Test(arguments: ["characters", "bytes", "bytePairs(400)"]) func answersAreRecorded(name: String) throws {
    let corpus = try recall(validation: 100_000, context: 256, tokenizer: TokenizerConfiguration(name))
    #expect(
      corpus.tasks == [
        "recall", "copying", "counting", "recall_2", "recall_4", "recall_8", "recall_16", "copying_4",
        "copying_8",
        "copying_16", "counting_4", "counting_8", "counting_16",
      ])
    let entropy = try #require(corpus.validationEntropy)
    for index in corpus.tasks.indices {
      #expect(index < 3 ? (entropy.tasks[index] ?? 0) > 0.1 : entropy.tasks[index] == 0)
    }
    var found = [Int](repeating: 0, count: corpus.tasks.count)
    for window in 0..<corpus.validation.count {
      let tokens = Array(corpus.validation[window])
      for answer in corpus.validation.answers(ofWindow: window) {
        let group = try #require(answer.group)
        let before = corpus.tokenizer.decode(tokens[...answer.targets.lowerBound])
        let text = corpus.tokenizer.decode(
          tokens[(answer.targets.lowerBound + 1)...answer.targets.upperBound])
        let passage = try #require((before + text).split(separator: "\n").last)
        let items = passage.prefix { $0 != "." }.split(
          separator: corpus.tasks[answer.task] == "recall" ? "," : " ")
        let lead = ["recall": 0, "copying": 1, "counting": 2][corpus.tasks[answer.task]] ?? 0
        #expect(corpus.tasks[group] == "\(corpus.tasks[answer.task])_\(items.count - lead)")
        #expect(passage.hasSuffix(text.trimmingCharacters(in: .newlines)))
        if name == "characters" {
          let words = text.split(separator: " ").count
          #expect(text.hasSuffix(".") && words == (answer.task == 1 ? items.count - 1 : 1), "`\(text)`")
        }
        found[group] += 1
      }
    }
    #expect(found[3...].allSatisfy { $0 > 10 }, "\(found)")
  }

  /// A window that is too short for the questions has no answers.
  @Test func answersBeyondTheWindowDoNotCount() throws {
    let corpus = try recall(validation: 20_000, context: 96)
    let sixteen = try #require(corpus.tasks.firstIndex(of: "recall_16"))
    let answers = (0..<corpus.validation.count).flatMap { corpus.validation.answers(ofWindow: $0) }
    #expect(!answers.contains { $0.group == sixteen } && answers.contains { $0.group == sixteen - 3 })
    #expect(answers.allSatisfy { $0.targets.upperBound <= 96 })
    #expect(try #require(corpus.validationEntropy).tasks[sixteen] == nil)
  }

  /// Text must never change from one version or machine to the next, or records could not be compared.
  @Test func pinnedText() throws {
    let folder = try TemporaryFolder()
    let text = try GeneratedText(recipe: folder.write(Self.recipe, to: "flocks.yaml"))
    #expect(checksum(Data(text.text(bytes: 1000, seed: 7))) == "5b6b3492af5fbe7894056c8d87780874")
    #expect(text.text(bytes: 5000, seed: 7) == text.costs(bytes: 5000, seed: 7).bytes)
  }

  // MARK: Faults

  static let faults: [(rule: String, text: String, line: Int, words: [String])] = [
    ("{count: 4, options: [\"{a: new bird}\"]}", "{list}.", 4, ["4 items", "`bird`", "only 3"]),
    ("{count: -1, options: [x]}", "{list}.", 4, ["-1", "0 to 256"]),
    ("{count: 257, options: [x]}", "{list}.", 4, ["257", "0 to 256"]),
    ("{count: [2, 2], options: [x]}", "{list}.", 4, ["`list`", "differ"]),
    ("{count: 0, options: [x]}", "{list}.", 4, ["above 0"]),
    ("{count: 2.5, options: [x]}", "{list}.", 4, ["2.5"]),
    ("{count: 2, depth: 2, options: [x]}", "{list}.", 4, ["`depth`"]),
    ("{between: x, options: [x]}", "{list}.", 4, ["`between`", "no `count`"]),
    ("{counts: 2, options: [x]}", "{list}.", 4, ["counts", "count"]),
    ("{count: 2, options: [\"{new bird}\"]}", "{list}.", 4, ["not a placeholder"]),
    ("{count: 2, options: [\"{a: new brd}\"]}", "{list}.", 4, ["`brd`", "`bird`"]),
    ("{count: 2, options: [\"{a: new coin}\"]}", "{list}.", 4, ["`coin`", "1000 words"]),
    ("{count: 2, options: [\"{a: bird};\", \"x\"]}", "{list}.", 4, ["does not remember `a`"]),
    ("{count: 2, options: [\"{a: bird} {a in list}\"]}", "{list}.", 4, ["refers to the list itself"]),
    ("{count: 2, options: [\"({list})\"]}", "{list}.", 4, ["refers to the list itself"]),
    ("{count: [1, 2], options: [x]}", "{list}, y", 6, ["`,`", "`list`"]),
    ("{count: [1, 2], options: [x], between: \"\"}", "{list}x", 6, ["`x`", "`list`"]),
    ("{count: [0, 2], options: [x]}", "{list}x", 6, ["`x`", "`list`"]),
    ("{count: 2, options: [\"{a: bird};\"]}", "{b in list}.", 6, ["`b`", "`list`"]),
    ("{count: 2, options: [\"{a: bird};\"]}", "{list} {a in lst}.", 6, ["`lst`", "`list`"]),
    ("{count: 2, options: [\"{a: bird};\"]}", "{a in list} {list}.", 6, ["`a`", "not have been remembered"]),
    (
      "{count: [0, 2], options: [\"{a: bird};\"]}", "{list}. {count a in list}.", 6, ["`a`", "not have been"]
    ),
    ("{count: 2, options: [x]}", "{list again} {list}.", 6, ["`list`", "not have been written"]),
    (
      "{count: 2, options: [\"{a: bird};\"]}", "{a: bird} {list}", 6, ["`a`", "the list `list`", "two names"]
    ),
    ("{options: [x]}", "{list} {list again}.", 6, ["no list `list`"]),
    ("{options: [\"{a: new bird}\"]}", "{list}.", 4, ["`new bird`", "not in a list"]),
    ("{count: 256, options: [\"\(String(repeating: "x", count: 5000))\"]}", "{list}.", 4, ["1000000"]),
  ]

  @Test(arguments: faults.indices) func faultIsTold(index: Int) throws {
    let (rule, text, line, words) = Self.faults[index]
    let folder = try TemporaryFolder()
    let path = try folder.write(
      """
      tables: {bird: {words: [owl, ibis, tern]}, coin: {coined: {first: [a], next: [b, c]}, zipf: 1.5}}
      rules:
        other: {options: [y]}
        list: \(rule)
      tasks:
        f: {weight: 1, text: "\(text)"}
      """, to: "faulty.yaml")
    let error = try #require(throws: InputError.self) { try GeneratedText(recipe: path) }
    for word in words { #expect(error.description.contains(word), "\(error)") }
    #expect(error.file == path && error.line == line, "\(error)")
  }

  @Test func namesOfAnswersDoNotClash() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      """
      rules: {list: {count: 2, options: [x]}}
      tasks:
        f: {weight: 1, text: "{list} {list again}."}
        f_2: {weight: 1, text: "y"}
      """, to: "faulty.yaml")
    let error = try #require(throws: InputError.self) { try GeneratedText(recipe: path) }
    #expect(error.line == 3 && error.description.contains("`f_2`"), "\(error)")
  }
}
