import Corpora
import Files
import Foundation
import Plans

/// The rules of a game, which all players know and nobody can change: the file `game.json`.
public struct GameRules: Codable, Sendable {
  /// A setting that is the same in all runs, as the command line writes it.
  struct Fixed: Codable, Sendable {
    let name: String
    let value: String
  }

  /// What the rules are made from.
  public struct Choices: Sendable {
    /// The FLOPs of each player's experiments.
    public var budget: Double
    /// The FLOPs of a final run.
    public var finalBudget: Double
    /// The source of the text.
    public var corpus: String
    /// Settings that differ from the defaults, each as `NAME=VALUE`.
    public var settings: [String]
    /// The probability with which an interval should contain the loss.
    public var level: Double
    /// The number of seeds that each final model is trained with.
    public var seeds: Int
    /// The number of sizes that the game trains to find the best loss.
    public var references: Int

    /// Creates the choices.
    public init(
      budget: Double, finalBudget: Double, corpus: String, settings: [String], level: Double, seeds: Int,
      references: Int
    ) {
      (self.budget, self.finalBudget, self.corpus) = (budget, finalBudget, corpus)
      (self.settings, self.level, self.seeds, self.references) = (settings, level, seeds, references)
    }
  }

  /// The FLOPs of each player's experiments.
  public let budget: Double
  /// The FLOPs of a final run.
  public let finalBudget: Double
  /// The name of a bundled corpus, or the path of a text relative to the game's folder.
  let corpus: String
  /// The checksum of the text.
  let fingerprint: String
  /// The settings that differ from the defaults.
  let settings: [Fixed]
  /// The probability with which an interval should contain the loss.
  public let level: Double
  /// The seeds that each final model is trained with.
  public let finalSeeds: [UInt64]
  /// The widths of the models that the game trains with the final budget.
  public let referenceWidths: [Int]

  /// The settings that players choose for each run.
  static let free = ["width", "depth", "tokens", "flops", "seed"]

  /// Checks the rules, and chooses the reference widths.
  ///
  /// - Parameter folder: The folder of the game.
  /// - Throws: `InputError` if no model can be trained by these rules.
  public init(_ choices: Choices, folder: String, corpora: CorpusCache) throws {
    guard choices.finalBudget > choices.budget else {
      throw InputError(
        "the final budget, \(choices.finalBudget.inFlops), is not above that of the experiments, "
          + choices.budget.inFlops,
        remedy: "Raise --final-flops, so that the final run cannot be tried before")
    }
    settings = try choices.settings.map(Self.fixed)
    let given = [("corpus", choices.corpus)] + settings.map { ($0.name, $0.value) }
    func plan(_ width: Int, flops: Double) throws -> PlannedRun {
      let run = try PlannedRun(
        options: given + [("width", "\(width)"), ("flops", "\(flops)")], corpora: corpora)
      try run.checkIsAlone()
      return run
    }
    // The smallest models must be affordable.
    fingerprint = try plan(8, flops: choices.budget).configuration.corpusFingerprint
    _ = try plan(8, flops: choices.finalBudget)
    let isBundled = try CorpusSource.isBundled(choices.corpus)
    corpus = isBundled ? choices.corpus : relativePath(of: choices.corpus, from: folder)
    (budget, finalBudget, level) = (choices.budget, choices.finalBudget, choices.level)
    // Seeds that the usual `seeds: 3` of an experiment does not have.
    finalSeeds = (0..<choices.seeds).map { 1000 + UInt64($0) }
    referenceWidths = Self.widths(choices.references) { width in
      (try? plan(width, flops: choices.finalBudget)).map { Double($0.tokens) / Double($0.counts.total) }
    }
  }

  /// Parses `NAME=VALUE`.
  private static func fixed(_ text: String) throws -> Fixed {
    let parts = text.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
    guard parts.count == 2, !parts.contains(""), !text.contains(where: \.isNewline) else {
      throw InputError(
        "`\(text)` is not a setting with its value", remedy: "Write for example --set architecture=llama")
    }
    let name = parts[0].replacing("-", with: "_")
    guard name != "corpus", !free.contains(name) else {
      throw InputError(
        "--set cannot fix `\(name)`",
        remedy: name == "corpus" ? "Give the corpus with --corpus" : "Each player chooses it for each run")
    }
    return Fixed(name: name, value: parts[1])
  }

