import Corpora
import Files
import Foundation
import Testing

struct RecipeTests {
  @Test func bundledRecipesReadAsText() throws {
    let recipes = try BundledCorpora.recipes()
    #expect(recipes["village"] != nil)
    for recipe in recipes.values {
      let text = try GeneratedText(recipe: recipe)
      let sample = String(decoding: text.text(bytes: 10_000, seed: 0), as: UTF8.self)
      #expect(sample.hasSuffix("\n"))
      #expect(Set(sample.unicodeScalars).isSubset(of: text.alphabet))
    }
  }

  /// The example in the description of the format is valid.
  @Test func documentedRecipeWorks() throws {
    let readme = try FileAccess.readText("\(corporaFolder)/README.md")
    let example = try #require(readme.firstMatch(of: /(?s)```yaml\n(.*?)```/)).output.1
    let folder = try TemporaryFolder()
    let text = try GeneratedText(recipe: folder.write(String(example), to: "pets.yaml"))
    let sample = String(decoding: text.text(bytes: 1000, seed: 0), as: UTF8.self)
    for line in sample.split(separator: "\n") {
      #expect(line.contains(/^(\w+ keeps a \w+|The \w+ \w+( and \w+){0,2} today)\.$/), "`\(line)`")
    }
  }

  /// A recipe that varies another one inherits its keys, and may use word lists beside both.
  @Test func variationsKeepTheRest() throws {
    let folder = try TemporaryFolder()
    _ = try folder.write("owl\nlark\n", to: "birds.txt")
    _ = try folder.write(
      """
      tables: {bird: {words: birds.txt, zipf: 1}, deed: {words: [sings, sleeps]}}
      tasks: {songs: {weight: 1, text: "{bird} {deed}."}, sums: {weight: 1, text: "1+1=2."}}
      """, to: "base.yaml")
    let varied = try GeneratedText(
      recipe: folder.write(
        "varies: base\ntables: {deed: {words: [flies]}}\ntasks: {sums: {weight: 0}}\n", to: "varied.yaml"))
    let sample = String(decoding: varied.text(bytes: 1000, seed: 0), as: UTF8.self)
    #expect(sample.split(separator: "\n").allSatisfy { $0.contains(/^(owl|lark) flies\.$/) }, "\(sample)")
    let wrong = try folder.write("varies: base\ntables: {deed: {size: 1, zip: 1}}\n", to: "wrong.yaml")
    let error = try #require(throws: InputError.self) { try GeneratedText(recipe: wrong) }
    #expect(error.file == wrong && error.line == 2, "\(error)")
    let missing = try folder.write("varies: bass\n", to: "missing.yaml")
    #expect(throws: InputError.self) { try GeneratedText(recipe: missing) }
  }

