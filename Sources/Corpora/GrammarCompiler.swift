import Files
import Foundation

/// Resolves the names of a recipe and checks it. Every fault is told with the line of the recipe or of the
/// word list that it stands on.
struct GrammarCompiler {
  let recipe: Recipe
  private(set) var associations: [Grammar.Association] = []
  private(set) var variables: [(name: String, table: Int)] = []
  private let rules: [Recipe.Rule]
  private var stepsOfRule: [[[Grammar.Step]]] = []

  private var tableNames: [String] { recipe.tables.map(\.name) }
  private var ruleNames: [String] { rules.map(\.name) }

  init(_ recipe: Recipe) throws {
    self.recipe = recipe
    let root = Recipe.Rule(
      name: "families", depth: nil,
      options: recipe.families.map { Recipe.Option(weight: $0.share, template: $0.template) }, line: nil)
    rules = [root] + recipe.rules
  }

  mutating func compile() throws -> [Grammar.Rule] {
    try checkNames()
    associations = try recipe.associations.map { association in
      Grammar.Association(
        name: association.name, of: try index(association.of, among: tableNames, what: "table"),
        from: try index(association.from, among: tableNames, what: "table"),
        ranks: Distribution(
          zipf: association.exponent, offset: association.offset, count: association.count),
        key: stableHash(association.name))
    }
    try findVariables()
    stepsOfRule = try rules.map { try $0.options.map { try steps($0.template) } }
    try checkRecursion()
    var checked: [AssignmentKey: Set<Int>] = [:]
    _ = try assigned(afterRule: 0, given: [], checked: &checked)
    try checkWordsEnd()
    return try rules.indices.map { try grammarRule($0) }
  }

  // MARK: Names

  private func index(_ value: YAMLValue, among names: [String], what: String) throws -> Int {
    try index(value.string(), among: names, what: what, at: value)
  }

  private func index(_ name: String, among names: [String], what: String, at value: YAMLValue) throws -> Int {
    if let index = names.firstIndex(of: name) { return index }
    let near = nearestName(to: name, among: names)
    throw value.error("there is no \(what) `\(name)`", remedy: near.map { "The nearest name is `\($0)`" })
  }

  private func checkNames() throws {
    for rule in recipe.rules where tableNames.contains(rule.name) || rule.name == "families" {
      throw InputError(
        "the rule `\(rule.name)` has the name of something else", file: recipe.file, line: rule.line,
        remedy: "Name it otherwise")
    }
  }

  /// Gives each remembered name its table. A copy `{a: b}` may stand before the line that first tells what
  /// `b` is, so that the gaps are gone through until nothing is new.
  private mutating func findVariables() throws {
    var open: [(name: String, source: Template.Source, value: YAMLValue)] = []
    for option in rules.flatMap(\.options) {
      for case .gap(let name?, let source) in option.template.parts {
        open.append((name, source, option.template.value))
      }
    }
    var progress = true
    while progress, !open.isEmpty {
      progress = false
      for (name, source, value) in open {
        guard let table = table(of: source) else { continue }
        guard !tableNames.contains(name), !ruleNames.contains(name) else {
          throw value.error("`\(name)` is remembered, but is also a table or rule", remedy: "Rename one")
        }
        if let known = variables.first(where: { $0.name == name }) {
          guard known.table == table else {
            throw value.error(
              "`\(name)` is remembered from the table `\(tableNames[table])` here and from "
                + "`\(tableNames[known.table])` elsewhere", remedy: "Use two names")
          }
        } else {
          variables.append((name, table))
        }
        progress = true
      }
      open.removeAll { table(of: $0.source) != nil }
    }
    for (_, source, value) in open {
      switch source {
      case .named(let name):
        if ruleNames.contains(name) {
          throw value.error("the rule `\(name)` cannot be remembered", remedy: "Remember a word inside of it")
        }
        throw unknown(name, at: value)
      case .associate(let name, _):
        _ = try index(name, among: associations.map(\.name), what: "association", at: value)
      case .sum: break
      }
    }
  }

  /// The table that a gap's word is of, as far as it is known.
  private func table(of source: Template.Source) -> Int? {
    switch source {
    case .named(let name):
      tableNames.firstIndex(of: name) ?? variables.first { $0.name == name }?.table
    case .associate(let name, _): associations.first { $0.name == name }?.from
    case .sum: nil
    }
  }

  private func unknown(_ name: String, at value: YAMLValue) -> InputError {
    let near = nearestName(to: name, among: tableNames + ruleNames.dropFirst() + variables.map(\.name))
    return value.error(
      "there is no table, rule or remembered word `\(name)`",
      remedy: near.map { "The nearest name is `\($0)`" })
  }

  // MARK: Steps

