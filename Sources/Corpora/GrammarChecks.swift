import Files

/// Checks that every text that a recipe can generate is finite and has exactly one derivation.
extension GrammarCompiler {
  private func uses(_ rule: Int) -> Set<Int> {
    // A list must be complete before it is referred to, so references count as uses.
    Set(
      stepsOfRule[rule].joined().compactMap { step in
        switch step {
        case .rule(let used), .repeated(let used): used
        case .item(let variable), .count(let variable): variables[variable].list
        default: nil
        }
      })
  }

  /// Checks that rules use themselves only directly and with a `depth`, and have an option that does not.
  func checkRecursion() throws {
    var done: Set<Int> = []
    func visit(_ rule: Int, path: [Int]) throws {
      guard done.insert(rule).inserted else { return }
      for used in uses(rule).sorted() where used != rule {
        guard !path.contains(used) else {
          throw InputError(
            "the rules \((path + [used]).map { "`\(ruleNames[$0])`" }.joined(separator: ", ")) use each other",
            file: recipe.file, line: rules[used].line,
            remedy: "A rule may use itself, but rules must not form a cycle")
        }
        try visit(used, path: path + [used])
      }
    }
    // All rules, because later checks recurse also through those that no passage uses.
    for rule in rules.indices { try visit(rule, path: [rule]) }
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
          "every option of the rule `\(rule.name)` uses the rule itself, so it never ends",
          file: recipe.file, line: rule.line, remedy: "Add an option without it")
      }
    }
  }

  /// Checks the length of passages, which can grow exponentially with nested rules.
  func checkLength() throws {
    var known: [Int: Double] = [:]
    func longest(_ rule: Int) -> Double {
      if let known = known[rule] { return known }
      let depth = rules[rule].depth ?? 1
      // For each option, the length of its own text and the number of times that it uses the rule itself.
      let options = stepsOfRule[rule].map { steps in
        steps.reduce(into: (own: 0.0, again: 0.0)) { sum, step in
          switch step {
          case .rule(rule): sum.again += 1
          case .rule(let used), .repeated(let used): sum.own += longest(used)
          case .literal(let bytes): sum.own += Double(bytes.count)
          default: sum.own += 1
          }
        }
      }
      var length = options.filter { $0.again == 0 }.map(\.own).max() ?? 0
      for _ in 1..<max(depth, 2) where depth > 1 {
        length = options.map { $0.own + $0.again * length }.max() ?? 0
      }
      if let counts = rules[rule].counts, let most = counts.last {
        length = Double(most) * (length + Double(rules[rule].between.utf8.count))
      }
      known[rule] = length
      return length
    }
    // The root rule comes last, because errors about other rules can name their line.
    for rule in rules.indices.reversed() where longest(rule) > Double(Recipe.Limits.passageSteps) {
      throw InputError(
        "the rule `\(ruleNames[rule])` can write more than \(Recipe.Limits.passageSteps) words and characters",
        file: recipe.file, line: rules[rule].line ?? rules[rule].options.first?.template.value.line,
        remedy: "Lower its `depth`, or use fewer rules in one option")
    }
  }

  private struct AssignmentKey: Hashable {
    let rule: Int
    let given: Set<Int>
  }

  /// Throws if a passage can use a variable before it is assigned.
  func checkAssignment() throws {
    var checked: [AssignmentKey: Set<Int>] = [:]
    _ = try assigned(afterRule: 0, given: [], checked: &checked)
  }

  /// Returns the variables that are certainly assigned after `rule` if those of `given` are before it. Throws if the
  /// rule can use another one. A list that is certainly written counts as a variable, `variables.count` + its index.
  private func assigned(
    afterRule rule: Int, given: Set<Int>, checked: inout [AssignmentKey: Set<Int>]
  ) throws -> Set<Int> {
    let key = AssignmentKey(rule: rule, given: given)
    if let known = checked[key] { return known }
    guard checked.count < 10_000 else {
      throw InputError(
        "the remembered words depend on too many choices", file: recipe.file, line: rules[rule].line,
        remedy: "Remember fewer words in rules that use other rules")
    }
    checked[key] = given  // Conservative: assignments of a nested use of the rule are not counted.
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
        case .newWord(_, let remember): now.insert(remember)
        case .item(let variable), .count(let variable): try use(variable)
        case .repeated(let list):
          guard now.contains(variables.count + list) else {
            throw option.template.value.error(
              "the list `\(ruleNames[list])` is repeated where it may not have been written yet",
              remedy: "Write it earlier in the passage: {\(ruleNames[list])}, with at least one item")
          }
        }
      }
      result = result?.intersection(now) ?? now
    }
    var after = result ?? given
    if let counts = rules[rule].counts {
      // A list that may have no items remembers nothing for certain.
      if counts.contains(0) { after = given } else { after.insert(variables.count + rule) }
    }
    checked[key] = after
    return after
  }

  /// Checks that the words of each table are prefix-free together with the character that follows them in the template.
  func checkWordsEnd() throws {
    var done: Set<[Int]> = []
    for rule in rules.indices {
      for steps in stepsOfRule[rule] {
        for (position, step) in steps.enumerated() {
          let table: Int
          switch step {
          case .word(let drawn, _), .newWord(let drawn, _): table = drawn
          case .associate(let association, _, _): table = associations[association].from
          case .item(let variable): table = variables[variable].table
          default: continue
          }
          var terminator: UInt8?
          if position + 1 < steps.count {
            if case .literal(let bytes) = steps[position + 1] { terminator = bytes[0] }
          } else if rule == 0 {
            terminator = UInt8(ascii: "\n")  // The end of a passage.
          }
          guard done.insert([table, terminator.map(Int.init) ?? -1]).inserted else { continue }
          try recipe.tables[table].words.checkEnds(before: terminator)
        }
      }
    }
  }

  /// Checks that the options of a rule can be distinguished by their beginnings: fixed texts are prefix-free, and an
  /// option that begins with a placeholder has no first character in common with another option.
  mutating func checkHeads(_ rule: Int) throws {
    let options = rules[rule].options
    let beginnings = try stepsOfRule[rule].map { try firstBytes($0, in: rule) }
    for second in options.indices {
      for first in 0..<second {
        let (a, b) = (stepsOfRule[rule][first].head, stepsOfRule[rule][second].head)
        let value = options[second].template.value
        if a.isEmpty || b.isEmpty {
          if let byte = beginnings[first].intersection(beginnings[second]).min() {
            throw value.error(
              "two options of `\(ruleNames[rule])` can both begin with `\(Character(Unicode.Scalar(byte)))`",
              remedy: "Let their first characters differ, or begin both with fixed texts")
          }
        } else if a.starts(with: b) || b.starts(with: a) {
          throw value.error(
            "of the options `\(text(a))` and `\(text(b))` of `\(ruleNames[rule])` one begins like the other",
            remedy: "Change one, so that neither is a prefix of the other before its first placeholder")
        }
      }
    }
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  /// Returns the bytes that the text of a sequence of steps can begin with.
  mutating func firstBytes(_ steps: some Collection<Grammar.Step>, in rule: Int) throws -> Set<UInt8> {
    func table(_ index: Int) -> Set<UInt8> { recipe.tables[index].words.firstBytes }
    switch steps.first {
    case .literal(let bytes): return [bytes[0]]
    case .word(let drawn, _), .newWord(let drawn, _): return table(drawn)
    case .again(let variable, _), .item(let variable): return table(variables[variable].table)
    case .associate(let association, _, _): return table(associations[association].from)
    case .sum, .count: return Set("-0123456789".utf8)
    case .repeated(let list): return try firstBytes([.rule(list)], in: rule)
    case .rule(let used):
      guard used != rule else {
        throw InputError(
          "an option of the rule `\(ruleNames[rule])` begins with the rule itself", file: recipe.file,
          line: rules[rule].line, remedy: "Let it begin with fixed text")
      }
      let mayBeEmpty = rules[used].counts?.contains(0) == true
      let after = mayBeEmpty ? try firstBytes(steps.dropFirst(), in: rule) : []
      if let known = firstBytesOfRule[used] { return known.union(after) }
      var bytes: Set<UInt8> = []
      for steps in stepsOfRule[used] { bytes.formUnion(try firstBytes(steps, in: used)) }
      firstBytesOfRule[used] = bytes
      return bytes.union(after)
    case nil: return rule == 0 ? [UInt8(ascii: "\n")] : []
    }
  }
}
