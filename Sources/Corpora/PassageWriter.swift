import Foundation

/// Generates passages of a grammar from a random stream, optionally with the cost of each byte.
struct PassageWriter {
  /// Text that a list determines: a word of an item, a number of items, or the list again.
  struct Answer {
    /// The positions of its bytes.
    let bytes: Range<Int>
    /// The number of items of the list.
    let items: Int
  }

  /// A word that an association determines.
  struct Associate {
    let association: Int
    /// The word that it belongs to, as an index of its table.
    let subject: Int
    /// The positions of its bytes.
    let bytes: Range<Int>
    /// Its cost in nats for a reader who does not know the association.
    let nats: Double
  }

  /// A list of the present passage.
  private struct List {
    /// The values of all variables at the end of each item.
    var items: [[Int]] = []
    /// The items that may be chosen next: those that were not chosen before.
    var open: [Int] = []
    /// The positions of its bytes.
    var bytes = 0..<0
  }

  private let grammar: Grammar
  /// The choice of a passage's task.
  var tasks: Grammar.Choice
  private var random: RandomStream
  private let countsCosts: Bool
  /// The generated text, UTF-8.
  private(set) var bytes: [UInt8] = []
  /// The cost of each byte in nats: −log of its probability given all bytes before it.
  private(set) var costs: [Double] = []
  /// The part of the next byte's cost that is already known: the byte reveals the end of the previous word, or the
  /// option that begins.
  private var pending = 0.0
  /// The word that each variable remembers.
  private var variables: [Int]
  /// The present nesting depth of each rule in itself.
  private var depths: [Int]
  /// The answers in the generated text, where costs are counted.
  private(set) var answers: [Answer] = []
  /// The lists, by index of their rules.
  private var lists: [List]
  /// A word that is given, and the variable that remembers it.
  private var given: (word: Int, variable: Int)?
  /// The associated words in the generated text, where costs are counted or `recordsAssociates`.
  private(set) var associates: [Associate] = []
  /// Whether associated words are recorded though costs are not counted.
  var recordsAssociates = false

  init(_ grammar: Grammar, random: RandomStream, costs: Bool) {
    self.grammar = grammar
    tasks = grammar.rules[0].all
    self.random = random
    countsCosts = costs
    variables = Array(repeating: 0, count: grammar.variables.count)
    depths = Array(repeating: 0, count: grammar.rules.count)
    lists = Array(repeating: List(), count: grammar.rules.count)
  }

  /// Discards the generated text and continues with another random stream.
  mutating func restart(random: RandomStream) {
    self.random = random
    discard()
  }

  /// Discards the generated text.
  mutating func discard() {
    bytes.removeAll(keepingCapacity: true)
    costs.removeAll(keepingCapacity: true)
    answers.removeAll(keepingCapacity: true)
    associates.removeAll(keepingCapacity: true)
  }

  /// Appends a passage and its line feed. Returns the index of its task.
  mutating func writePassage() -> Int {
    let task = write(rule: 0)
    write(fixed: [UInt8(ascii: "\n")])
    return task
  }

  /// Returns a passage of a task in which a variable remembers a given word. It replaces the generated text.
  mutating func write(task: Int, with word: Int, in variable: Int) -> (
    bytes: [UInt8], associates: [Associate]
  ) {
    discard()
    given = (word, variable)
    for step in grammar.rules[0].steps[task] { write(step) }
    write(fixed: [UInt8(ascii: "\n")])
    given = nil
    return (bytes, associates)
  }

  /// Writes an option of a rule. Returns its index.
  @discardableResult
  private mutating func write(rule index: Int) -> Int {
    depths[index] += 1
    let isLast = depths[index] >= grammar.rules[index].depth
    let bits = random.next()
    let option =
      index == 0
      ? tasks.draw(bits)
      : isLast ? grammar.rules[index].last.draw(bits) : grammar.rules[index].all.draw(bits)
    let steps = grammar.rules[index].steps[option]
    var first = 0
    if countsCosts {
      let costs =
        index == 0
        ? tasks.costs[option]
        : isLast ? grammar.rules[index].last.costs[option] : grammar.rules[index].all.costs[option]
      if case .literal(let head) = steps[0] {
        write(head, costs: costs[...])
        first = 1
      } else {
        pending += costs[0]
      }
    }
    for position in first..<steps.count { write(steps[position]) }
    depths[index] -= 1
    return option
  }

