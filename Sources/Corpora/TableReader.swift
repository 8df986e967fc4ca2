import Files
import Foundation
import RandomNumbers

/// Reads the tables of a recipe. Words are given in the recipe, listed in a file, composed of syllables, coined without
/// bound, or numbers.
struct TableReader {
  /// The folder that the paths of word lists are relative to.
  let folder: String
  /// The junk of the text, and the tables whose words have associations.
  private let junk: Junk?
  private let associated: Set<String>
  /// Whether there was a table that can have strangers.
  private(set) var hasStrangers = false
  /// The contents of the word lists that were read.
  private(set) var lists: [String] = []
  /// The numbers of words and of bytes of the tables that were read.
  private var (wordCount, byteCount) = (0, 0)

  /// - Parameters:
  ///   - junk: The junk of the text; nil for none.
  ///   - associated: The tables whose words have associations.
  init(folder: String, junk: Junk? = nil, associated: Set<String> = []) {
    self.folder = folder
    self.junk = junk
    self.associated = associated
  }

  /// Reads the table that `value` describes.
  ///
  /// - Throws: `InputError` if it is invalid or exceeds `Recipe.Limits`.
  mutating func table(_ name: String, _ value: YAMLValue) throws -> Table {
    let map = try value.mapping(
      keys: ["words", "qualifiers", "syllables", "coined", "numbers", "size", "zipf", "offset"])
    let offset = try map["offset"]?.number(in: Recipe.Limits.offsets) ?? 1
    if let coined = map["coined"] {
      return try coinedWords(name, coined, in: map, of: value, offset: offset)
    }
    let size = try map["size"]?.integer(in: 1...Recipe.Limits.words)
    var numbers: ClosedRange<Int>?
    var words: Words
    /// The words and the strangers.
    var strangers: Words?
    switch (map["words"], map["syllables"], map["numbers"]) {
    case (let list?, nil, nil):
      words = try self.words(list, qualifiers: map["qualifiers"], size: size)
    case (nil, let syllables?, nil):
      guard let size else {
        throw value.error("a table with `syllables` needs a `size`", remedy: "Add for example `size: 1000`")
      }
      words = try madeUpWords(syllables, size: size)
      if junk != nil, associated.contains(name), words.count == size {
        let all = try madeUpWords(syllables, size: size + Junk.strangers)
        guard all.count > size else {
          throw syllables.error(
            "the syllables of `\(name)` make no word beyond its size \(size), and junk needs some",
            remedy: "Add syllables, or lower the size")
        }
        hasStrangers = true
        strangers = all
      }
    case (nil, nil, let range?):
      let ends = try range.list().map { try $0.integer(in: -1_000_000...1_000_000) }
      guard ends.count == 2, ends[0] <= ends[1], ends[1] - ends[0] < Recipe.Limits.words else {
        throw range.error(
          "expected the first and the last of at most \(Recipe.Limits.words) numbers",
          remedy: "Write for example `numbers: [0, 99]`")
      }
      numbers = ends[0]...ends[1]
      words = Words()
      for number in ends[0]...ends[1] { words.append("\(number)".utf8, from: Words.Place(range)) }
    default:
      throw value.error(
        "a table has exactly one of `words`, `syllables`, `coined` and `numbers`", remedy: "Keep one of them")
    }
    wordCount += words.count
    byteCount += words.bytes.count
    guard wordCount <= Recipe.Limits.words, byteCount <= Recipe.Limits.bytes else {
      throw value.error(
        "the tables have more than \(Recipe.Limits.words) words, or \(Recipe.Limits.bytes) bytes, together",
        remedy: "Give tables a smaller `size`")
    }
    if let long = (0..<words.count).first(where: { words[$0].count > Recipe.Limits.wordBytes }) {
      throw words.error(
        "a word of `\(name)` is longer than \(Recipe.Limits.wordBytes) bytes", at: long, remedy: "Shorten it")
    }
    if let size, size > words.count {
      throw (map["size"] ?? value).error(
        "`\(name)` has only \(words.count) words, and its size is \(size)",
        remedy: "Lower the size, or add words, qualifiers or syllables")
    }
    let exponent = try map["zipf"]?.number(in: 0...20) ?? 0
    if let junk, let strangers {
      return Table(
        name: name,
        words: junk.words(strangers, known: words.count, exponent: exponent, offset: offset),
        exponent: exponent, offset: offset, known: words.count)
    }
    return Table(
      name: name, words: ListedWords(words, exponent: exponent, offset: offset), exponent: exponent,
      offset: offset, numbers: numbers)
  }

