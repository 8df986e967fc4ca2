import Analysis
import ArgumentParser
import Execution
import Files
import Foundation
import Games
import Plans
import Reports
import Training

/// `isoflop game run`: buys and trains the runs of an experiment.
struct GameRunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Buys the runs of an experiment, trains them, and fits all runs of the player.",
    discussion: """
      The price is charged before anything is trained. Runs that the player has bought before cost nothing. If \
      interrupted, the same command continues. Results are in players/NAME of the game's folder.
      """)

  @Argument(help: "The folder of the game.", completion: .directory)
  var folder: String
  @Argument(
    help: "The experiment's file, or the name of a bundled experiment.",
    completion: .file(extensions: ["yaml", "yml"]))
  var file: String
  @Option(help: "The name of the player.")
  var player: String
  @OptionGroup var training: GameTrainingOptions

  func run() throws {
    let game = try Game(folder)
    let account = try game.ledger().account(of: player)
    let corpora = CorpusCache(allowing: try game.textFolders)
    let plan = try Plan(ExperimentFile(contentsOf: BundledExperiments.path(of: file)), corpora: corpora)
    complain(notes: plan.notes)
    let runs = try game.runs(of: plan, corpora: corpora)
    let options = try training.options(runs: game.runs, texts: game.textFolders)
    let name = plan.experiment.name
    if training.dryRun { return try quote(runs, of: plan, account, game, options) }
    let renderer = try training.figures.renderer()
    var price = 0.0
    let ledger = try game.append { ledger in
      let quote = try ledger.account(of: player).quote(runs)
      price = quote.flops
      return quote.runs.isEmpty
        ? nil : .bought(player: player, experiment: name, runs: quote.runs, flops: quote.flops)
    }
    let payer = try ledger.account(of: player)
    training.out.say(
      (price == 0 ? "all \(runs.count) runs were bought before" : "\(name) costs \(number(price)) FLOPs")
        + "; \(player) has \(number(payer.left)) of \(number(payer.budget)) FLOPs left")
    let experiment = try game.experiment(of: payer)
    let session = try train(experiment, options, results: game.players)
    try collect(session.plans[0], in: session.store, session.corpora, options.out, renderer)
    try session.removeRemains()
  }

  /// Prints what the runs cost.
  private func quote(
    _ runs: [BoughtRun], of plan: Plan, _ account: Account, _ game: Game, _ options: TrainingOptions
  ) throws {
    let quote = account.quote(runs)
    let new = Set(quote.runs.map(\.cost.run))
    try Table(
      [
        "run", "settings", .init("n_total", title: "parameters"), .init("d_tokens", title: "tokens"),
        .init("c_exact", title: "FLOPs"), "state",
      ],
      plan.runs.map { run in
        let identifier = run.configuration.identifier
        return [
          .init(identifier), .init(run.label), .init(run.counts.total), .init(run.tokens), .init(run.flops),
          .init(new.contains(identifier) ? "new" : "bought before"),
        ]
      }
    ).print(json: training.out.json)
    let session = try TrainingSession(
      [game.experiment(of: account, and: quote.runs)], options, results: game.players)
    training.out.say(
      "price: \(number(quote.flops)) FLOPs for \(quote.runs.count) new runs; \(player) has \(number(account.left)) of "
        + "\(number(account.budget)) FLOPs left")
    if quote.runs.contains(where: { run in runs.contains { $0.cost.trunk == run.cost.trunk && $0 != run } }) {
      training.out.say("what runs of one width, depth and seed have in common is paid for once")
    }
    training.out.say(
      "about \(duration(session.scheduler.predictedSeconds)) of training on \(session.workers) cores")
    if !quote.runs.isEmpty {
      try account.checkPurchase(of: quote.runs, for: quote.flops, experiment: plan.experiment.name)
    }
  }
}

/// Trains the unfinished runs of an experiment of a game.
///
/// - Parameter results: Where its folder of results is.
private func train(
  _ experiment: ExperimentFile, _ options: TrainingOptions, results: String
) throws -> TrainingSession {
  let session = try TrainingSession([experiment], options, results: results)
  try session.announce()
  try session.freeze(0)
  let failures = try session.train(0)
  guard failures.isEmpty else {
    complain("\(failures.count) trunk\(failures.count == 1 ? "" : "s") failed; what was finished is kept")
    throw ExitCode(Status.someRunsFailed.rawValue)
  }
  return session
}