  private func steps(_ template: Template) throws -> [Grammar.Step] {
    let value = template.value
    let names = variables.map(\.name)
    return try template.parts.map { part in
      switch part {
      case .text(let text): return .literal(Array(text.utf8))
      case .gap(let name, .named(let source)):
        let remember = name.flatMap { names.firstIndex(of: $0) }
        if let table = tableNames.firstIndex(of: source) { return .word(table: table, remember: remember) }
        if let variable = names.firstIndex(of: source) {
          return .again(variable: variable, remember: remember)
        }
        if let rule = ruleNames.dropFirst().firstIndex(of: source) { return .rule(rule) }
        throw unknown(source, at: value)
      case .gap(let name, .associate(let source, let of)):
        let association = try index(
          source, among: associations.map(\.name), what: "association", at: value)
        let variable = try index(of, among: names, what: "remembered word", at: value)
        guard variables[variable].table == associations[association].of else {
          throw value.error(
            "`\(source)` is of the table `\(tableNames[associations[association].of])`, but `\(of)` is of "
              + "`\(tableNames[variables[variable].table])`", remedy: "Give it a word of its own table")
        }
        return .associate(
          association: association, of: variable, remember: name.flatMap { names.firstIndex(of: $0) })
      case .gap(_, .sum(let a, let b)):
        let terms = try [a, b].map { name in
          let variable = try index(name, among: names, what: "remembered number", at: value)
          guard recipe.tables[variables[variable].table].numbers != nil else {
            throw value.error("`\(name)` is not a number", remedy: "Sum words of tables with `numbers`")
          }
          return variable
        }
        return .sum(terms[0], terms[1])
      }
    }
  }

  // MARK: Checks

  private func uses(_ rule: Int) -> Set<Int> {
    Set(stepsOfRule[rule].joined().compactMap { if case .rule(let used) = $0 { used } else { nil } })
  }

  /// A rule may use itself only directly and with a `depth`, and needs an option that does not.
  private func checkRecursion() throws {
    func visit(_ rule: Int, path: [Int]) throws {
      for used in uses(rule).sorted() where used != rule {
        guard !path.contains(used) else {
          throw InputError(
            "the rules \((path + [used]).map { "`\(ruleNames[$0])`" }.joined(separator: ", ")) use each other",
            file: recipe.file, line: rules[used].line, remedy: "A rule may use itself, but not in a round")
        }
        try visit(used, path: path + [used])
      }
    }
    try visit(0, path: [0])
    for (index, rule) in rules.enumerated().dropFirst() {
      let recursive = uses(index).contains(index)
      if recursive, rule.depth == nil {
        throw InputError(
          "the rule `\(rule.name)` uses itself without a `depth`", file: recipe.file, line: rule.line,
          remedy: "Add for example `depth: 3`")
      }
      if !recursive, rule.depth != nil {
        throw InputError(
          "the rule `\(rule.name)` has a `depth` but does not use itself", file: recipe.file, line: rule.line,
          remedy: "Remove `depth`")
      }
      if stepsOfRule[index].allSatisfy({ $0.contains { $0.isRule(index) } }) {
        throw InputError(
          "every option of the rule `\(rule.name)` uses the rule itself, so that it has no end",
          file: recipe.file, line: rule.line, remedy: "Add an option that does not")
      }
    }
  }

  private struct AssignmentKey: Hashable {
    let rule: Int
    let given: Set<Int>
  }

  /// The variables that surely hold something after `rule`, if those of `given` did before it. Throws where
  /// one is used that may not.
  private func assigned(
    afterRule rule: Int, given: Set<Int>, checked: inout [AssignmentKey: Set<Int>]
  ) throws -> Set<Int> {
    let key = AssignmentKey(rule: rule, given: given)
    if let known = checked[key] { return known }
    checked[key] = given  // What a rule inside itself adds is not counted on.
    var result: Set<Int>?
    for (steps, option) in zip(stepsOfRule[rule], rules[rule].options) {
      var now = given
      func use(_ variable: Int) throws {
        guard now.contains(variable) else {
          throw option.template.value.error(
            "`\(variables[variable].name)` is used where it may not have been remembered yet",
            remedy: "Remember it earlier in the passage: {\(variables[variable].name): table}")
        }
      }
      for step in steps {
        switch step {
        case .literal: break
        case .word(_, let remember): now.formUnion([remember].compactMap { $0 })
        case .again(let variable, let remember), .associate(_, let variable, let remember):
          try use(variable)
          now.formUnion([remember].compactMap { $0 })
        case .sum(let a, let b): try [a, b].forEach(use)
        case .rule(let used): now = try assigned(afterRule: used, given: now, checked: &checked)
        }
      }
      result = result?.intersection(now) ?? now
    }
    let after = result ?? given
    checked[key] = after
    return after
  }

