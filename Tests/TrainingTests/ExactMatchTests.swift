import Autograd
import Corpora
import Files
import Foundation
import Models
import Testing
import Training

/// Exact match and the error of the reducible loss agree with values computed from the logits of each window.
@Suite struct ExactMatchTests {
  private let folder = Result { try ScratchFolder() }

  /// Sums of small numbers, which a small model learns partly; words with deterministic endings; and passages without
  /// them.
  private static let recipe = """
    tables:
      bird: {words: [owl, rook, wren, ibis], zipf: 1}
      digit: {numbers: [1, 3]}
    tasks:
      sums: {share: 3, text: "{n: digit}+{m: digit}={n + m}"}
      birds: {share: 2, text: "A {x: bird}, {x}."}
      letters: {share: 1, text: "{x: bird}{y: digit}!"}
    """

  private func corpus() throws -> (CorpusConfiguration, TokenizedCorpus) {
    let path = "\(try folder.get().path)/birds.yaml"
    try FileAccess.write(Data(Self.recipe.utf8), to: path)
    let configuration = CorpusConfiguration(source: path, validationTokens: 4000)
    return (configuration, try TokenizedCorpus(configuration, context: 40))
  }

  /// Returns a model of width 16 that was trained for some steps.
  private func trainer(_ source: CorpusConfiguration, _ corpus: TokenizedCorpus, steps: Int) throws -> Trainer
  {
    let run = RunConfiguration(
      corpus: source, corpusFingerprint: corpus.fingerprint,
      model: try ModelConfiguration(
        width: 16, depth: 2, heads: 2, context: 40, vocabulary: corpus.vocabulary),
      training: TrainingConfiguration(tokens: 400_000, batch: .fixed(400), warmupSteps: 10), seed: 2)
    let trainer = try Trainer(run, corpus: corpus, threads: 2)
    for _ in 0..<steps { _ = trainer.step(of: 400_000) }
    return trainer
  }

  /// Returns the text of the deterministic ending of a passage.
  private func ending(of passage: Substring) -> (task: String, text: Substring)? {
    if passage.contains("=") {
      return ("sums", passage[(passage.firstIndex(of: "=") ?? passage.startIndex)...])
    }
    // The names of birds begin with different letters: the first letter determines the rest.
    if passage.hasPrefix("A ") { return ("birds", passage.dropFirst(3)) }
    // A number of one digit is determined by it.
    return ("letters", passage.suffix(2))
  }