/// `isoflop game predict`: commits a prediction.
struct GamePredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Predicts the best model of the final budget, its loss, and an interval.",
    discussion: """
      The prediction is written to a file that only the player has, and its hash to the ledger. It cannot be changed, and no \
      more runs can be bought.
      """)

  @OptionGroup var player: PlayerOptions
  @Option(help: "The width of the model.", transform: Count.init(_:))
  var width: Count
  @Option(help: "The number of its blocks; 2 by default.", transform: Count.init(_:))
  var depth: Count?
  @Option(
    help: "The tokens to train it on. Default: those that the final budget pays for.",
    transform: Count.init(_:))
  var tokens: Count?
  @Option(help: "The loss that it will reach, in nats per token.", transform: Quantity.init)
  var loss: Quantity
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("The lower and the upper end of the interval.", valueName: "low high"),
    transform: Quantity.init)
  var interval: [Quantity]
  @Option(
    name: .shortAndLong,
    help: "The file of the prediction, outside the game's folder; NAME.prediction.json by default.",
    completion: .file())
  var output: String?
  @Flag(help: "Prints the model and what it costs, and predicts nothing.")
  var dryRun = false

  func validate() throws {
    guard interval.count == 2 else {
      throw ValidationError("--interval needs two numbers, such as 0.60 0.65.")
    }
  }

  func run() throws {
    let game = try Game(player.folder)
    _ = try game.ledger().account(of: player.player)
    let model = try game.finalModel(
      width: width.value, depth: depth?.value, tokens: tokens?.value,
      corpora: CorpusCache(allowing: try game.textFolders))
    print("model         width \(model.width), depth \(model.depth), \(model.parameters) parameters")
    print("tokens        \(model.tokens)")
    print("FLOPs         \(number(model.flops)) of \(number(game.rules.finalBudget))")
    if dryRun { return }
    let file = output ?? "\(player.player).prediction.json"
    guard !isPath(file, below: [player.folder]) else {
      throw InputError(
        "lies in the folder of the game, where others can read it", file: file,
        remedy: "Name a file elsewhere with --output, or work in another folder")
    }
    let ledger = try game.append { ledger in
      // Before the file is written: that of a first prediction must not be lost.
      try ledger.check(.committed(player: player.player, prediction: ""))
      guard try !FileAccess.exists(file) else {
        throw InputError(
          "exists already, and may be needed to reveal another prediction", file: file,
          remedy: "Name another file with --output")
      }
      let prediction = try Prediction(
        player: player.player, model: model, loss: loss.value, low: interval[0].value,
        high: interval[1].value,
        seal: ledger.seal)
      try prediction.write(to: file)
      return .committed(player: player.player, prediction: try prediction.commitment)
    }
    print(
      "loss          \(number(loss.value)), from \(number(interval[0].value)) to \(number(interval[1].value))"
    )
    print(
      "file          \(file): keep it, and show it to nobody. Later: isoflop game reveal \(player.folder) \(file)"
    )
    print("seal          \(ledger.seal)")
  }
}

/// `isoflop game reveal`: reveals a prediction.
struct GameRevealCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reveal", abstract: "Reveals a prediction, once all players have predicted.")

  @Argument(help: "The folder of the game.", completion: .directory)
  var folder: String
  @Argument(help: "The file that `isoflop game predict` wrote.", completion: .file(extensions: ["json"]))
  var file: String

  func run() throws {
    let game = try Game(folder)
    let prediction = try Prediction(contentsOf: file)
    try game.check(prediction, corpora: CorpusCache(allowing: try game.textFolders))
    try game.append { $0.isReadyToClose ? .closed : nil }
    try game.append { _ in .revealed(prediction) }
    print("\(prediction.player) predicts a loss of \(number(prediction.loss)) at width \(prediction.width)")
  }
}

