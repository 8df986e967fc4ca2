import Files
import Foundation

/// Resolves the names of a recipe and checks it (GrammarChecks.swift, ListChecks.swift). Every error names the line of the recipe or of
/// the word list.
struct GrammarCompiler {
  let recipe: Recipe
  private(set) var associations: [Grammar.Association] = []
  private(set) var variables: [Grammar.Variable] = []
  let rules: [Recipe.Rule]
  private(set) var stepsOfRule: [[[Grammar.Step]]] = []
  /// The bytes that a rule can begin with, cached by rule.
  var firstBytesOfRule: [Int: Set<UInt8>] = [:]

  var tableNames: [String] { recipe.tables.map(\.name) }
  var ruleNames: [String] { rules.map(\.name) }

  init(_ recipe: Recipe) throws {
    self.recipe = recipe
    rules = [Recipe.Rule(tasks: recipe.tasks)] + recipe.rules
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
    stepsOfRule = try rules.map { rule in try rule.options.map { try steps($0.template, in: rule) } }
    try checkLists()
    try checkRecursion()
    try checkLength()
    try checkAssignment()
    try checkWordsEnd()
    for rule in rules.indices { try checkHeads(rule) }
    try checkListsEnd()
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
          variables.append(try variable(name, table: table))
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
      case .new(let name): _ = try index(name, among: tableNames, what: "table", at: value)
      case .sum, .item, .count, .again: break
      }
    }
  }

  /// Returns a remembered word with its list, which alone may remember it.
  private func variable(_ name: String, table: Int) throws -> Grammar.Variable {
    var uses: [(rule: Int, isNew: Bool, value: YAMLValue)] = []
    for (index, rule) in rules.enumerated() {
      for option in rule.options {
        for case .gap(let remembered?, let source) in option.template.parts where remembered == name {
          uses.append((index, source.isNew, option.template.value))
        }
      }
    }
    let list = uses.first { rules[$0.rule].counts != nil }?.rule
    if let list, let other = uses.first(where: { $0.rule != list }) {
      throw other.value.error(
        "`\(name)` is remembered here and by the items of the list `\(ruleNames[list])`",
        remedy: "Use two names")
    }
    return Grammar.Variable(
      name: name, table: table, list: list, isDistinct: list != nil && uses.allSatisfy(\.isNew))
  }

  /// Returns the table of a placeholder's word; nil if it is not known yet.
  private func table(of source: Template.Source) -> Int? {
    switch source {
    case .named(let name):
      tableNames.firstIndex(of: name) ?? variables.first { $0.name == name }?.table
    case .associate(let name, _): associations.first { $0.name == name }?.from
    case .new(let name): tableNames.firstIndex(of: name)
    case .sum, .item, .count, .again: nil
    }
  }

  private func unknown(_ name: String, at value: YAMLValue) -> InputError {
    let near = nearestName(to: name, among: tableNames + ruleNames.dropFirst() + variables.map(\.name))
    return value.error(
      "there is no table, rule or remembered word `\(name)`",
      remedy: near.map { "The nearest name is `\($0)`" })
  }

  // MARK: Steps

  private func steps(_ template: Template, in rule: Recipe.Rule) throws -> [Grammar.Step] {
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
      case .gap(let name, .new(let source)):
        guard rule.counts != nil, let remember = name.flatMap({ names.firstIndex(of: $0) }) else {
          throw value.error(
            "`new \(source)` is not in a list, so there are no other words that it must differ from",
            remedy: "Write {\(source)}, or give the rule a `count`")
        }
        let table = try index(source, among: tableNames, what: "table", at: value)
        return .newWord(table: table, remember: remember)
      case .gap(_, .item(let word, let list)):
        return .item(variable: try variable(word, ofList: list, at: value))
      case .gap(_, .count(let word, let list)):
        return .count(variable: try variable(word, ofList: list, at: value))
      case .gap(_, .again(let name)):
        return .repeated(list: try list(name, at: value))
      }
    }
  }

  /// Returns the index of a list among the rules.
  private func list(_ name: String, at value: YAMLValue) throws -> Int {
    let lists = rules.indices.filter { rules[$0].counts != nil }
    return lists[try index(name, among: lists.map { ruleNames[$0] }, what: "list", at: value)]
  }

  /// Returns the index of a word that the items of a list remember.
  private func variable(_ name: String, ofList list: String, at value: YAMLValue) throws -> Int {
    let list = try self.list(list, at: value)
    let own = variables.indices.filter { variables[$0].list == list }
    let what = "remembered word of the list `\(ruleNames[list])` called"
    return own[try index(name, among: own.map { variables[$0].name }, what: what, at: value)]
  }

  // MARK: Choices

  private func grammarRule(_ index: Int) -> Grammar.Rule {
    let steps = stepsOfRule[index]
    let weights = rules[index].options.map(\.weight)
    let all = steps.indices.filter { weights[$0] > 0 }
    let last = all.filter { option in !steps[option].contains { $0.isRule(index) } }
    return Grammar.Rule(
      steps: steps, depth: rules[index].depth ?? 1, all: Grammar.Choice(all, weights: weights, steps: steps),
      last: Grammar.Choice(last, weights: weights, steps: steps),
      list: rules[index].counts.map { counts in
        Grammar.List(
          counts: counts, between: Array(rules[index].between.utf8),
          variables: variables.indices.filter { variables[$0].list == index })
      })
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