  /// Returns widths from 8 to 200 tokens per parameter, in even ratios. In between lies the best size of published laws and
  /// of the bundled experiments.
  ///
  /// - Parameter ratio: Returns the tokens per parameter of a width; nil if there is no such model.
  private static func widths(_ count: Int, ratio: (Int) -> Double?) -> [Int] {
    let (fewest, most) = (8.0, 200.0)
    var candidates: [(width: Int, ratio: Double)] = []
    guard count > 0 else { return [] }
    for width in stride(from: 8, through: 4096, by: 8) {
      guard let ratio = ratio(width) else { continue }
      candidates.append((width, ratio))
      if ratio < fewest { break }
    }
    let targets = (0..<count).map { index in
      log(most) + (log(fewest) - log(most)) * (count > 1 ? Double(index) / Double(count - 1) : 0.5)
    }
    let chosen = targets.compactMap { target in
      candidates.min { abs(log($0.ratio) - target) < abs(log($1.ratio) - target) }?.width
    }
    return Set(chosen).sorted()
  }

  // MARK: Runs

  /// Returns the source of the text, as the current folder sees it.
  func source(in folder: String) throws -> String {
    try CorpusSource.isBundled(corpus) ? corpus : "\(folder)/\(corpus)"
  }

  /// Plans a run by these rules.
  ///
  /// - Parameters:
  ///   - folder: The folder of the game.
  ///   - free: The settings that players choose.
  /// - Throws: `InputError` if it is impossible, or the text has changed.
  func run(_ free: [(name: String, text: String)], in folder: String, corpora: CorpusCache) throws
    -> PlannedRun
  {
    let source = try source(in: folder)
    let options =
      [("corpus", source)] + settings.map { ($0.name, $0.value) } + free.map { ($0.name, $0.text) }
    let run = try PlannedRun(options: options.map { (name: $0.0, text: $0.1) }, corpora: corpora)
    try run.checkIsAlone()
    guard run.configuration.corpusFingerprint == fingerprint else {
      throw InputError(
        "the text has changed since the game began", file: source,
        remedy: "Restore it, or begin a new game. For a bundled corpus, use the same version of Isoflop")
    }
    return run
  }

  /// Checks that a run of an experiment is one of this game.
  ///
  /// - Parameters:
  ///   - folder: The folder of the game.
  ///   - file: The file of the experiment, for the error.
  /// - Throws: `InputError` with the setting that differs.
  func check(_ run: PlannedRun, of file: String, in folder: String, corpora: CorpusCache) throws {
    let configuration = run.configuration
    let free = [
      ("width", configuration.model.width), ("depth", configuration.model.depth),
      ("tokens", configuration.training.tokens), ("seed", Int(clamping: configuration.seed)),
    ].map { (name: $0.0, text: "\($0.1)") }
    let twin = try self.run(free, in: folder, corpora: corpora)
    guard twin.configuration.identifier != configuration.identifier else { return }
    // One text may have several paths.
    let (source, rule) = (configuration.corpus.source, twin.configuration.corpus.source)
    let isBundled = try CorpusSource.isBundled(source) || CorpusSource.isBundled(rule)
    let isOtherText =
      configuration.corpusFingerprint != fingerprint && source != rule
      && (isBundled || !isPath(source, below: [rule]))
    let (own, others) = (run.settings, twin.settings)
    for setting in Setting.all where !isOtherText && setting.name != "corpus" {
      guard let column = setting.column?.name, let value = own[column], let rule = others[column],
        value != rule
      else { continue }
      func text(_ cell: String) -> String { cell.isEmpty ? "not given" : cell }
      throw InputError(
        "`\(setting.name)` is \(text("\(value)")) in \(run.label), and \(text("\(rule)")) in this game",
        file: file,
        remedy:
          "Write it as in example.yaml of the game; players choose only width, depth, tokens or flops, and seed"
      )
    }
    throw InputError(
      "the corpus `\(source)` of \(run.label) is not the text of this game", file: file,
      remedy: "Give the corpus as in example.yaml of the game")
  }

  /// Returns an experiment with some runs of this game.
  ///
  /// - Parameters:
  ///   - folder: The folder of the game.
  ///   - grid: The items of its grid, as flow mappings of YAML.
  func experiment(title: String, description: String, grid: [String], in folder: String) throws -> String {
    var lines = ["title: \(quotedJSON(title))", "description: \(quotedJSON(description))"]
    for section in Setting.Section.allCases {
      var given = settings.compactMap { fixed -> String? in
        guard let setting = Setting.all.first(where: { ([$0.name] + $0.formerNames).contains(fixed.name) }),
          setting.section == section
        else { return nil }
        return "  \(setting.key): \(fixed.value)"
      }
      if section == .corpus { given.insert("  source: \(quotedJSON(try source(in: folder)))", at: 0) }
      if !given.isEmpty { lines += ["\(section.rawValue):"] + given }
    }
    return (lines + ["grid:"] + grid.map { "  - \($0)" }).joined(separator: "\n") + "\n"
  }
}
