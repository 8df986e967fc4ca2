import Execution
import Files
import Foundation
import Plans

#if canImport(Glibc)
  import Glibc
#endif

/// A game in a folder that all players share.
///
/// | path | content |
/// |---|---|
/// | `game.json` | the rules |
/// | `ledger.jsonl` | what everybody has bought and predicted |
/// | `example.yaml` | an experiment to begin with |
/// | `players/NAME/` | the results of all runs that a player has bought, like those of any experiment |
/// | `final/` | the results of the final runs |
/// | `page.html` | the page of the game |
/// | `runs/` | the folder of runs, which are trained once, whoever has bought them |
public struct Game: Sendable {
  /// The path of the folder.
  public let path: String
  /// The rules.
  public let rules: GameRules
  /// The bytes of the rules, of which the ledger has the hash.
  private let rulesData: Data

  /// Opens a game.
  ///
  /// - Throws: `InputError` if there is none, or its rules are damaged.
  public init(_ path: String) throws {
    self.path = path
    let file = "\(path)/game.json"
    guard let data = try FileAccess.readIfPresent(file) else {
      throw InputError(
        try FileAccess.kind(of: path) == .folder ? "is not a game: it has no game.json" : "no such folder",
        file: path,
        remedy: "Name the folder of a game, or make one with `isoflop game new`")
    }
    rules = try decodeRecord(
      GameRules.self, from: data, path: file, remedy: "Restore it from a copy, or begin a new game")
    rulesData = data
  }

  /// Makes a game.
  ///
  /// - Throws: `InputError` if the folder has one already, or cannot be written.
  public init(new path: String, _ choices: GameRules.Choices, corpora: CorpusCache) throws {
    guard try !FileAccess.exists("\(path)/game.json") else {
      throw InputError("is already a game", file: path, remedy: "Choose another folder")
    }
    // Faults of the rules leave no folder behind.
    _ = try GameRules(choices, folder: path, corpora: corpora)
    try FileAccess.makeFolder(path)
    self.path = path
    // The path of a text is resolved with the folder in place.
    rules = try GameRules(choices, folder: path, corpora: corpora)
    rulesData = try recordJSON(rules)
    try FileAccess.write(Data(try example(corpora).utf8), to: "\(path)/example.yaml")
    try FileAccess.write(Ledger(budget: rules.budget, rules: rulesData).text, to: ledgerFile)
    // Last: with it the folder is a game.
    try FileAccess.write(rulesData, to: "\(path)/game.json")
  }

  private var ledgerFile: String { "\(path)/ledger.jsonl" }
  /// The folder of runs.
  public var runs: String { "\(path)/runs" }
  /// The folder of the players' folders of results.
  public var players: String { "\(path)/players" }
  /// The folders of texts that experiments of the game may read.
  public var textFolders: [String] {
    get throws {
      let source = try rules.source(in: path)
      return source == rules.corpus ? [] : [(source as NSString).deletingLastPathComponent]
    }
  }

  // MARK: The ledger

  /// Reads and checks the ledger.
  ///
  /// - Throws: `InputError` with the line that is not as it was written.
  public func ledger() throws -> Ledger {
    guard let data = try FileAccess.readIfPresent(ledgerFile) else {
      throw InputError(
        "the game has no ledger", file: ledgerFile, remedy: "Restore it from a copy, or begin a new game")
    }
    return try Ledger(data, path: ledgerFile, budget: rules.budget, rules: rulesData)
  }

  /// Adds an event to the ledger, while no other process does.
  ///
  /// - Parameter event: Returns the event to add to the present ledger; nil for none.
  /// - Returns: The ledger with the event.
  /// - Throws: `InputError` if the rules forbid it, or the ledger cannot be written. It is then unchanged.
  @discardableResult
  public func append(_ event: (Ledger) throws -> Event?) throws -> Ledger {
    let claims = Claims("\(runs)/claims")
    while true {
      if let claim = try claims.claim("ledger") {
        defer { claim.finish() }
        do {
          // After this, an earlier owner that was suspended can no longer change anything.
          try FileAccess.removeTemporaries(in: path, mayRemove: claim.check)
          var ledger = try ledger()
          guard let event = try event(ledger) else { return ledger }
          try ledger.append(event)
          try FileAccess.write(ledger.text, to: ledgerFile, mayReplace: claim.check)
          return ledger
        } catch is ClaimLost { continue }
      }
      usleep(100_000)
    }
  }

  // MARK: Experiments

  /// Returns the runs of an experiment, if they are runs of this game.
  ///
  /// - Throws: `InputError` with the setting that differs.
  public func runs(of plan: Plan, corpora: CorpusCache) throws -> [BoughtRun] {
    for run in plan.runs { try rules.check(run, of: plan.experiment.path, in: path, corpora: corpora) }
    return plan.runs.map(BoughtRun.init)
  }

