import Files
import Foundation
import Plans
import TestSupport
import Testing
import Training

private let text = """
  title: t
  description: Whole.
  chapter: 3
  key: {fit: chinchilla, parameter: alpha, figure: loss-1-N}
  page:
    seen: >
      One
      paragraph.

      Another <one>.
    toy: |
      Written
      so.

      And so.
    questions:
      - {ask: "Why?", answer: "Because."}
  corpus: {source: village, validation_tokens: 1M, seed: 4}
  training: {batch: 512, warmup_steps: 10}
  grid: {width: [16, 32], tokens: [1M, 2M], seeds: 2}
  expect:
    - {results: completed, between: [8, 8], because: "as many as planned"}
  minutes:
    description: Reduced.
    corpus: {validation_tokens: 4096}
    training: {warmup_steps: 5}
    grid: {width: 16, tokens: [100k, 200k]}
    expect:
      - {results: completed, between: [2, 2]}

  """

/// The sections that make a file a page of the book, and its reduced tier.
@Suite struct TierTests {
  @Test func aTierReplacesSectionsAndSingleSettings() throws {
    let whole = try ExperimentFile(path: "e.yaml", text: text)
    let reduced = try ExperimentFile(path: "e.yaml", text: text, tier: .minutes)
    #expect(whole.name == "e" && reduced.name == "e-minutes")
    #expect(whole.description == "Whole." && reduced.description == "Reduced.")
    let (plan, small) = (
      try Plan(whole.shrunken(), corpora: CorpusCache(allowing: [packageFolder])),
      try Plan(reduced, corpora: CorpusCache(allowing: [packageFolder]))
    )
    #expect(plan.runs.count == 8 && small.runs.count == 2)
    let run = try #require(small.runs.first?.configuration)
    // The values that the tier replaces, and those that it keeps.
    #expect(run.corpus.validationTokens == 4096 && run.corpus.seed == 4)
    #expect(run.training.warmupSteps == 5 && run.training.batch.tokens(after: 0) == 512)
    let tiny = try Plan(reduced.shrunken(), corpora: CorpusCache(allowing: [packageFolder]))
    #expect(tiny.runs.count == 2 && tiny.experiment.name == "e-minutes-shrunken")
  }

  @Test(arguments: [
    ("{chinchilla.gamma}", "`{chinchilla.gamma}` is not a result"),
    ("{chinchila.alpha}", "Write `{chinchilla.alpha}`"),
    ("{chinchilla.alpha | bold}", "`bold` is not a form"), ("{runs", "is not closed"),
    ("{}", "is not a result"),
    ("{compare a.slope}", "is not a result"), ("{low}", "is not a result"),
  ])
  func aReferenceToNoResultIsRefused(reference: String, message: String) throws {
    let text = { (reference: String) in
      """
      title: t
      corpus: village
      grid: {width: 16, tokens: 1M}
      fits: [chinchilla, {name: "a.b c", law: power_d}]
      page:
        numbers: {lowest: {least: loss, where: {width: 16}}}
        toy: >
          The number is \(reference). {runs} runs, {lowest}, {a.b c.alpha | interval}, {= 5 {}, {results.completed}.
      minutes:
        fits: [isoflop]
      """
    }
    let error = #expect(throws: InputError.self) {
      try ExperimentFile(path: "e.yaml", text: text(reference))
    }
    #expect(
      "\(error?.description ?? "")".contains("e.yaml:7") && error?.description.contains(message) == true)
    // A tier may quote the fits of the other one.
    _ = try ExperimentFile(path: "e.yaml", text: text("{isoflop.a}"))
    _ = try ExperimentFile(path: "e.yaml", text: text("{chinchilla.alpha}"), tier: .minutes)
  }

  @Test func thePageOfAFileHasParagraphsAndQuestions() throws {
    let file = try ExperimentFile(path: "e.yaml", text: text)
    #expect(file.chapter == 3)
    #expect(file.page?.seen.map(\.source) == ["One paragraph.", "Another <one>."])
    #expect(file.page?.toy.map(\.source) == ["Written so.", "And so."])
    #expect(file.page?.why.isEmpty == true)
    #expect(file.page?.questions.map(\.ask.source) == ["Why?"])
    #expect(file.key?.number?.parameter == "alpha" && file.key?.figure == "loss-1-N")
  }

  @Test(arguments: [
    ("chapter: 3", "chapter: 0", "e.yaml:3: 0 is out of range. It must be from 1 to 1000."),
    ("  seen: >", "  sene: >", "e.yaml:6: unknown key `sene`. The nearest key is `seen`."),
    ("answer: \"Because.\"", "reply: no", "e.yaml:17: unknown key `reply`. The keys here are ask, answer."),
    ("figure: loss-1-N", "fig: x", "e.yaml:4: unknown key `fig`. The nearest key is `fit`."),
    ("parameter: alpha, ", "", "e.yaml:4: `parameter` is missing."),
    ("parameter: alpha, ", "parameter: gamma, ", "e.yaml:4: `gamma` is not one of A, B, alpha"),
    ("  description: Reduced.", "  title: Reduced.", "e.yaml:24: unknown key `title`."),
    // Errors in the reduced tier are reported when the whole one is read.
    ("tokens: [100k, 200k]", "tokens: [many]", "e.yaml:27: `many` is not a whole number."),
  ])
  func faultsAreNamedWithTheirLine(part: String, instead: String, message: String) {
    let error = #expect(throws: InputError.self) {
      try ExperimentFile(path: "e.yaml", text: text.replacing(part, with: instead))
    }
    #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "nothing")")
  }

  @Test func aTierThatIsNotThereIsAFault() throws {
    let error = #expect(throws: InputError.self) {
      try ExperimentFile(
        path: "e.yaml", text: "title: t\ncorpus: village\ngrid: {width: 16, tokens: 1M}\n", tier: .minutes)
    }
    #expect(
      error?.description == "e.yaml: has no section `minutes`. Add one, or leave out `--tier minutes`.")
  }

  @Test func whatRunsShareIsCountedOnce() throws {
    // Whole steps of 512: the trunk of the longer run ends at 80 %, after 160 256 tokens; that of the shorter at
    // 80 384. The cooldowns continue from there to 100 352 and 200 192.
    let runs = try plan("training: {batch: 512, warmup_steps: 5}\ngrid: {width: 16, tokens: [100k, 200k]}\n")
      .runs
    let perToken = try #require(runs.first?.counts.trainingFlopsPerToken)
    let tokens = Double(200_192 + (100_352 - 80_384))
    #expect(abs(runs.trainingFlops / (perToken * tokens) - 1) < 1e-12)
    #expect((runs + runs).trainingFlops == runs.trainingFlops)
    #expect(runs.trainingFlops < runs.reduce(0) { $0 + $1.flops })
  }
}