  @Test("The exact matches of a partly trained model agree with the greedy choices of its logits")
  func agreesWithPlainLogits() throws {
    let (source, corpus) = try corpus()
    let trainer = try trainer(source, corpus, steps: 120)
    let found = trainer.evaluate()

    let (program, inputs) = trainer.transformer.logitsProgram()
    let arena = Arena(for: program)
    let (windows, vocabulary) = (corpus.validation, corpus.vocabulary)
    let entropies = try #require(corpus.validationEntropy?.windows)
    var (right, all): ([String: Double], [String: Double]) = ([:], [:])
    var excess: [Double] = []
    var positions = Array(repeating: 0.0, count: 40)
    for window in 0..<windows.count {
      let tokens = windows[window].map(Int.init)
      for position in 0..<40 { arena.integers(inputs)[position] = Int32(tokens[position]) }
      program.forward(arena, parameters: trainer.state.parameters)
      let rows = (0..<40).map { row in
        arena.output[row * vocabulary..<(row + 1) * vocabulary].map(Double.init)
      }
      let choices = rows.map { row in row.indices.max { (row[$0], -$0) < (row[$1], -$1) } }
      let losses = zip(rows, tokens.dropFirst()).map { row, target in
        log(row.reduce(0) { $0 + exp($1) }) - row[target]
      }
      excess.append(losses.reduce(0, +) / 40 - entropies[window])
      for (position, loss) in losses.enumerated() { positions[position] += loss / Double(windows.count) }

      let text = corpus.tokenizer.decode(windows[window])
      var start = text.startIndex
      while let feed = text[start...].firstIndex(of: "\n") {
        let passage = text[start...feed]
        if let (task, ending) = ending(of: passage) {
          let first = text.distance(from: text.startIndex, to: ending.startIndex)
          let targets = first..<text.distance(from: text.startIndex, to: ending.endIndex)
          all[task, default: 0] += 1
          right[task, default: 0] += targets.allSatisfy { choices[$0 - 1] == tokens[$0] } ? 1 : 0
        }
        start = text.index(after: feed)
      }
    }
    for (task, share) in zip(corpus.tasks, found.exactMatches) {
      #expect(share == (right[task] ?? 0) / (all[task] ?? 0), "\(task)")
    }
    #expect(
      found.exactMatches.contains { $0 > 0.05 && $0 < 0.95 }, "\(found.exactMatches) tell nothing apart")
    let mean = excess.reduce(0, +) / Double(excess.count)
    let variance = excess.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(excess.count - 1)
    let expected = (variance / Double(excess.count)).squareRoot()
    let error = try #require(found.reducibleStandardError)
    #expect(abs(error / expected - 1) < 1e-3)
    #expect(error < found.standardError)
    #expect(zip(found.positions, positions).allSatisfy { abs($0 / $1 - 1) < 1e-3 })
    let ranges = [RunResult.PositionLoss](averaging: found.positions)
    #expect(
      ranges.map(\.first) == [1, 2, 3, 5, 9, 17, 33] && ranges.map(\.last) == [1, 2, 4, 8, 16, 32, 40])
    let sum = ranges.reduce(0) { $0 + Double($1.last - $1.first + 1) * $1.loss }
    #expect(abs(sum / 40 / found.loss - 1) < 1e-9)
  }

  /// Pairs that are drawn anew in each passage, some of which a small model finds again.
  private static let lists = """
    tables:
      person: {words: [A, B, C]}
      thing: {words: [x, y, z]}
    rules:
      pairs: {count: [1, 2, 3], between: " ", options: ["{who: new person}{what: new thing}"]}
    tasks:
      recall: {weight: 1, text: "{pairs}.{who in pairs}{what}.{who in pairs}{what}"}
      nothing: {weight: 1, text: "{a: thing}{a}!"}
    """

  @Test("Answers that lists determine are counted for their task and for their number of items")
  func answersByNumberOfItems() throws {
    let path = "\(try folder.get().path)/lists.yaml"
    try FileAccess.write(Data(Self.lists.utf8), to: path)
    let source = CorpusConfiguration(source: path, validationTokens: 4000)
    let corpus = try TokenizedCorpus(source, context: 40)
    #expect(corpus.tasks == ["recall", "nothing", "recall_1", "recall_2", "recall_3"])
    let trainer = try trainer(source, corpus, steps: 150)
    let found = trainer.evaluate()

    let (program, inputs) = trainer.transformer.logitsProgram()
    let arena = Arena(for: program)
    let (windows, vocabulary) = (corpus.validation, corpus.vocabulary)
    var (right, all, targets) = ([String: Int](), [String: Int](), [String: Int]())
    var losses: [String: Double] = [:]
    for window in 0..<windows.count {
      let tokens = windows[window].map(Int.init)
      for position in 0..<40 { arena.integers(inputs)[position] = Int32(tokens[position]) }
      program.forward(arena, parameters: trainer.state.parameters)
      let text = Array(corpus.tokenizer.decode(windows[window]))
      let first = text.startIndex
      // An answer is a word of the second kind after the full stop, and the mark after it.
      var (pairs, isAsked, start) = (0, false, first)
      for position in text.indices {
        switch text[position] {
        case "\n": (pairs, isAsked, start) = (0, false, position + 1)
        case ".": isAsked = true
        case "x", "y", "z":
          if !isAsked { pairs += 1 }
          guard isAsked, text[start].isUppercase, position + 1 < 41 else { continue }
          let own = (position - 1)...position
          let choices = own.map { target -> (isRight: Bool, loss: Double) in
            let row = arena.output[target * vocabulary..<(target + 1) * vocabulary].map(Double.init)
            let token = tokens[target + 1]
            return (
              row.indices.max { (row[$0], -$0) < (row[$1], -$1) } == token,
              log(row.reduce(0) { $0 + exp($1) }) - row[token]
            )
          }
          let isRight = choices.allSatisfy(\.isRight)
          for name in ["recall", "recall_\(pairs)"] {
            all[name, default: 0] += 1
            right[name, default: 0] += isRight ? 1 : 0
          }
          losses["recall_\(pairs)", default: 0] += choices.reduce(0) { $0 + $1.loss }
          targets["recall_\(pairs)", default: 0] += 2
        default: break
        }
      }
    }
    for (index, task) in corpus.tasks.enumerated() where task != "nothing" {
      let (right, all) = (right[task] ?? 0, all[task] ?? 0)
      #expect(all > 50 && found.exactMatches[index] == Double(right) / Double(all), "\(task)")
      guard let sum = losses[task], let targets = targets[task] else { continue }
      #expect(abs(found.tasks[index] - sum / Double(targets)) < 1e-5, "\(task)")
      #expect(abs(found.fractions[index] - Double(targets) / Double(windows.targetCount)) < 1e-12, "\(task)")
    }
    #expect(found.fractions.prefix(2).reduce(0, +) == 1)
    #expect(
      found.exactMatches[2...].contains { $0 > 0.05 && $0 < 0.95 }, "\(found.exactMatches) tell nothing apart"
    )
  }

  @Test("A text without known entropy has neither endings nor a reducible loss")
  func plainText() throws {
    let (source, corpus) = try smallCorpus(in: folder.get(), context: 16)
    let run = RunConfiguration(
      corpus: source, corpusFingerprint: corpus.fingerprint,
      model: try ModelConfiguration(width: 8, depth: 1, heads: 1, context: 16, vocabulary: corpus.vocabulary),
      training: TrainingConfiguration(tokens: 1000, batch: .fixed(64), warmupSteps: 5), seed: 1)
    let evaluation = try Trainer(run, corpus: corpus).evaluate()
    #expect(evaluation.exactMatches.allSatisfy { $0.isNaN })
    #expect(evaluation.reducibleStandardError == nil)
  }
}