  private mutating func write(_ step: Grammar.Step) {
    switch step {
    case .literal(let text):
      write(fixed: text)
    case .word(let table, let remember):
      let drawn = grammar.tables[table].words.draw(random.next())
      let word = given.flatMap { $0.variable == remember ? $0.word : nil } ?? drawn
      if let remember { variables[remember] = word }
      write(word: word, of: grammar.tables[table])
    case .again(let variable, let remember):
      let word = variables[variable]
      if let remember { variables[remember] = word }
      let text = grammar.tables[grammar.variables[variable].table].words[word]
      if let list = grammar.variables[variable].list, depths[list] == 0 {
        write(answer: text, from: list)
      } else {
        write(fixed: text)
      }
    case .associate(let association, let variable, let remember):
      let own = grammar.tables[grammar.variables[variable].table]
      let (start, subject) = (bytes.count, variables[variable])
      let word: Int
      if own.isStranger(variables[variable]) {
        let table = grammar.tables[grammar.associations[association].from]
        word = table.words.draw(random.next())
        write(word: word, of: table)
      } else {
        word = write(associateOf: variables[variable], by: association)
        if countsCosts || recordsAssociates {
          let table = grammar.tables[grammar.associations[association].from]
          associates.append(
            Associate(
              association: association, subject: subject, bytes: start..<bytes.count,
              nats: countsCosts ? table.words.costs(word).reduce(0, +) : 0))
        }
      }
      if let remember { variables[remember] = word }
    case .sum(let a, let b):
      write(fixed: Array(String(number(a) + number(b)).utf8))
    case .rule(let rule):
      if let list = grammar.rules[rule].list { write(list, rule: rule) } else { write(rule: rule) }
    case .newWord(let table, let remember):
      write(newWordOf: grammar.tables[table], remember: remember)
    case .item(let variable):
      if let list = grammar.variables[variable].list { write(itemOf: list, variable) }
    case .count(let variable):
      guard let list = grammar.variables[variable].list else { return }
      let count = lists[list].items.count { $0[variable] == variables[variable] }
      write(answer: Array(String(count).utf8), from: list)
    case .repeated(let list):
      write(answer: Array(bytes[lists[list].bytes]), from: list)
    }
  }

  private func number(_ variable: Int) -> Int {
    (grammar.tables[grammar.variables[variable].table].numbers?.lowerBound ?? 0) + variables[variable]
  }

  // MARK: Lists

  private mutating func write(_ list: Grammar.List, rule: Int) {
    let start = bytes.count
    lists[rule] = List()
    let count = list.counts[Int(random.next().multipliedFullWidth(by: UInt64(list.counts.count)).high)]
    for item in 0..<count {
      if countsCosts { pending += list.cost(after: item, goesOn: true) }
      if item > 0 { write(fixed: list.between) }
      write(rule: rule)
      lists[rule].items.append(variables)
    }
    if countsCosts { pending += list.cost(after: count, goesOn: false) }
    lists[rule].bytes = start..<bytes.count
  }

  /// Writes and remembers a word that no item of the present list remembers yet. The others keep their relative
  /// probabilities.
  private mutating func write(newWordOf table: Table, remember variable: Int) {
    guard let list = grammar.variables[variable].list, var rest = table.words.probabilities else { return }
    for item in lists[list].items { rest[item[variable]] = 0 }
    let word = draw(rest)
    variables[variable] = word
    guard countsCosts else { return bytes.append(contentsOf: table.words[word]) }
    let candidates = rest.indices.filter { rest[$0] > 0 }.map {
      (word: table.words[$0], probability: rest[$0])
    }
    write(table.words[word], costs: Self.costs(of: table.words[word], among: candidates)[...])
  }