  /// Returns the experiment with all runs that a player has bought, whose folder of results is that of the player.
  ///
  /// - Parameter runs: Runs that are not bought yet.
  public func experiment(of account: Account, and runs: [BoughtRun] = []) throws -> ExperimentFile {
    let grid = (account.runs + runs).map { run in
      let length = run.budget.map { "flops: \($0)" } ?? "tokens: \(run.length)"
      return "{width: \(run.width), depth: \(run.depth), \(length), seed: \(run.seed)}"
    }
    let text = try rules.experiment(
      title: "The experiments of \(account.player)",
      description: "All runs that \(account.player) has bought in the game.",
      grid: grid, in: path)
    return try ExperimentFile(path: "\(players)/\(account.player).yaml", text: text)
  }

  /// Plans the model of a prediction.
  ///
  /// - Parameters:
  ///   - depth: The number of blocks; nil for the default.
  ///   - tokens: The tokens to train on; nil for those that the final budget pays for.
  /// - Throws: `InputError` if it cannot be built, or costs more than the final budget.
  public func finalModel(width: Int, depth: Int?, tokens: Int?, corpora: CorpusCache) throws -> FinalModel {
    let free =
      [("width", "\(width)")] + (depth.map { [("depth", "\($0)")] } ?? [])
      + [tokens.map { ("tokens", "\($0)") } ?? ("flops", "\(rules.finalBudget)")]
    let run = try rules.run(free.map { (name: $0.0, text: $0.1) }, in: path, corpora: corpora)
    // Tokens are rounded to whole steps.
    let step = Double(run.configuration.training.batch.stages.map(\.tokens).max() ?? 0)
    guard run.flops <= rules.finalBudget + step * run.counts.trainingFlopsPerToken else {
      let most = rules.finalBudget / run.counts.trainingFlopsPerToken
      throw InputError(
        "a model of width \(width) with \(run.tokens) tokens costs \(run.flops.inFlops), above the final budget of "
          + rules.finalBudget.inFlops,
        remedy: String(format: "Give at most %.4g tokens, or leave --tokens out", most))
    }
    return FinalModel(run)
  }

  /// Checks that the model of a prediction is one that the final budget pays for.
  ///
  /// - Throws: `InputError` if it is not.
  public func check(_ prediction: Prediction, corpora: CorpusCache) throws {
    let model = try finalModel(
      width: prediction.width, depth: prediction.depth, tokens: prediction.tokens, corpora: corpora)
    guard model == FinalModel(prediction) else {
      throw InputError(
        "the model of \(prediction.player) does not have the size or the price that the prediction says",
        remedy: "Reveal the file as `isoflop game predict` wrote it")
    }
  }

  /// Returns the experiment of the final runs: the models of all revealed predictions, and the references.
  public func finalExperiment(_ ledger: Ledger) throws -> ExperimentFile {
    let seeds = "seed: [\(rules.finalSeeds.map { "\($0)" }.joined(separator: ", "))]"
    let models = ledger.accounts.compactMap(\.prediction).map(FinalModel.init)
    let grid =
      models.map { "{width: \($0.width), depth: \($0.depth), tokens: \($0.tokens), \(seeds)}" }
      + rules.referenceWidths.map { "{flops: \(rules.finalBudget), width: \($0), \(seeds)}" }
    let text = try rules.experiment(
      title: "The final runs", description: "The models that were predicted, and the references of the game.",
      grid: grid, in: path)
    return try ExperimentFile(path: "\(path)/final.yaml", text: text)
  }

  /// Returns the text of an experiment to begin with, which costs about a tenth of the budget.
  private func example(_ corpora: CorpusCache) throws -> String {
    let widths = [8, 16, 24]
    func runs(_ tokens: Int) throws -> [PlannedRun] {
      try widths.map { width in
        try rules.run([("width", "\(width)"), ("tokens", "\(tokens)")], in: path, corpora: corpora)
      }
    }
    var tokens = 1000
    // The longest that is affordable, or the shortest that is possible.
    while tokens < 1 << 40 {
      if let longer = try? runs(2 * tokens), longer.trainingFlops > 0.1 * rules.budget,
        (try? runs(tokens)) != nil
      {
        break
      }
      tokens *= 2
    }
    return try
      "# Change the grid, and see what it costs: isoflop game run FOLDER FILE --player NAME --dry-run\n"
      + rules.experiment(
        title: "Which size is best?", description: "A few small models to begin with.",
        grid: ["{width: [\(widths.map { "\($0)" }.joined(separator: ", "))], tokens: [\(tokens)]}"], in: path)
  }
}
