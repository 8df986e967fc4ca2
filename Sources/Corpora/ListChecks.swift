import Files

/// Checks of lists: rules that are written several times in a row.
extension GrammarCompiler {
  private var lists: [(index: Int, rule: Recipe.Rule, counts: [Int])] {
    rules.enumerated().compactMap { index, rule in rule.counts.map { (index, rule, $0) } }
  }

  /// Checks that every item of a list remembers the same words, that tables have enough `new` words, and that items do
  /// not refer to their own list.
  func checkLists() throws {
    for (index, rule, counts) in lists {
      let own = Set(variables.indices.filter { variables[$0].list == index })
      for (steps, option) in zip(stepsOfRule[index], rule.options) {
        let value = option.template.value
        let missing = own.subtracting(steps.compactMap(\.remembered))
        if let missing = missing.min() {
          throw value.error(
            "an item of the list `\(rule.name)` does not remember `\(variables[missing].name)`",
            remedy: "Remember the same words in all of its options")
        }
        for step in steps {
          switch step {
          case .newWord(let table, let variable):
            try checkNewWords(of: table, as: variable, counts: counts, list: rule.name, at: value)
          case .rule(index), .repeated(index): throw selfReference(rule.name, at: value)
          case .item(let variable) where own.contains(variable),
            .count(let variable) where own.contains(variable):
            throw selfReference(rule.name, at: value)
          default: break
          }
        }
      }
    }
  }

  private func selfReference(_ list: String, at value: YAMLValue) -> InputError {
    value.error(
      "an item of the list `\(list)` refers to the list itself", remedy: "Refer to it after it is complete")
  }

  private func checkNewWords(
    of table: Int, as variable: Int, counts: [Int], list: String, at value: YAMLValue
  ) throws {
    let (name, words) = (tableNames[table], recipe.tables[table].words)
    guard let size = words.probabilities?.count, size <= Recipe.Limits.newWords else {
      throw value.error(
        "`new` words need a table of at most \(Recipe.Limits.newWords) words, and `\(name)` has more",
        remedy: "Give it a smaller `size`, or use another table")
    }
    if let most = counts.last, most > size {
      throw value.error(
        "the list `\(list)` can have \(most) items with different words of `\(name)`, which has only \(size)",
        remedy: "Lower its `count`, or add words")
    }
  }

  /// Checks that the end of each list can be recognized: the text after a list begins with another character than that
  /// with which the list goes on.
  mutating func checkListsEnd() throws {
    for rule in rules.indices {
      for (steps, option) in zip(stepsOfRule[rule], rules[rule].options) {
        for (position, step) in steps.enumerated() {
          guard case .rule(let list) = step, let counts = rules[list].counts, counts.count > 1 else {
            continue
          }
          let value = option.template.value
          let next = try firstBytes(steps[(position + 1)...], in: rule)
          guard !next.isEmpty else {
            throw value.error(
              "the end of the list `\(ruleNames[list])`, whose length varies, cannot be recognized",
              remedy: "Let fixed text follow it")
          }
          var going = Set(rules[list].between.utf8.prefix(1))
          if going.isEmpty || counts[0] == 0 {
            for item in stepsOfRule[list] { going.formUnion(try firstBytes(item, in: list)) }
          }
          guard let common = going.intersection(next).min() else { continue }
          throw value.error(
            "`\(Character(Unicode.Scalar(common)))` can follow the list `\(ruleNames[list])`, and the list can go on "
              + "with it as well", remedy: "Change its `between`, or the text after it")
        }
      }
    }
  }

  /// Returns the groups of answers that passages can contain (`PassageWriter.Answer`).
  ///
  /// - Throws: `InputError` if the name of a group is that of a task.
  func answerGroups() throws -> [Grammar.AnswerGroup] {
    let names = recipe.tasks.map(\.name)
    return try stepsOfRule[0].enumerated().flatMap { task, steps in
      var visited: Set<Int> = []
      var items: Set<Int> = []
      func visit(_ steps: [Grammar.Step], in rule: Int) {
        for step in steps {
          let list: Int?
          switch step {
          case .rule(let used):
            if visited.insert(used).inserted { stepsOfRule[used].forEach { visit($0, in: used) } }
            continue
          case .again(let variable, _), .count(let variable): list = variables[variable].list
          case .repeated(let repeated): list = repeated
          default: continue
          }
          if let list, list != rule { items.formUnion(rules[list].counts ?? []) }
        }
      }
      visit(steps, in: 0)
      for number in items where names.contains("\(names[task])_\(number)") {
        throw recipe.tasks[task].template.value.error(
          "the answers of `\(names[task])` after \(number) items have the name of another task",
          remedy: "Rename the task `\(names[task])_\(number)`")
      }
      return items.subtracting([0]).sorted().map { Grammar.AnswerGroup(task: task, items: $0) }
    }
  }
}

extension Grammar.Step {
  /// The variable that the step remembers.
  fileprivate var remembered: Int? {
    switch self {
    case .word(_, let variable), .again(_, let variable), .associate(_, _, let variable): variable
    case .newWord(_, let variable): variable
    case .literal, .sum, .rule, .item, .count, .repeated: nil
    }
  }
}