  /// Writes a variable's word in an item that was not chosen before, or in any item when all were. Remembers the word,
  /// and all words of the item if the word tells it apart.
  private mutating func write(itemOf list: Int, _ variable: Int) {
    if lists[list].open.isEmpty { lists[list].open = Array(lists[list].items.indices) }
    let (items, open) = (lists[list].items, lists[list].open)
    let words = grammar.tables[grammar.variables[variable].table].words
    let chosen = items[open[Int(random.next().multipliedFullWidth(by: UInt64(open.count)).high)]]
    let word = chosen[variable]
    if countsCosts {
      let candidates = open.map { (word: words[items[$0][variable]], probability: 1 / Double(open.count)) }
      write(words[word], costs: Self.costs(of: words[word], among: candidates)[...])
    } else {
      bytes.append(contentsOf: words[word])
    }
    lists[list].open.removeAll { items[$0][variable] == word }
    variables[variable] = word
    guard grammar.variables[variable].isDistinct else { return }
    for own in grammar.rules[list].list?.variables ?? [] { variables[own] = chosen[own] }
  }

  /// Writes text that a list determines.
  private mutating func write(answer text: some Collection<UInt8>, from list: Int) {
    let start = bytes.count
    write(fixed: text)
    guard countsCosts else { return }
    answers.append(Answer(bytes: start..<bytes.count, items: lists[list].items.count))
  }

  /// Returns an index with probability ∝ its weight.
  private mutating func draw(_ weights: [Double]) -> Int {
    var rest = Double(random.next() >> 11) * 0x1p-53 * weights.reduce(0, +)
    var last = 0
    for (index, weight) in weights.enumerated() where weight > 0 {
      last = index
      if rest < weight { break }
      rest -= weight
    }
    return last
  }

  // MARK: Costs

  /// Writes text that is determined by the text before it.
  private mutating func write(fixed text: some Collection<UInt8>) {
    bytes.append(contentsOf: text)
    guard countsCosts, !text.isEmpty else { return }
    costs.append(pending)
    pending = 0
    costs.append(contentsOf: repeatElement(0, count: text.count - 1))
  }

  /// Writes text with the cost of each byte and of the byte after it.
  private mutating func write(_ text: some Collection<UInt8>, costs option: ArraySlice<Double>) {
    bytes.append(contentsOf: text)
    for cost in option.dropLast() {
      costs.append(pending + cost)
      pending = 0
    }
    pending = option[option.endIndex - 1]
  }

  private mutating func write(word: Int, of table: Table) {
    guard countsCosts else { return bytes.append(contentsOf: table.words[word]) }
    write(table.words[word], costs: table.words.costs(word))
  }

  private mutating func write(associateOf word: Int, by index: Int) -> Int {
    let table = grammar.tables[grammar.associations[index].from]
    let rank = grammar.associations[index].ranks.draw(random.next())
    let chosen = grammar.associations[index].associate(rank, of: word, in: table)
    let text = table.words[chosen]
    guard countsCosts else {
      bytes.append(contentsOf: text)
      return chosen
    }
    let association = grammar.associations[index]
    // Associates of different ranks may be the same word, so probabilities are summed by the text that they write.
    let candidates = (0..<association.ranks.count).map { rank in
      (
        word: table.words[association.associate(rank, of: word, in: table)],
        probability: association.ranks.probabilities[rank]
      )
    }
    write(text, costs: Self.costs(of: text, among: candidates)[...])
    return chosen
  }

  /// Returns the cost of each byte of a word, and of the byte after it, where one of `candidates` is written with
  /// probability ∝ its own. Candidates may be equal.
  private static func costs(
    of text: ArraySlice<UInt8>, among candidates: [(word: ArraySlice<UInt8>, probability: Double)]
  ) -> [Double] {
    var candidates = candidates
    return (0...text.count).map { depth in
      let before = candidates.count
      let mass = candidates.reduce(0) { $0 + $1.probability }
      let next = text.dropFirst(depth).first
      candidates.removeAll { $0.word.dropFirst(depth).first != next }
      let part = candidates.reduce(0) { $0 + $1.probability }
      return candidates.count == before ? 0 : log(mass / part)
    }
  }
}
