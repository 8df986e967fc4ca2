import RandomNumbers

/// Cuts windows from generated text. Each begins at the start of a passage and has its own random stream, or each lane
/// does.
struct GeneratedWindows: Sendable {
  let tokenizer: any Tokenizer
  let validation: TokenWindows
  let entropy: TokenizedCorpus.Entropy
  private let text: GeneratedText
  /// The grammar of the training text.
  private let grammar: Grammar
  private let schedule: TaskSchedule
  private let noise: CharacterNoise?
  /// Whether the entropy of each training window is needed.
  private let countsCosts: Bool
  private let seed: UInt64
  private let context: Int
  private let lanes: Int?
  /// Hashes of the validation windows, which training windows may not repeat.
  private let excluded: Set<UInt64>

  /// The number of bytes of text that byte-pair tokenizers are trained on.
  private static let tokenizerBytes = 4 << 20
  /// The number of training windows of which the entropy is measured.
  private static let measuredWindows = 2048

  /// - Parameter known: The tokenizer of a trained model; nil for that of the configuration.
  init(
    _ text: GeneratedText, configuration: CorpusConfiguration, context: Int, lanes: Int?,
    tokenizer known: (any Tokenizer)? = nil
  ) throws {
    self.text = text
    self.context = context
    self.lanes = lanes
    seed = configuration.seed
    let grammar = try configuration.junk.map(text.grammar(junk:)) ?? text.grammar
    self.grammar = grammar
    noise = try configuration.noise.map { try CharacterNoise($0, alphabet: grammar.alphabet) }
    countsCosts = [.easyFirst, .hardFirst].contains(configuration.order)
    if let known {
      tokenizer = known
    } else {
      switch configuration.tokenizer ?? .characters {
      // The tag of junk may be a character of its own.
      case .characters: tokenizer = CharacterTokenizer(alphabet: grammar.alphabet)
      case .bytes: tokenizer = ByteTokenizer()
      case .bytePairs(let vocabulary):
        tokenizer = BytePairTokenizer(
          trainedOn: [text.text(bytes: Self.tokenizerBytes, seed: seed, stream: .tokenizer)],
          vocabulary: vocabulary)
      case .imported: throw ImportedTokenizer.notChosen
      }
    }
    let weights = try configuration.weights.map { try text.weights($0, setting: "weights") }
    if let end = configuration.weightsAtEnd {
      schedule = TaskSchedule(
        grammar, from: weights ?? text.fractions, to: try text.weights(end, setting: "weights_at_end"))
    } else if configuration.order == .byTask {
      schedule = TaskSchedule(
        grammar,
        oneAfterTheOther: try Self.tokenFractions(
          grammar, weights: weights ?? text.fractions, tokenizer, seed: configuration.seed))
    } else {
      schedule = TaskSchedule(weights.map(grammar.taskChoice(weights:)) ?? grammar.rules[0].all)
    }
    let lengths = (0..<tokenizer.vocabulary).map { [tokenizer] token in tokenizer.bytes(of: token).count }
    let asked = configuration.validationTokens.dividedRoundingUp(by: context)
    // Each text is cut into pieces, which are windows: one piece, or those of a lane.
    let texts = lanes == nil ? asked : TokenizedCorpus.validationLanes
    let pieces = asked.dividedRoundingUp(by: texts)
    let count = texts * pieces
    var windows = [UInt16](repeating: 0, count: count * (context + 1))
    var tasks = [UInt8](repeating: 0, count: count * context)
    let names = text.tasks + text.answerNames
    var nats = [Double](repeating: 0, count: names.count)
    var targets = [Int](repeating: 0, count: names.count)
    var entropies = [Double](repeating: 0, count: count)
    var answers = [[TokenWindows.Answer]](repeating: [], count: count)
    var hashes: Set<UInt64> = []
    var writer = text.writer(seed: seed, stream: .validation, costs: true)
    if let weights = configuration.validationWeights {
      writer.tasks = text.grammar.taskChoice(
        weights: try text.weights(weights, setting: "validation_weights"))
    }
    for number in 0..<texts {
      writer.restart(random: GeneratedText.random(seed: seed, stream: .validation, window: number))
      var tokens: [UInt16] = []
      var taskOfToken: [UInt8] = []
      var passages: [Passage] = []
      while tokens.count < pieces * context + 1 {
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
      for position in 1...pieces * context {
        let end = edges[position - 1] + lengths[Int(tokens[position])]
        let task = Int(taskOfToken[position])
        costs.append(writer.costs[edges[position - 1]..<end].reduce(0, +))
        nats[task] += costs[position - 1]
        targets[task] += 1
        edges.append(end)
      }
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
        let (piece, first) = answer.targets.lowerBound.quotientAndRemainder(dividingBy: context)
        // One that is cut between windows cannot be judged in either.
        guard first + answer.targets.count <= context else { continue }
        answers[piece * texts + number].append(
          TokenWindows.Answer(
            task: answer.task, group: answer.group, targets: first..<first + answer.targets.count))
        if let group = answer.group { targets[group] += answer.targets.count }
      }
      for piece in 0..<pieces {
        let (window, first) = (piece * texts + number, piece * context)
        entropies[window] = costs[first..<first + context].reduce(0, +) / Double(context)
        windows.replaceSubrange(
          window * (context + 1)..<(window + 1) * (context + 1), with: tokens[first...first + context])
        tasks.replaceSubrange(
          window * context..<(window + 1) * context, with: taskOfToken[first + 1...first + context])
        hashes.insert(Self.hash(tokens[first...first + context]))
      }
    }
    validation = TokenWindows(
      context: context, count: count, tokens: windows, tasks: tasks, answers: answers)
    entropy = TokenizedCorpus.Entropy(
      total: nats.prefix(text.tasks.count).reduce(0, +) / Double(count * context),
      tasks: zip(nats, targets).map { $1 > 0 ? $0 / Double($1) : nil },
      windows: entropies)
    // Very short windows occur many times in the source. Excluding those from training would remove its most frequent
    // text and change the distribution. Windows of lanes depend on those before them, so none is left out.
    excluded = lanes == nil && Double(count - hashes.count) < 0.01 * Double(count) ? hashes : []
  }

