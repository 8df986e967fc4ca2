import Files
import Foundation

/// Resolves the names of a recipe and checks it (GrammarChecks.swift). Every error names the line of the recipe or of
/// the word list.
struct GrammarCompiler {
  let recipe: Recipe
  private(set) var associations: [Grammar.Association] = []
  private(set) var variables: [(name: String, table: Int)] = []
  let rules: [Recipe.Rule]
  private(set) var stepsOfRule: [[[Grammar.Step]]] = []
  /// The bytes that a rule can begin with, cached by rule.
  var firstBytesOfRule: [Int: Set<UInt8>] = [:]

  var tableNames: [String] { recipe.tables.map(\.name) }
  var ruleNames: [String] { rules.map(\.name) }

  init(_ recipe: Recipe) throws {
    self.recipe = recipe
    let root = Recipe.Rule(
      name: "tasks", depth: nil,
      options: recipe.tasks.map { Recipe.Option(weight: $0.weight, template: $0.template) }, line: nil)
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
    try checkLength()
    try checkAssignment()
    try checkWordsEnd()
    for rule in rules.indices { try checkHeads(rule) }
    return rules.indices.map(grammarRule)
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
    for rule in recipe.rules
    where tableNames.contains(rule.name) || ["tasks", "families"].contains(rule.name) {
      throw InputError(
        "the rule `\(rule.name)` has a name that is already used", file: recipe.file, line: rule.line,
        remedy: "Choose another name")
    }
  }

  /// Finds the table of each remembered name. A copy `{a: b}` may precede the line that remembers `b`, so the
  /// placeholders are visited repeatedly until nothing changes.
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
          throw value.error("the rule `\(name)` cannot be remembered", remedy: "Remember a word inside it")
        }
        throw unknown(name, at: value)
      case .associate(let name, _):
        _ = try index(name, among: associations.map(\.name), what: "association", at: value)
      case .sum: break
      }
    }
  }

  /// Returns the table of a placeholder's word; nil if it is not known yet.
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
              + "`\(tableNames[variables[variable].table])`", remedy: "Use a word of its own table")
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

  // MARK: Choices

  private func grammarRule(_ index: Int) -> Grammar.Rule {
    let steps = stepsOfRule[index]
    let weights = rules[index].options.map(\.weight)
    let all = steps.indices.filter { weights[$0] > 0 }
    let last = all.filter { option in !steps[option].contains { $0.isRule(index) } }
    return Grammar.Rule(
      steps: steps, depth: rules[index].depth ?? 1, all: choice(all, weights: weights, steps: steps),
      last: choice(last, weights: weights, steps: steps))
  }

  private func choice(_ options: [Int], weights: [Double], steps: [[Grammar.Step]]) -> Grammar.Choice {
    let distribution = Distribution(weights: options.map { weights[$0] })
    // An option without a head is identified by its first byte, which no other option begins with.
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
}

extension Grammar.Step {
  /// Returns whether the step is the rule with this index.
  func isRule(_ index: Int) -> Bool {
    if case .rule(index) = self { true } else { false }
  }
}

extension [Grammar.Step] {
  /// The fixed text that the steps begin with; empty if they begin with a placeholder.
  var head: [UInt8] {
    if case .literal(let bytes)? = first { bytes } else { [] }
  }
}
