import Foundation

/// Generates passages of a grammar from a random stream, optionally with the cost of each byte.
struct PassageWriter {
  private let grammar: Grammar
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

  init(_ grammar: Grammar, random: RandomStream, costs: Bool) {
    self.grammar = grammar
    self.random = random
    countsCosts = costs
    variables = Array(repeating: 0, count: grammar.variables.count)
    depths = Array(repeating: 0, count: grammar.rules.count)
  }

  /// Discards the generated text and continues with another random stream.
  mutating func restart(random: RandomStream) {
    self.random = random
    bytes.removeAll(keepingCapacity: true)
    costs.removeAll(keepingCapacity: true)
  }

  /// Appends a passage and its line feed. Returns the index of its task.
  mutating func writePassage() -> Int {
    let task = write(rule: 0)
    write(fixed: [UInt8(ascii: "\n")])
    return task
  }

  /// Writes an option of a rule. Returns its index.
  @discardableResult
  private mutating func write(rule index: Int) -> Int {
    depths[index] += 1
    let isLast = depths[index] >= grammar.rules[index].depth
    let bits = random.next()
    let option = isLast ? grammar.rules[index].last.draw(bits) : grammar.rules[index].all.draw(bits)
    let steps = grammar.rules[index].steps[option]
    var first = 0
    if countsCosts {
      let costs = isLast ? grammar.rules[index].last.costs[option] : grammar.rules[index].all.costs[option]
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
      let word = grammar.tables[table].words.draw(random.next())
      if let remember { variables[remember] = word }
      write(word: word, of: grammar.tables[table])
    case .again(let variable, let remember):
      let word = variables[variable]
      if let remember { variables[remember] = word }
      write(fixed: grammar.tables[grammar.variables[variable].table].words[word])
    case .associate(let association, let variable, let remember):
      let word = write(associateOf: variables[variable], by: association)
      if let remember { variables[remember] = word }
    case .sum(let a, let b):
      write(fixed: Array(String(number(a) + number(b)).utf8))
    case .rule(let rule):
      write(rule: rule)
    }
  }

  private func number(_ variable: Int) -> Int {
    (grammar.tables[grammar.variables[variable].table].numbers?.lowerBound ?? 0) + variables[variable]
  }

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
    var candidates = (0..<association.ranks.count).map { rank in
      (
        word: table.words[association.associate(rank, of: word, in: table)],
        probability: association.ranks.probabilities[rank]
      )
    }
    var option: [Double] = []
    for depth in 0...text.count {
      let before = candidates.count
      let mass = candidates.reduce(0) { $0 + $1.probability }
      let next = text.dropFirst(depth).first
      candidates.removeAll { $0.word.dropFirst(depth).first != next }
      let part = candidates.reduce(0) { $0 + $1.probability }
      option.append(candidates.count == before ? 0 : log(mass / part))
    }
    write(text, costs: option[...])
    return chosen
  }
}