  /// The training windows generated so far.
  struct Training {
    /// Their tokens, (windows, T + 1).
    fileprivate(set) var tokens: [UInt16] = []
    /// The mean cost in nats per byte of the passages of each, where it is needed.
    fileprivate(set) var nats: [Double] = []
    fileprivate var lanes: [Lane] = []
  }

  /// A lane, and its text from the first token of its next window on, as far as it was generated.
  fileprivate struct Lane {
    var writer: PassageWriter
    var noise: RandomStream
    var tokens: [UInt16] = []

    /// Appends the tokens of a passage, which `write` writes.
    mutating func goOn(
      _ write: (inout PassageWriter, inout RandomStream, inout [UInt16]) throws -> Void
    ) rethrows {
      writer.discard()
      try write(&writer, &noise, &tokens)
    }
  }

  /// Returns `count` training windows, a multiple of the lanes.
  ///
  /// - Parameter known: The windows generated before, where the first ones do not depend on how many there are.
  func training(_ count: Int, known: inout Training) throws -> (tokens: [UInt16], nats: [Double]) {
    if schedule.isConstant {
      try extend(&known, toWindows: count)
      return (known.tokens, known.nats)
    }
    var all = Training()
    try extend(&all, toWindows: count)
    return (all.tokens, all.nats)
  }

  /// Appends training windows to `known`, the ones generated before, until there are `count`, a multiple of the lanes.
  private func extend(_ known: inout Training, toWindows count: Int) throws {
    let start = known.tokens.count / (context + 1)
    guard start < count else { return }
    known.tokens.reserveCapacity(count * (context + 1))
    if let lanes { return try extend(&known, lanes: lanes, from: start, to: count) }
    var writer = trainingWriter(costs: countsCosts)
    var tokens: [UInt16] = []
    for window in start..<count {
      var noise = begin(window: window, of: count, &writer)
      repeat {
        writer.discard()
        tokens.removeAll(keepingCapacity: true)
        while tokens.count < context + 1 { try writePassage(&writer, &noise, into: &tokens) }
      } while !excluded.isEmpty && excluded.contains(Self.hash(tokens[...context]))
      known.tokens.append(contentsOf: tokens[...context])
      if countsCosts { known.nats.append(writer.costs.reduce(0, +) / Double(writer.costs.count)) }
    }
  }

  private func extend(_ known: inout Training, lanes: Int, from start: Int, to count: Int) throws {
    for window in start..<count {
      let number = window % lanes
      if window < lanes {
        var writer = trainingWriter(costs: false)
        let noise = begin(window: number, of: count, &writer)
        known.lanes.append(Lane(writer: writer, noise: noise))
      }
      while known.lanes[number].tokens.count < context + 1 {
        try known.lanes[number].goOn(writePassage(_:_:into:))
      }
      known.tokens.append(contentsOf: known.lanes[number].tokens[...context])
      known.lanes[number].tokens.removeFirst(context)
    }
  }

  private func trainingWriter(costs: Bool) -> PassageWriter {
    text.writer(seed: seed, stream: .training, costs: costs, grammar: grammar)
  }

  /// Prepares the text of a training window. Returns the random stream of its noise.
  private func begin(window: Int, of count: Int, _ writer: inout PassageWriter) -> RandomStream {
    writer.restart(random: GeneratedText.random(seed: seed, stream: .training, window: window))
    writer.tasks = schedule.choice(window: window, of: count)
    return GeneratedText.random(seed: seed, stream: .noise, window: window)
  }