  /// Reads a table of coined words.
  private func coinedWords(
    _ name: String, _ coined: YAMLValue, in map: [String: YAMLValue], of value: YAMLValue, offset: Double
  ) throws -> Table {
    for key in ["words", "qualifiers", "syllables", "numbers", "size"] {
      guard let other = map[key] else { continue }
      throw other.error(
        "`\(key)` does not apply to coined words, whose number is unbounded",
        remedy: "Keep `coined`, `zipf` and `offset` only")
    }
    let exponent = try value.required("zipf", in: map).number(in: EndlessZipf.exponents)
    let parts = try coined.mapping(keys: ["first", "next"])
    let (first, next) = (
      try syllables("first", in: parts, of: coined), try syllables("next", in: parts, of: coined)
    )
    for (syllables, key) in [(first, "first"), (next, "next")] {
      for (index, syllable) in syllables.enumerated() {
        guard
          let other = syllables.indices.first(where: { $0 != index && syllables[$0].starts(with: syllable) })
        else { continue }
        let (one, two) = (
          String(decoding: syllable, as: UTF8.self), String(decoding: syllables[other], as: UTF8.self)
        )
        throw (parts[key] ?? coined).error(
          "of the coined syllables `\(one)` and `\(two)` one begins like the other", remedy: "Remove one")
      }
    }
    guard next.count >= 2 else {
      throw coined.error("`next` needs at least two syllables", remedy: "Add some")
    }
    return Table(
      name: name,
      words: CoinedWords(
        first: first, next: next, law: EndlessZipf(exponent: exponent, offset: offset),
        place: Words.Place(coined)),
      exponent: exponent, offset: offset)
  }

  /// Returns the syllables in the list `key`.
  private func syllables(_ key: String, in map: [String: YAMLValue], of value: YAMLValue) throws -> [[UInt8]]
  {
    let list = try value.required(key, in: map)
    let syllables = try list.list().map { try Array($0.string().utf8) }
    guard (1...1000).contains(syllables.count) else {
      throw list.error("expected 1 to 1000 syllables, found \(syllables.count)")
    }
    guard syllables.allSatisfy({ (1...100).contains($0.count) }) else {
      throw list.error("syllables have 1 to 100 bytes", remedy: "Shorten or remove the others")
    }
    return syllables
  }

  /// Returns the words of a list or a file, followed by distinct pairs "qualifier word" until there are `size` of them.
  /// Shorter words come first, because frequent words are short in natural languages. Words of equal length are
  /// shuffled, and so are the pairs.
  private mutating func words(_ list: YAMLValue, qualifiers: YAMLValue?, size: Int?) throws -> Words {
    let plain = try self.list(list)
    let count = size ?? plain.count
    var words = Words()
    let order = Shuffle(count: plain.count, key: 1).enumerated()
      .map { (length: plain[$1].count, position: $0, word: $1) }
      .sorted { ($0.length, $0.position) < ($1.length, $1.position) }
    for (_, _, word) in order.prefix(count) { words.append(plain[word], from: plain.places[word]) }
    guard let qualifiers else { return words }
    let qualifier = try self.list(qualifiers)
    let pairs = plain.count * qualifier.count
    for pair in Shuffle(count: pairs, key: 2).prefix(max(0, count - plain.count)) {
      let (first, second) = (pair / plain.count, pair % plain.count)
      words.append(qualifier[first] + [UInt8(ascii: " ")] + plain[second], from: qualifier.places[first])
    }
    return words
  }

  /// Returns the words of an inline list, or of a file with one word on each line (`#` begins a comment line).
  private mutating func list(_ value: YAMLValue) throws -> Words {
    var words = Words()
    if value.isList {
      for word in try value.list() {
        let text = try word.string()
        guard !text.isEmpty else { throw word.error("an empty word", remedy: "Remove it") }
        words.append(text.utf8, from: Words.Place(word))
      }
    } else {
      let name = try value.string()
      let path = (folder as NSString).appendingPathComponent(name)
      guard isPath(path, below: [folder]), !name.hasPrefix("/") else {
        throw value.error(
          "the word list \(name) lies outside the recipe's folder",
          remedy: "Move it into that folder")
      }
      guard try FileAccess.exists(path) else {
        throw value.error(
          "no word list at \(path)", remedy: "Check the path, which is relative to the recipe")
      }
      let text = try FileAccess.readText(path)
      lists.append(text)
      for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
        let word = line.trimmingCharacters(in: .whitespaces)
        if word.isEmpty || word.hasPrefix("#") { continue }
        words.append(word.utf8, from: Words.Place(file: path, line: index + 1))
      }
    }
    guard words.count > 0 else { throw value.error("the list has no words", remedy: "Add at least one word") }
    return words
  }

  /// Returns the first `size` words that consist of one syllable of `first` and 1 to `most` syllables of `next`. Words
  /// with fewer syllables come first, and those with equally many are shuffled.
  private func madeUpWords(_ value: YAMLValue, size: Int) throws -> Words {
    let map = try value.mapping(keys: ["first", "next", "most"])
    let first = try syllables("first", in: map, of: value)
    let next = try syllables("next", in: map, of: value)
    let most = try map["most"]?.integer(in: 1...4) ?? 3
    // Many combinations may spell the same word, so the search for distinct ones is limited.
    var attempts = 2 * size + 1000
    var bytes = 2 * Recipe.Limits.bytes
    let place = Words.Place(value)
    var words = Words()
    var seen: Set<[UInt8]> = []
    var combinations = first.count
    for length in 1...most {
      combinations *= next.count
      for var index in Shuffle(count: combinations, key: mix(3, UInt64(length))) {
        guard words.count < size, attempts > 0, bytes > 0 else { return words }
        attempts -= 1
        var word = first[index % first.count]
        index /= first.count
        for _ in 0..<length {
          word += next[index % next.count]
          index /= next.count
        }
        bytes -= word.count
        if seen.insert(word).inserted { words.append(word, from: place) }
      }
    }
    return words
  }
}

extension Words.Place {
  init(_ value: YAMLValue) { self.init(file: value.file, line: value.line) }
}
