import Files
import Foundation
import RandomNumbers

/// A compiled recipe. Its names are resolved, and it is checked to be unambiguous: every text that it can generate has
/// exactly one derivation, which can be parsed from left to right. The exact entropy depends on this property.
final class Grammar: Sendable {
  /// A placeholder or a piece of fixed text. Tables, associations, rules and variables (remembered words) are given by
  /// index; `remember` is nil if the word is not remembered.
  enum Step: Sendable {
    case literal([UInt8])
    case word(table: Int, remember: Int?)
    case again(variable: Int, remember: Int?)
    case associate(association: Int, of: Int, remember: Int?)
    case sum(Int, Int)
    case rule(Int)
    /// A word that differs from the words of this variable in earlier items of the list that is being written.
    case newWord(table: Int, remember: Int)
    /// The variable's word in an item of its list, which is then remembered.
    case item(variable: Int)
    /// The number of items of the variable's list that have its present word.
    case count(variable: Int)
    /// The text of a list.
    case repeated(list: Int)
  }

  /// A word that passages remember.
  struct Variable: Sendable {
    let name: String
    let table: Int
    /// The list whose items remember it, as an index of the rules; nil if it is remembered elsewhere.
    let list: Int?
    /// Whether all items of the list have different words.
    let isDistinct: Bool
  }

  /// What makes a rule a list: it is written several times in a row. Each item remembers its own words.
  struct List: Sendable {
    /// The possible numbers of items, in ascending order. All are equally likely.
    let counts: [Int]
    let between: [UInt8]
    /// The variables that each item remembers.
    let variables: [Int]

    /// Returns the cost in nats of reading, after `items` items, that the list goes on, or that it ends.
    func cost(after items: Int, goesOn: Bool) -> Double {
      let (most, more) = (counts.count { $0 >= items }, counts.count { $0 > items })
      return log(Double(most) / Double(goesOn ? more : most - more))
    }
  }

  /// The answers of one task that follow from lists of one length.
  struct AnswerGroup: Sendable, Hashable {
    let task: Int
    /// The number of items of the list.
    let items: Int
  }

  struct Association: Sendable {
    let name: String
    let of: Int
    let from: Int
    /// The distribution of the associate's rank.
    let ranks: Distribution
    let key: UInt64

    /// Returns the associate of rank `rank` of a word of table `of`, as an index of the table `from`.
    @inline(__always)
    func associate(_ rank: Int, of word: Int, in table: Table) -> Int {
      let bits = UInt64(word)
      return table.words.draw(mix(key ^ (bits << 20 | bits >> 44), UInt64(rank)))
    }
  }

  struct Rule: Sendable {
    let steps: [[Step]]
    /// The largest depth to which the rule may be nested in itself.
    let depth: Int
    let all: Choice
    /// The choice at the last depth, without the options that use the rule itself.
    let last: Choice
    /// Nil if the rule is not a list.
    let list: List?
  }

  /// A choice among options. Each is identified by the fixed text that it begins with (its head) or by its first
  /// character.
  struct Choice: Sendable {
    let distribution: Distribution
    /// The options that may be chosen, as indices of the rule's options.
    let options: [Int]
    /// The cost of each byte of an option's head and of the byte after it, by index of the rule's options.
    let costs: [[Double]]

    /// Creates the choice among `options`, which are indices of a rule's options, with probabilities ∝ their weights.
    ///
    /// - Parameters:
    ///   - weights: The weights of all options of the rule.
    ///   - steps: The steps of all options of the rule.
    init(_ options: [Int], weights: [Double], steps: [[Step]]) {
      self.options = options
      distribution = Distribution(weights: options.map { weights[$0] })
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
      self.costs = costs
    }

    /// Returns the option for 64 random bits, as an index of the rule's options.
    @inline(__always)
    func draw(_ bits: UInt64) -> Int { options[distribution.draw(bits)] }
  }

  let tables: [Table]
  let associations: [Association]
  let variables: [Variable]
  /// The rules; the first chooses the task of a passage.
  let rules: [Rule]
  let tasks: [String]
  let fractions: [Double]
  /// The groups of answers that passages can contain, by task and then by number of items.
  let answerGroups: [AnswerGroup]
  /// All characters that the text can contain, in the order of their code points.
  let alphabet: [Unicode.Scalar]

  /// Checks and compiles `recipe`.
  init(_ recipe: Recipe) throws {
    var compiler = try GrammarCompiler(recipe)
    let compiled = try compiler.compile()
    tables = recipe.tables
    associations = compiler.associations
    variables = compiler.variables
    rules = compiled
    tasks = recipe.tasks.map(\.name)
    let total = recipe.tasks.reduce(0) { $0 + $1.weight }
    fractions = recipe.tasks.map { $0.weight / total }
    answerGroups = try compiler.answerGroups()
    var scalars: Set<Unicode.Scalar> = ["\n"]
    var tablesUsed: Set<Int> = []
    for step in compiled.flatMap(\.steps).joined() {
      switch step {
      case .literal(let bytes): scalars.formUnion(String(decoding: bytes, as: UTF8.self).unicodeScalars)
      case .word(let table, _), .newWord(let table, _): tablesUsed.insert(table)
      case .associate(let association, _, _): tablesUsed.insert(compiler.associations[association].from)
      case .sum, .count: scalars.formUnion("0123456789".unicodeScalars)
      case .again, .rule, .item, .repeated: break
      }
    }
    for list in compiled.compactMap(\.list) {
      scalars.formUnion(String(decoding: list.between, as: UTF8.self).unicodeScalars)
    }
    for table in tablesUsed { scalars.formUnion(recipe.tables[table].words.characters) }
    alphabet = scalars.sorted()
  }

  /// Returns the choice of a passage's task with other weights than the recipe's.
  ///
  /// - Parameter weights: The weight of each task, one of which is positive.
  func taskChoice(weights: [Double]) -> Choice {
    Choice(weights.indices.filter { weights[$0] > 0 }, weights: weights, steps: rules[0].steps)
  }
}
