import Files

/// Passages that show what a model knows of a recipe's associations: one for each word that has some.
///
/// Only associations of one word with one other are facts that a model can know for certain. Others, and those of words
/// without bound, are left out.
public struct KnowledgeProbe: Sendable {
  /// The place of an associated word in the windows.
  public struct Fact: Sendable, Hashable {
    /// The frequency rank of the word that it belongs to, from 0 on, and the index of the rank's table.
    public let subject: Int
    public let table: Int
    /// The targets that write it, in its window.
    public let targets: Range<Int>
    /// The cost of the word in nats for a reader who knows how often each is written, but not what belongs to what.
    public let nats: Double
  }

  /// The windows.
  public let windows: TokenWindows
  /// The facts of each window.
  public let facts: [[Fact]]

  /// The largest number of facts: more would take longer than a training.
  private static let most = 1_000_000

  /// - Throws: `SettingFault` if the recipe has no such association, or a passage does not fit into a window.
  init(_ text: GeneratedText, tokenizer: any Tokenizer, context: Int, seed: UInt64) throws {
    let grammar = text.grammar
    let lengths = (0..<tokenizer.vocabulary).map { tokenizer.bytes(of: $0).count }
    var asked: Set<Int> = []
    var window: [UInt16] = []
    var own: [Fact] = []
    var all: [UInt16] = []
    var facts: [[Fact]] = []
    func close() {
      guard !own.isEmpty else { return }
      // What follows the last passage is not asked about.
      while window.count < context + 1 { window.append(window[window.count - 1]) }
      all.append(contentsOf: window)
      facts.append(own)
      (window, own) = ([], [])
    }
    var writer = text.writer(seed: seed, stream: .probe, costs: true)
    for task in grammar.tasks.indices where grammar.fractions[task] > 0 {
      for (variable, associations) in grammar.questions(ofTask: task) {
        let new = associations.filter { !asked.contains($0) }
        guard !new.isEmpty, let words = grammar.tables[grammar.variables[variable].table].words.size else {
          continue
        }
        asked.formUnion(new)
        for word in 0..<min(words, Self.most) {
          let written = writer.write(task: task, with: word, in: variable)
          var tokens: [UInt16] = []
          try tokenizer.encode(written.bytes[...], into: &tokens)
          if window.count + tokens.count > context + 1 { close() }
          guard tokens.count <= context + 1 else {
            throw SettingFault(
              setting: "knowledge",
              message: "the context of \(context) tokens is too short for a passage of \(tokens.count)",
              remedy: "Raise the context, or remove `knowledge`")
          }
          // The byte at which each token ends.
          var end = 0
          let ends = tokens.map { token in
            end += lengths[Int(token)]
            return end
          }
          for associate in written.associates where new.contains(associate.association) {
            // The byte after a word tells it apart from longer ones.
            let first = ends.firstIndex { $0 > associate.bytes.lowerBound } ?? 0
            let last = ends.firstIndex { $0 > associate.bytes.upperBound } ?? ends.count - 1
            own.append(
              Fact(
                subject: word, table: grammar.variables[variable].table,
                targets: max(window.count + first - 1, 0)..<window.count + last, nats: associate.nats))
          }
          window.append(contentsOf: tokens)
        }
      }
    }
    close()
    guard !facts.isEmpty else {
      throw SettingFault(
        setting: "knowledge",
        message: "`\(text.name)` has no association of one word with one other, of a bounded table",
        remedy: "Remove `knowledge`, or choose another corpus")
    }
    self.facts = facts
    windows = TokenWindows(context: context, count: facts.count, tokens: all)
  }
}

extension Grammar {
  /// Returns the remembered words of a task that have associations of one word each, with these.
  fileprivate func questions(ofTask task: Int) -> [(variable: Int, associations: [Int])] {
    let steps = rules[0].steps[task]
    var found: [(variable: Int, associations: [Int])] = []
    for case .word(_, let variable?) in steps {
      let own = steps.compactMap { step -> Int? in
        guard case .associate(let association, variable, _) = step else { return nil }
        return associations[association].ranks.count == 1 ? association : nil
      }
      if !own.isEmpty { found.append((variable, own)) }
    }
    return found
  }
}
