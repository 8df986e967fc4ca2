import Corpora
import Files
import Foundation
import RandomNumbers
import Testing

struct CoinedWordsTests {
  /// Σ (k + offset)^−s over all k, naively: a long sum, and the integral beyond it by the midpoint rule.
  private static func zeta(_ s: Double, _ offset: Double) -> Double {
    let terms = 200_000
    let head = (0..<terms).reversed().reduce(0.0) { $0 + pow(Double($1) + offset, -s) }
    let end = Double(terms) + offset - 0.5
    return head + pow(end, 1 - s) / (s - 1)
  }

  @Test(
    "Ranks have the probabilities of Zipf's law, alone and summed over residue classes",
    arguments: [
      (1.05, 1.0), (1.3, 0.01), (1.5, 4), (2.5, 300), (4, 1),
    ])
  func probabilities(s: Double, offset: Double) {
    let law = EndlessZipf(exponent: s, offset: offset)
    // Zipf's law ends at 2^50, far beyond what any text shows but not negligible for exponents near 1.
    let end = Double(EndlessZipf.count) + offset - 0.5
    let total = Self.zeta(s, offset) - pow(end, 1 - s) / (s - 1)
    for rank in [0, 1, 2, 17, 1000, 1 << 20] {
      let expected = pow(Double(rank) + offset, -s) / total
      #expect(abs(law.probability(rank) / expected - 1) < 1e-8, "rank \(rank)")
    }
    for (first, step, terms) in [(0, 1, 3), (0, 1, 5000), (5, 7, 24), (5, 7, 25), (3, 60, 4000), (90, 4, 31)]
    {
      let expected = (0..<terms).reversed().reduce(0.0) { $0 + law.probability(first + $1 * step) }
      let sum = law.probability(from: first, to: first + (terms - 1) * step + 1, step: step)
      #expect(abs(sum / expected - 1) < 1e-11, "\(terms) ranks from \(first) by \(step)")
    }
    #expect(abs(law.probability(from: 0, to: EndlessZipf.count, step: 1) - 1) < 1e-12)
  }

  @Test("Drawn ranks occur as often as Zipf's law says", arguments: [(1.1, 1.0), (1.5, 0.2), (3.5, 40)])
  func draws(s: Double, offset: Double) {
    let law = EndlessZipf(exponent: s, offset: offset)
    let count = 200_000
    var random = SplitMix64(seed: 5)
    let ranks = (0..<count).map { _ in law.draw(random.next()) }
    for (low, high) in [
      (0, 1), (1, 2), (7, 8), (8, 30), (30, 1000), (1000, 1_000_000), (1_000_000, EndlessZipf.count),
    ] {
      let expected = Double(count) * law.probability(from: low, to: high, step: 1)
      let found = Double(ranks.count { $0 >= low && $0 < high })
      #expect(abs(found - expected) < 5 * expected.squareRoot() + 1, "ranks \(low) ..< \(high)")
    }
    #expect(law.draw(.max) == 0 && law.draw(0) > 0 && law.draw(0) < EndlessZipf.count)
  }

  /// The words, of syllables with common beginnings, up to a rank beyond which only 1e-10 of the probability lies.
  @Test("Every byte of a word costs what the sum over all words with the same beginning says")
  func costs() throws {
    let law = EndlessZipf(exponent: 4, offset: 0.5)
    let words = CoinedWords(
      first: ["A", "Be", "Bi"].map { Array($0.utf8) }, next: ["ka", "ko", "mu"].map { Array($0.utf8) },
      law: law,
      place: Words.Place(file: "", line: nil))
    let most = 2500
    let texts = (0..<most).map { String(decoding: words[$0], as: UTF8.self) + " " }
    #expect(Set(texts).count == most)
    #expect(texts.prefix(3).allSatisfy { $0.count <= 3 })
    func probability(of beginning: String) -> Double {
      texts.indices.reduce(0) { $0 + (texts[$1].hasPrefix(beginning) ? law.probability($1) : 0) }
    }
    for rank in [0, 1, 2, 3, 5, 11, 12, 40, 100] {
      let costs = Array(words.costs(rank))
      #expect(costs.count == texts[rank].utf8.count)
      var before = 1.0
      for (position, cost) in costs.enumerated() {
        let after = probability(of: String(texts[rank].prefix(position + 1)))
        #expect(abs(cost + log(after / before)) < 2e-4, "`\(texts[rank])` at \(position)")
        before = after
      }
      #expect(abs(costs.reduce(0, +) + log(law.probability(rank))) < 1e-9, "`\(texts[rank])`")
    }
    // `k` is followed by `a` or `o`, and `m` by nothing but `u`.
    let mu = try #require(texts.firstIndex { $0.hasSuffix("mu ") })
    #expect(Array(words.costs(mu)).dropLast().last == 0)
  }