/// `isoflop game final`: trains the final runs and prints the scores.
struct GameFinalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "final",
    abstract: "Trains the models of all predictions with the final budget, and prints the scores.",
    discussion: """
      Several commands, also on several machines, share the work. If interrupted, the same command continues.
      """)

  @Argument(help: "The folder of the game.", completion: .directory)
  var folder: String
  @Flag(help: "Goes on without the players who have not predicted, or not revealed their prediction.")
  var close = false
  @OptionGroup var training: GameTrainingOptions

  /// What `--json` prints.
  private struct Output: Encodable {
    let seedDeviation: Double?
    let bestLoss: Double?
    let ranks: Table
    let regrets: Table
    let intervals: Table
  }

  func run() throws {
    let game = try Game(folder)
    var ledger = try game.ledger()
    if training.dryRun { return try announce(game, ledger) }
    ledger = try game.append { ledger in
      guard !ledger.isClosed else { return nil }
      try ledger.requireAllPredictions(unless: close)
      return .closed
    }
    try ledger.requireAllRevealed(unless: close)
    let renderer = try training.figures.renderer()
    let options = try training.options(runs: game.runs, texts: game.textFolders)
    let session = try train(game.finalExperiment(ledger), options, results: game.path)
    _ = try ExperimentResults.write(
      of: session.plans[0], in: session.store, corpora: session.corpora, renderer: renderer,
      isProgressShown: options.out.verbosity > .quiet)
    try session.removeRemains()
    let results = try FinalResults(session.plans[0], ledger, rules: game.rules) {
      try session.store.folder(of: $0.configuration).finishedRecord()?.result
    }
    let tables = [
      Finding.ranks(results), .regrets(results), .intervals(results, level: game.rules.level),
    ]
    if training.out.json {
      try printJSON(
        Output(
          seedDeviation: results.deviation, bestLoss: results.best?.loss, ranks: Table(tables[0]),
          regrets: Table(tables[1]), intervals: Table(tables[2])))
    } else {
      for table in tables { table.print() }
    }
  }

  /// Prints what the final costs.
  private func announce(_ game: Game, _ ledger: Ledger) throws {
    let options = try training.options(runs: game.runs, texts: game.textFolders)
    let known = ledger.accounts.count { $0.prediction != nil }
    let hidden = ledger.accounts.count { $0.commitment != nil } - known
    let seeds = Double(game.rules.finalSeeds.count)
    let price = { (models: Int) in number(Double(models) * seeds * game.rules.finalBudget) }
    print(
      "references    \(game.rules.referenceWidths.count) models, \(price(game.rules.referenceWidths.count)) FLOPs"
    )
    print("predictions   \(known + hidden) models, at most \(price(known + hidden)) FLOPs")
    guard known > 0 || !game.rules.referenceWidths.isEmpty else { return }
    let session = try TrainingSession([game.finalExperiment(ledger)], options, results: game.path)
    print(
      "time          about \(duration(session.scheduler.predictedSeconds)) on \(session.workers) cores"
        + (hidden > 0 ? ", without the \(hidden) predictions that are not revealed" : ""))
  }
}

/// `isoflop game page`: the page of a game.
struct GamePageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "page", abstract: "Writes a page with everybody's ledger and experiments, and the scores.")

  @Argument(help: "The folder of the game.", completion: .directory)
  var folder: String
  @OptionGroup var figures: FigureOptions

  func run() throws {
    let game = try Game(folder)
    let ledger = try game.ledger()
    let renderer = try figures.renderer()
    let corpora = CorpusCache(allowing: try game.textFolders)
    let store = RunStore(reading: game.runs)
    func rows(_ experiment: ExperimentFile) throws -> (plan: Plan, rows: [RunRow]) {
      let plan = try Plan(experiment, corpora: corpora)
      return (
        plan,
        try plan.runs.compactMap { run in
          try store.folder(of: run.configuration).finishedRecord().map { RunRow(run, $0.result) }
        }
      )
    }
    var runs: [String: [RunRow]] = [:]
    for account in ledger.accounts where !account.runs.isEmpty {
      runs[account.player] = try rows(game.experiment(of: account)).rows
    }
    var results: FinalResults?
    if ledger.accounts.contains(where: { $0.prediction != nil }) {
      let plan = try Plan(game.finalExperiment(ledger), corpora: corpora)
      let found = try FinalResults(plan, ledger, rules: game.rules) {
        try store.folder(of: $0.configuration).finishedRecord()?.result
      }
      if !found.scores.isEmpty { results = found }
    }
    let path = "\(folder)/page.html"
    try GamePage(of: game, ledger, results: results, runs: runs).write(
      to: path, figures: "\(folder)/figures", renderer: renderer)
    print("page  \(path)")
  }
}