  @Test("Recipes with the keys of the first version are accepted, also as variations of others")
  func formerKeysAreRead() throws {
    let folder = try TemporaryFolder()
    let text = "tables: {bird: {words: [owl, lark]}}\ntasks: {songs: {weight: 2, text: \"{bird} sings.\"}}\n"
    let former = text.replacing("tasks", with: "families").replacing("weight", with: "share")
    let (new, old) = (try folder.write(text, to: "new.yaml"), try folder.write(former, to: "old.yaml"))
    let varied = try folder.write("varies: new\nfamilies: {songs: {text: \"{bird}!\"}}\n", to: "varied.yaml")
    let sample = { try GeneratedText(recipe: $0).text(bytes: 500, seed: 3) }
    #expect(try sample(new) == sample(old))
    #expect(String(decoding: try sample(varied), as: UTF8.self).contains("owl!"))
    let notes = try GeneratedText(recipe: old).notes
    #expect(
      notes.count == 2
        && notes[0].hasSuffix("old.yaml:2: `families` is called `tasks` now. The former name is still read."))
    #expect(try GeneratedText(recipe: new).notes.isEmpty)
    let both = try folder.write(text + "families: {}\n", to: "both.yaml")
    #expect(throws: InputError.self) { try GeneratedText(recipe: both) }
  }

  @Test func sameSeedSameText() throws {
    let text = try GeneratedText(recipe: "\(corporaFolder)/village.yaml")
    let a = text.text(bytes: 5000, seed: 1)
    #expect(a == text.text(bytes: 5000, seed: 1))
    #expect(a == text.costs(bytes: 5000, seed: 1).bytes)
    #expect(text.text(bytes: 20_000, seed: 1).starts(with: a))
    #expect(a != text.text(bytes: 5000, seed: 2))
    #expect(a != text.text(bytes: 5000, seed: 1, stream: .training))
  }

  /// Text must never change from one version or machine to the next, or records could not be compared.
  @Test func pinnedText() throws {
    let folder = try TemporaryFolder()
    let text = try GeneratedText(recipe: folder.write(EntropyTests.recipe, to: "birds.yaml"))
    #expect(checksum(Data(text.text(bytes: 1000, seed: 7))) == "3eeeb56af18e891cf2371eeb712eaf67")
  }

  /// A recipe may be untrusted: it can only read files below its own folder.
  @Test func nothingOutsideOfItsFolderIsRead() throws {
    let folder = try TemporaryFolder()
    let secret = try folder.write("secret\n", to: "secret.txt")
    _ = try folder.write("tasks: {f: {weight: 1, text: x}}\n", to: "base.yaml")
    _ = try folder.write("", to: "recipes/empty.txt")
    try FileManager.default.createSymbolicLink(
      atPath: "\(folder.path)/recipes/link.txt", withDestinationPath: secret)
    for list in ["../secret.txt", secret, "link.txt", "./../recipes/../secret.txt"] {
      let recipe = try folder.write(
        "tables: {a: {words: \(list)}}\ntasks: {f: {weight: 1, text: \"{a}\"}}\n", to: "recipes/a.yaml")
      let error = #expect(throws: InputError.self) { try GeneratedText(recipe: recipe) }
      #expect(error?.line == 1 && error?.message.contains("outside the recipe's folder") == true, "\(list)")
    }
    for base in ["../base", "\(folder.path)/base", "..", "a\\\\b"] {
      let recipe = try folder.write("varies: \"\(base)\"\n", to: "recipes/b.yaml")
      let error = #expect(throws: InputError.self) { try GeneratedText(recipe: recipe) }
      #expect(error?.line == 1 && error?.message.contains("is not a name") == true, "\(base)")
    }
  }

  /// Frequencies decrease with rank according to the recipe's exponent and offset.
  @Test func zipfTail() throws {
    let folder = try TemporaryFolder()
    let text = try GeneratedText(
      recipe: folder.write(
        """
        tables:
          number: {numbers: [0, 99], zipf: 1.2, offset: 3}
        tasks:
          counts: {weight: 1, text: "{number}"}
        """, to: "counts.yaml"))
    let numbers = String(decoding: text.text(bytes: 1_000_000, seed: 0), as: UTF8.self).split(separator: "\n")
    var counts = [Int](repeating: 0, count: 100)
    for number in numbers { counts[try #require(Int(number))] += 1 }
    let norm = (0..<100).reduce(0) { $0 + pow(Double($1) + 3, -1.2) }
    for (rank, count) in counts.enumerated() {
      let expected = Double(numbers.count) * pow(Double(rank) + 3, -1.2) / norm
      #expect(abs(Double(count) - expected) < 5 * expected.squareRoot(), "rank \(rank)")
    }
  }

  /// The passages of a task follow their template: sums are right, brackets match, facts never change.
  @Test func villageIsConsistent() throws {
    let text = try GeneratedText(recipe: "\(corporaFolder)/village.yaml")
    var facts: [Substring: Substring] = [:]
    var tasks: Set<Int> = []
    for line in String(decoding: text.text(bytes: 300_000, seed: 5), as: UTF8.self).split(separator: "\n") {
      if let match = line.wholeMatch(of: /(\d+)\+(\d+)=(\d+)\./) {
        #expect(Int(match.1).flatMap { a in Int(match.2).map { a + $0 } } == Int(match.3))
        tasks.insert(0)
      } else if line.hasPrefix("(") {
        var open: [Character] = []
        for character in line {
          switch character {
          case "(": open.append(")")
          case "[": open.append("]")
          case "<": open.append(">")
          case ")", "]", ">": #expect(open.popLast() == character)
          default: #expect("wxyz".contains(character))
          }
        }
        #expect(open.isEmpty)
        tasks.insert(1)
      } else if line.hasPrefix("The ") {
        tasks.insert(2)
      } else {
        let name = try #require(line.firstIndex(of: " ").map { line[..<$0] })
        #expect(facts[name] ?? line == line, "a fact has changed")
        facts[name] = line
        tasks.insert(3)
      }
    }
    #expect(tasks.count == 4)
    #expect(facts.count > 500)
  }

  // MARK: Faults

  static let tables = """
    tables:
      thing: {words: [oven, ovenbird, lamp]}
      deed: {words: [eats, sees]}
      number: {numbers: [1, 9]}
    associations:
      habit: {of: thing, from: deed}

    """

  static let faults: [(recipe: String, line: Int?, words: [String])] = [
    // Prefixes.
    ("tasks:\n  f: {weight: 1, text: \"{thing}bird\"}", 2, ["`oven`", "`ovenbird`", "prefix"]),
    ("tasks:\n  f: {weight: 1, text: \"{thing}{thing}.\"}", 2, ["`oven`", "`ovenbird`", "prefix"]),
    (
      "rules:\n  r:\n    options: [today, to]\ntasks:\n  f: {weight: 1, text: \"a{r}\"}", 9,
      ["`today`", "`to`"]
    ),
    (
      "rules:\n  r:\n    options:\n      - \"{thing} a\"\n      - \"{deed} b\"\n      - \"lump\"\ntasks:\n  f: {weight: 1, text: \"{r}\"}",
      12, ["begin with `l`"]
    ),
    (
      "tasks:\n  f: {weight: 1, text: \"the\"}\n  g: {weight: 1, text: \"the end\"}", 9,
      ["`the`", "`the end`"]
    ),
    // Names.
    ("taks:\n  f: {weight: 1, text: a}", 7, ["taks", "tasks"]),
    ("tasks:\n  f: {weigh: 1, text: a}", 8, ["weigh", "weight"]),
    ("tasks:\n  f: {weight: 1, text: \"{thin}.\"}", 8, ["`thin`", "`thing`"]),
    ("tasks:\n  f: {weight: 1, text: \"{a: thing} {habt of a}.\"}", 8, ["`habt`", "`habit`"]),
    ("tasks:\n  f: {weight: 1, text: \"{a: deed} {habit of a}.\"}", 8, ["`habit`", "`thing`", "`deed`"]),
    (
      "tasks:\n  f: {weight: 1, text: \"{habit of a} {a: thing}.\"}", 8,
      ["`a`", "not have been remembered"]
    ),
    ("tasks:\n  f: {weight: 1, text: \"{a: thing} {a: deed}.\"}", 8, ["`a`", "two names"]),
    ("tasks:\n  f: {weight: 1, text: \"{a: thing} {a + a}.\"}", 8, ["`a`", "number"]),
    ("tasks:\n  f: {weight: 1, text: \"{thing: thing}.\"}", 8, ["`thing`", "Rename"]),
    // Values.
    ("tasks:\n  f: {weight: -1, text: a}", 8, ["-1"]),
    ("tasks:\n  f: {weight: 0, text: a}", 8, ["weight"]),
    ("tasks:\n  f: {weight: 1, text: \"\"}", 8, ["empty"]),
    ("tasks:\n  f: {weight: 1, text: \"{thing\"}", 8, ["brace"]),
    ("tasks:\n  f: {weight: 1, text: \"{of of of of}\"}", 8, ["not a placeholder"]),
    ("tasks:\n  f: {weight: 1}", 8, ["`text`", "missing"]),
    // Recursion.
    (
      "rules:\n  r:\n    options: [\"({r})\", x]\ntasks:\n  f: {weight: 1, text: \"a{r}\"}", nil,
      ["`r`", "depth"]
    ),
    (
      "rules:\n  r:\n    depth: 2\n    options: [\"({r})\"]\ntasks:\n  f: {weight: 1, text: \"a{r}\"}", nil,
      ["`r`", "never ends"]
    ),
    (
      "rules:\n  r: {options: [\"({s})\", x]}\n  s: {options: [\"[{r}]\", y]}\ntasks:\n  f: {weight: 1, text: \"a{r}\"}",
      nil, ["`r`", "`s`", "each other"]
    ),
    // The same for rules that no passage uses, which once exhausted the stack.
    (
      "rules:\n  r: {options: [\"{s}\"]}\n  s: {options: [\"{r}\"]}\ntasks:\n  f: {weight: 1, text: a}",
      nil,
      ["`r`", "`s`", "each other"]
    ),
    // Passages without end.
    (
      "rules:\n  r:\n    depth: 64\n    options: [\"({r}{r})\", x]\ntasks:\n  f: {weight: 1, text: \"a{r}\"}",
      9,
      ["`r`", "1000000"]
    ),
    // Numbers that would overflow.
    (
      "rules:\n  r:\n    options: [{weight: 1e308, text: x}]\ntasks:\n  f: {weight: 1, text: \"a{r}\"}", 9,
      ["1e308"]
    ),
  ]

  @Test(arguments: faults.indices) func faultIsTold(index: Int) throws {
    let (recipe, line, words) = Self.faults[index]
    let folder = try TemporaryFolder()
    let path = try folder.write(Self.tables + recipe, to: "faulty.yaml")
    let error = try #require(throws: InputError.self) { try GeneratedText(recipe: path) }
    for word in words { #expect(error.description.contains(word), "\(error)") }
    #expect(error.file == path && error.line != nil, "\(error)")
    if let line { #expect(error.line == line, "\(error)") }
  }

  static let faultyTables: [(table: String, words: [String])] = [
    ("{words: [a, b], size: 3}", ["only 2 words"]),
    ("{words: [a, b, a]}", ["`a`", "twice"]),
    ("{words: []}", ["no words"]),
    ("{words: [a, \"\"]}", ["empty"]),
    ("{words: missing.txt}", ["no word list"]),
    ("{words: [a], zipf: -1}", ["-1"]),
    ("{words: [a], zipf: steep}", ["`steep`"]),
    ("{words: [a], zip: 1}", ["`zip`", "`zipf`"]),
    ("{words: [a], offset: 0}", ["0.001 to 1000000000"]),
    ("{words: [a], numbers: [1, 2]}", ["exactly one"]),
    ("{size: 3}", ["exactly one"]),
    ("{numbers: [5, 1]}", ["first and the last"]),
    ("{syllables: {first: [Pa], next: [su]}}", ["`size`"]),
    ("{syllables: {first: [Pa], next: [su], most: 2}, size: 5}", ["only 2 words"]),
    ("{syllables: {first: [a], next: [a, aa, aaa], most: 4}, size: 50000}", ["only 12 words"]),
    ("{syllables: {first: [a], next: [\"\"]}, size: 5}", ["1 to 100 bytes"]),
    ("{words: [a, b], zipf: 20, offset: 1e-300}", ["1e-300", "0.001 to"]),
    ("{words: [a, b], zipf: 20, offset: 1e300}", ["1e300", "0.001 to"]),
    ("{numbers: [-1000000, 1000000]}", ["100000 numbers"]),
    ("{words: [\(String(repeating: "a", count: 2000))]}", ["longer than 1000 bytes"]),
  ]

  @Test(arguments: faultyTables.indices) func faultyTableIsTold(index: Int) throws {
    let (table, words) = Self.faultyTables[index]
    let folder = try TemporaryFolder()
    let path = try folder.write(
      "tables:\n  t: \(table)\ntasks:\n  f: {weight: 1, text: \"{t}\"}\n", to: "faulty.yaml")
    let error = try #require(throws: InputError.self) { try GeneratedText(recipe: path) }
    for word in words { #expect(error.description.contains(word), "\(error)") }
    #expect(error.file == path && error.line == 2, "\(error)")
  }

  /// An error in a word list names the line of the list.
  @Test func faultInWordListIsTold() throws {
    let folder = try TemporaryFolder()
    let list = try folder.write("# Birds\nowl\nibis\nowl eagle\n", to: "lists/birds.txt")
    let path = try folder.write(
      "tables:\n  bird: {words: lists/birds.txt}\ntasks:\n  f: {weight: 1, text: \"{bird} sings\"}\n",
      to: "faulty.yaml")
    let error = try #require(throws: InputError.self) { try GeneratedText(recipe: path) }
    #expect(error.file == list && error.line != nil)
    #expect(error.description.contains("`owl`") && error.description.contains("`owl eagle`"), "\(error)")
  }
}