  /// With a rule, an endless table and associates of its words, each passage occurs as often as its cost says.
  @Test func recipe() throws {
    let folder = try TemporaryFolder()
    let recipe = """
      tables:
        person: {coined: {first: [Ba, Do], next: [na, li, ro]}, zipf: 1.7, offset: 2}
        pet: {words: [owl, cat, hen], zipf: 1}
        thing: {coined: {first: [k, p], next: [a, o]}, zipf: 2}
      associations:
        love: {of: person, from: pet}
        tool: {of: person, from: thing, count: 3, zipf: 1}
      tasks:
        facts: {weight: 1, text: "{who: person} loves a {love of who}, {who} has {tool of who}."}
      """
    let text = try GeneratedText(recipe: folder.write(recipe, to: "people.yaml"))
    #expect(text.tables.map(\.size) == [nil, 3, nil])
    let (bytes, costs, _) = text.costs(bytes: 2_000_000, seed: 1)
    var found: [String: (count: Int, nats: Double)] = [:]
    var start = 0
    while start < bytes.count {
      let end = try #require(bytes[start...].firstIndex(of: UInt8(ascii: "\n")))
      let nats = costs[start...end].reduce(0, +)
      let passage = String(decoding: bytes[start..<end], as: UTF8.self)
      #expect(abs((found[passage]?.nats ?? nats) - nats) < 1e-9)
      found[passage, default: (0, nats)].count += 1
      start = end + 1
    }
    let total = Double(found.values.reduce(0) { $0 + $1.count })
    let known = found.values.filter { total * exp(-$0.nats) > 20 }
    #expect(known.count > 30)
    for (count, nats) in known {
      let expected = total * exp(-nats)
      #expect(abs(Double(count) - expected) < 5 * expected.squareRoot())
    }
    // A person has one love, whatever its rank.
    let loves = Dictionary(grouping: found.keys) { $0.split(separator: " ")[0] }
    #expect(loves.count > 1000)
    #expect(loves.values.allSatisfy { Set($0.map { $0.split(separator: " ")[3] }).count == 1 })
    #expect(Set(String(decoding: bytes, as: UTF8.self).unicodeScalars).isSubset(of: text.alphabet))
  }

  @Test(
    "A faulty table of coined words is refused at its line",
    arguments: [
      ("coined: {first: [a], next: [b, c]}", "zipf"), ("coined: {first: [a], next: [b, c]}, zipf: 1", "1.05"),
      ("coined: {first: [a], next: [b, c]}, zipf: 5", "1.05"),
      ("coined: {first: [a], next: [b, c]}, zipf: 2, size: 3", "unbounded"),
      ("coined: {first: [a], next: [b]}, zipf: 2", "two"),
      ("coined: {first: [a], next: [b, bc]}, zipf: 2", "`bc`"),
      ("coined: {first: [a, a], next: [b, c]}, zipf: 2", "`a`"),
      ("coined: {first: [a], next: []}, zipf: 2", "1000"),
      ("coined: {first: [a], next: [b, \"\"]}, zipf: 2", "bytes"), ("coined: {first: [a]}, zipf: 2", "next"),
      ("coined: {first: [a], next: [\".\", c]}, zipf: 2", "begins a syllable"),
      ("coined: {first: [a], next: [b, c], most: 2}, zipf: 2", "most"),
    ])
  func faults(table: String, part: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      "tables:\n  name: {\(table)}\ntasks: {names: {weight: 1, text: \"{name}.\"}}\n", to: "faulty.yaml")
    let error = try #require(throws: InputError.self) { try GeneratedText(recipe: path) }
    #expect(error.line == 2 && "\(error)".contains(part), "\(error)")
  }
}