  /// Writes a passage of the training text, and appends its tokens.
  private func writePassage(
    _ writer: inout PassageWriter, _ random: inout RandomStream, into tokens: inout [UInt16]
  ) throws {
    let start = writer.bytes.count
    _ = writer.writePassage()
    if let noise {
      try tokenizer.encode(noise.applied(to: writer.bytes[start...], &random)[...], into: &tokens)
    } else {
      try tokenizer.encode(writer.bytes[start...], into: &tokens)
    }
  }

  /// The words that the text says facts about; nil if there are none.
  var names: Set<[UInt8]>? { text.grammar.names }

  func knowledgeProbe() throws -> KnowledgeProbe {
    try KnowledgeProbe(text, tokenizer: tokenizer, context: context, seed: seed)
  }

  /// Returns how often each word was seen that has associations, by table and word: a passage counts if it ends in its
  /// window.
  ///
  /// - Parameter times: How often each of the training windows was read, which are independent.
  func timesSeen(_ times: [Int]) throws -> [[Int]] {
    var seen: [[Int]] = grammar.tables.map { _ in [] }
    for association in grammar.associations {
      let table = grammar.tables[association.of]
      seen[association.of] = Array(repeating: 0, count: table.known ?? table.words.size ?? 0)
    }
    var writer = trainingWriter(costs: false)
    writer.recordsAssociates = true
    for window in times.indices where times[window] > 0 {
      var random = begin(window: window, of: times.count, &writer)
      var (tokens, ends): ([UInt16], [Int]) = ([], [])
      repeat {
        writer.discard()
        tokens.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        while tokens.count < context + 1 {
          try writePassage(&writer, &random, into: &tokens)
          if tokens.count <= context + 1 { ends.append(writer.bytes.count) }
        }
      } while !excluded.isEmpty && excluded.contains(Self.hash(tokens[...context]))
      var last: (table: Int, subject: Int, passage: Int)?
      for associate in writer.associates {
        let table = grammar.associations[associate.association].of
        guard let passage = ends.firstIndex(where: { $0 > associate.bytes.lowerBound }),
          last.map({ $0 != (table, associate.subject, passage) }) ?? true,
          seen[table].indices.contains(associate.subject)
        else { continue }
        last = (table, associate.subject, passage)
        seen[table][associate.subject] += times[window]
      }
    }
    return seen
  }

  /// Returns the entropy of `count` training windows in nats per token, and its standard error: that of the text and of
  /// its noise, measured on windows at equal distances.
  func trainingEntropy(windows count: Int) throws -> (mean: Double, standardError: Double) {
    var writer = trainingWriter(costs: true)
    let measured = min(count, Self.measuredWindows)
    let values = try (0..<measured).map { index in
      let window = index * count / measured
      var random = begin(window: window, of: count, &writer)
      var tokens: [UInt16] = []
      while tokens.count < context + 1 { try writePassage(&writer, &random, into: &tokens) }
      // Passages are whole: the last one may go on behind the window.
      let nats = writer.costs.reduce(0, +)
      let characters = writer.bytes.count { $0 & 0xC0 != 0x80 && $0 != UInt8(ascii: "\n") }
      return (nats + (noise?.natsPerCharacter ?? 0) * Double(characters)) / Double(tokens.count)
    }
    let mean = values.reduce(0, +) / Double(measured)
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(measured - 1, 1))
    return (mean, (variance / Double(measured)).squareRoot())
  }

  /// The fraction of the tokens of each task, measured on many passages.
  private static func tokenFractions(
    _ grammar: Grammar, weights: [Double], _ tokenizer: any Tokenizer, seed: UInt64
  ) throws -> [Double] {
    var writer = PassageWriter(
      grammar, random: GeneratedText.random(seed: seed, stream: .sample, window: 0), costs: false)
    writer.tasks = grammar.taskChoice(weights: weights)
    var counts = weights.map { _ in 0 }
    for _ in 0..<10_000 {
      writer.discard()
      var tokens: [UInt16] = []
      let task = writer.writePassage()
      try tokenizer.encode(writer.bytes[...], into: &tokens)
      counts[task] += tokens.count
    }
    let total = counts.reduce(0, +)
    return counts.map { Double($0) / Double(total) }
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
      let first = edges.firstIndex(above: bytes.lowerBound) - 1
      let end = edges.firstIndex(above: bytes.upperBound - 1)
      guard first >= 0, end < costs.count, costs[first..<end].allSatisfy({ $0 == 0 }) else { return nil }
      let targets = first..<(costs[end] == 0 ? end + 1 : end)
      return TokenWindows.Answer(task: task, group: group, targets: targets)
    }
  }

  private static func hash(_ tokens: ArraySlice<UInt16>) -> UInt64 {
    tokens.reduce(0) { mix($0 ^ UInt64($1)) }
  }
}

extension [Int] {
  /// The index of the first element above `value`, of elements that rise; their number if there is none.
  fileprivate func firstIndex(above value: Int) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle] > value { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
