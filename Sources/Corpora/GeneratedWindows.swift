import RandomNumbers

/// Cuts windows from generated text. Each begins at the start of a passage and has its own random stream.
struct GeneratedWindows: Sendable {
  let tokenizer: any Tokenizer
  let validation: TokenWindows
  let entropy: TokenizedCorpus.Entropy
  private let text: GeneratedText
  private let seed: UInt64
  private let context: Int
  /// Hashes of the validation windows, which training windows may not repeat.
  private let excluded: Set<UInt64>

  /// The number of bytes of text that byte-pair tokenizers are trained on.
  private static let tokenizerBytes = 4 << 20

  init(_ text: GeneratedText, configuration: CorpusConfiguration, context: Int) throws {
    self.text = text
    self.context = context
    seed = configuration.seed
    switch configuration.tokenizer ?? .characters {
    case .characters: tokenizer = CharacterTokenizer(alphabet: text.alphabet)
    case .bytes: tokenizer = ByteTokenizer()
    case .bytePairs(let vocabulary):
      tokenizer = BytePairTokenizer(
        trainedOn: [text.text(bytes: Self.tokenizerBytes, seed: seed, stream: .tokenizer)],
        vocabulary: vocabulary)
    }
    let lengths = (0..<tokenizer.vocabulary).map { [tokenizer] token in tokenizer.bytes(of: token).count }
    let count = configuration.validationTokens.dividedRoundingUp(by: context)
    var windows: [UInt16] = []
    windows.reserveCapacity(count * (context + 1))
    var tasks: [UInt8] = []
    tasks.reserveCapacity(count * context)
    let names = text.tasks + text.answerNames
    var nats = [Double](repeating: 0, count: names.count)
    var targets = [Int](repeating: 0, count: names.count)
    var entropies: [Double] = []
    var answers: [[TokenWindows.Answer]] = []
    var hashes: Set<UInt64> = []
    var writer = text.writer(seed: seed, stream: .validation, costs: true)
    for window in 0..<count {
      writer.restart(random: GeneratedText.random(seed: seed, stream: .validation, window: window))
      var tokens: [UInt16] = []
      var taskOfToken: [UInt8] = []
      var passages: [Passage] = []
      while tokens.count < context + 1 {
        let start = writer.bytes.count
        let task = UInt8(writer.writePassage())
        let (first, firstAnswer) = (tokens.count, passages.last?.answers.upperBound ?? 0)
        try tokenizer.encode(writer.bytes[start...], into: &tokens)
        passages.append(
          Passage(
            task: Int(task), tokens: first..<tokens.count, answers: firstAnswer..<writer.answers.count))
        taskOfToken.append(contentsOf: repeatElement(task, count: tokens.count - taskOfToken.count))
      }
      // The positions of the bytes of target t are edges[t] ..< edges[t + 1].
      var edges = [lengths[Int(tokens[0])]]
      var costs: [Double] = []
      for position in 1...context {
        let end = edges[position - 1] + lengths[Int(tokens[position])]
        let task = Int(taskOfToken[position])
        costs.append(writer.costs[edges[position - 1]..<end].reduce(0, +))
        nats[task] += costs[position - 1]
        targets[task] += 1
        edges.append(end)
      }
      entropies.append(costs.reduce(0, +) / Double(context))
      let found = passages.flatMap { passage -> [TokenWindows.Answer] in
        if passage.answers.isEmpty { return [passage.ending(costs)].compactMap { $0 } }
        return passage.answers.compactMap { index in
          let answer = writer.answers[index]
          let group = text.grammar.answerGroups.firstIndex {
            $0.task == passage.task && $0.items == answer.items
          }
          return passage.answer(answer.bytes, group: group.map { $0 + text.tasks.count }, costs, edges: edges)
        }
      }
      for answer in found {
        guard let group = answer.group else { continue }
        targets[group] += answer.targets.count
      }
      answers.append(found)
      windows.append(contentsOf: tokens[...context])
      tasks.append(contentsOf: taskOfToken[1...context])
      hashes.insert(Self.hash(tokens[...context]))
    }
    validation = TokenWindows(
      context: context, count: count, tokens: windows, tasks: tasks, answers: answers)
    entropy = TokenizedCorpus.Entropy(
      total: nats.prefix(text.tasks.count).reduce(0, +) / Double(count * context),
      tasks: zip(nats, targets).map { $1 > 0 ? $0 / Double($1) : nil },
      windows: entropies)
    // Very short windows occur many times in the source. Excluding those from training would remove its most frequent
    // text and change the distribution.
    excluded = Double(count - hashes.count) < 0.01 * Double(count) ? hashes : []
  }

  /// Appends training windows to `known`, the ones generated before, until there are `count`.
  func extend(_ known: inout [UInt16], toWindows count: Int) throws {
    let start = known.count / (context + 1)
    guard start < count else { return }
    known.reserveCapacity(count * (context + 1))
    var writer = text.writer(seed: seed, stream: .training, costs: false)
    var tokens: [UInt16] = []
    for window in start..<count {
      writer.restart(random: GeneratedText.random(seed: seed, stream: .training, window: window))
      repeat {
        tokens.removeAll(keepingCapacity: true)
        while tokens.count < context + 1 {
          let passage = writer.bytes.count
          _ = writer.writePassage()
          try tokenizer.encode(writer.bytes[passage...], into: &tokens)
        }
      } while !excluded.isEmpty && excluded.contains(Self.hash(tokens[...context]))
      known.append(contentsOf: tokens[...context])
    }
  }

  /// A passage of a window.
  private struct Passage {
    let task: Int
    let tokens: Range<Int>
    /// Its answers, as indices of those of the writer.
    let answers: Range<Int>

    /// The deterministic end; nil if there is none or the window cuts the passage. Target t is token t + 1.
    func ending(_ costs: [Double]) -> TokenWindows.Answer? {
      guard tokens.upperBound <= costs.count + 1 else { return nil }
      let own = max(tokens.lowerBound - 1, 0)..<(tokens.upperBound - 1)
      let free = costs[own].lastIndex { $0 > 0 }
      let ending = (free.map { $0 + 1 } ?? own.lowerBound)..<own.upperBound
      return ending.isEmpty ? nil : TokenWindows.Answer(task: task, group: nil, targets: ending)
    }

    /// The targets of an answer; nil if they and the next one do not lie in the window, or share a token with text that
    /// is not certain.
    func answer(_ bytes: Range<Int>, group: Int?, _ costs: [Double], edges: [Int]) -> TokenWindows.Answer? {
      guard let first = edges.lastIndex(where: { $0 <= bytes.lowerBound }),
        let end = edges.firstIndex(where: { $0 >= bytes.upperBound }), end < costs.count,
        costs[first..<end].allSatisfy({ $0 == 0 })
      else { return nil }
      let targets = first..<(costs[end] == 0 ? end + 1 : end)
      return TokenWindows.Answer(task: task, group: group, targets: targets)
    }
  }

  private static func hash(_ tokens: ArraySlice<UInt16>) -> UInt64 {
    tokens.reduce(0) { mix($0 ^ UInt64($1)) }
  }
}
