import ArgumentParser

/// `isoflop game`: the budget game for a class.
struct GameCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "game",
    abstract: "A game for a class: experiments on a budget, and a prediction for a larger one.",
    discussion: """
      A teacher makes a game in a folder that all share; students join, buy runs, and predict the best model of the final \
      budget, its loss, and an interval. The final runs are then trained and scored.
      """,
    subcommands: [
      GameNewCommand.self, GameJoinCommand.self, GameRunCommand.self, GameLedgerCommand.self,
      GamePredictCommand.self, GameRevealCommand.self, GameFinalCommand.self, GamePageCommand.self,
    ])
}

/// The arguments of all commands of a player.
struct PlayerOptions: ParsableArguments {
  @Argument(help: "The folder of the game.", completion: .directory)
  var folder: String
  @Option(help: "The name of the player.")
  var player: String
}

/// The options of the commands that train runs of a game.
struct GameTrainingOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "Runs at the same time, at most one per core, which is the default.")
  var jobs: Int?
  @Flag(help: "Prints the runs with what they cost, and trains nothing.")
  var dryRun = false
  @OptionGroup var kernels: KernelOptions
  @OptionGroup var figures: FigureOptions
  @OptionGroup var out: OutputOptions

  func validate() throws {
    if let jobs, jobs < 1 { throw ValidationError("--jobs must be at least 1.") }
  }

  /// The options of an ordinary training in a folder of runs.
  ///
  /// - Parameter texts: Folders of texts that experiments may read.
  func options(runs: String, texts: [String]) throws -> TrainingOptions {
    var options = try TrainingOptions.parse([])
    (options.output, options.corpora) = (runs, texts)
    (options.jobs, options.dryRun, options.kernels) = (jobs, dryRun, kernels)
    (options.figures, options.out) = (figures, out)
    return options
  }
}