  /// Each drawn word must be prefix-free with the character that the template writes after it.
  private func checkWordsEnd() throws {
    var done: Set<[Int]> = []
    for rule in rules.indices {
      for steps in stepsOfRule[rule] {
        for (position, step) in steps.enumerated() {
          let table: Int
          switch step {
          case .word(let drawn, _): table = drawn
          case .associate(let association, _, _): table = associations[association].from
          default: continue
          }
          var terminator: UInt8?
          if position + 1 < steps.count {
            if case .literal(let bytes) = steps[position + 1] { terminator = bytes[0] }
          } else if rule == 0 {
            terminator = UInt8(ascii: "\n")  // The end of a passage.
          }
          guard done.insert([table, terminator.map(Int.init) ?? -1]).inserted else { continue }
          try recipe.tables[table].words.checkPrefixFree(
            terminator: terminator, sorted: recipe.tables[table].sorted)
        }
      }
    }
  }

  // MARK: Choices

  private func grammarRule(_ index: Int) throws -> Grammar.Rule {
    let steps = stepsOfRule[index]
    try checkHeads(index)
    let weights = rules[index].options.map(\.weight)
    let all = steps.indices.filter { weights[$0] > 0 }
    let last = all.filter { option in !steps[option].contains { $0.isRule(index) } }
    return Grammar.Rule(
      steps: steps, depth: rules[index].depth ?? 1, all: choice(all, weights: weights, steps: steps),
      last: choice(last, weights: weights, steps: steps))
  }

  private func choice(_ options: [Int], weights: [Double], steps: [[Grammar.Step]]) -> Grammar.Choice {
    let distribution = Distribution(weights: options.map { weights[$0] })
    // Options without a head are told by their first byte, which no other option begins with.
    var heads = Words()
    for option in options { heads.append(steps[option].head, from: Words.Place(file: "", line: nil)) }
    var costs = [[Double]](repeating: [], count: steps.count)
    let flat = prefixCosts(words: heads, sorted: heads.sorted(), probabilities: distribution.probabilities)
    for (position, option) in options.enumerated() {
      let start = heads.starts[position] + position
      costs[option] = Array(flat[start...(start + heads[position].count)])
    }
    for (position, option) in options.enumerated() where heads[position].isEmpty {
      costs[option] = [-log(distribution.probabilities[position])]
    }
    return Grammar.Choice(distribution: distribution, options: options, costs: costs)
  }

  /// No option of a rule may begin as another does: fixed texts are prefix-free, and an option that begins
  /// with a gap shares its first character with none.
  private func checkHeads(_ rule: Int) throws {
    let options = rules[rule].options
    for second in options.indices {
      for first in 0..<second {
        let (a, b) = (stepsOfRule[rule][first].head, stepsOfRule[rule][second].head)
        let value = options[second].template.value
        if a.isEmpty || b.isEmpty {
          let common = try firstBytes(stepsOfRule[rule][first], in: rule)
            .intersection(firstBytes(stepsOfRule[rule][second], in: rule))
          if let byte = common.min() {
            throw value.error(
              "two options of `\(ruleNames[rule])` can both begin with `\(Character(Unicode.Scalar(byte)))`",
              remedy: "Let their first characters differ, or begin both with fixed texts")
          }
        } else if a.starts(with: b) || b.starts(with: a) {
          throw value.error(
            "of the options `\(text(a))` and `\(text(b))` of `\(ruleNames[rule])` one begins as the other does",
            remedy: "Change one, so that neither is a prefix of the other before its first gap")
        }
      }
    }
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  /// The bytes that a sequence of steps can begin with.
  private func firstBytes(_ steps: [Grammar.Step], in rule: Int) throws -> Set<UInt8> {
    func table(_ index: Int) -> Set<UInt8> {
      let words = recipe.tables[index].words
      return Set((0..<words.count).compactMap { words[$0].first })
    }
    switch steps.first {
    case .literal(let bytes): return [bytes[0]]
    case .word(let drawn, _): return table(drawn)
    case .again(let variable, _): return table(variables[variable].table)
    case .associate(let association, _, _): return table(associations[association].from)
    case .sum: return Set("-0123456789".utf8)
    case .rule(let used):
      guard used != rule else {
        throw InputError(
          "an option of the rule `\(ruleNames[rule])` begins with the rule itself", file: recipe.file,
          line: rules[rule].line, remedy: "Let it begin with a text")
      }
      return try stepsOfRule[used].reduce(into: []) { $0.formUnion(try firstBytes($1, in: used)) }
    case nil: return []
    }
  }
}

extension Grammar.Step {
  /// Whether the step is the rule with this index.
  func isRule(_ index: Int) -> Bool {
    if case .rule(index) = self { true } else { false }
  }
}

extension [Grammar.Step] {
  /// The fixed text that the steps begin with.
  var head: [UInt8] {
    if case .literal(let bytes)? = first { bytes } else { [] }
  }
}
