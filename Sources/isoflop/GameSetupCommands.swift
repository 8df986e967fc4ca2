import Analysis
import ArgumentParser
import Games
import Plans

/// `isoflop game new`: makes a game.
struct GameNewCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "new", abstract: "Makes a game in a folder that all players share.",
    discussion:
      "With the defaults, a player's experiments take about a minute, and each final run one to three minutes of a core."
  )

  @Argument(help: "The folder of the game.", completion: .directory)
  var folder: String
  @Option(
    help: "The FLOPs that each player may spend on experiments; 2e11 by default.", transform: Quantity.init)
  var flops: Quantity?
  @Option(help: "The FLOPs of a final run; ten times --flops by default.", transform: Quantity.init)
  var finalFlops: Quantity?
  @Option(
    help: "A bundled corpus, a recipe (.yaml), a text file, a folder or a quoted pattern.",
    completion: .corpus)
  var corpus = "village"
  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "A setting of all runs, such as architecture=llama; may be repeated. Players choose width, depth, tokens and seed.",
      valueName: "name=value"))
  var settings: [String] = []
  @Option(help: "The probability with which a predicted interval should contain the loss.")
  var level = 0.9
  @Option(help: "The number of seeds that each final model is trained with.")
  var finalSeeds = 2
  @Option(help: "The number of sizes that the game trains with the final budget, to find the best loss.")
  var referenceSizes = 5

  func validate() throws {
    guard level > 0, level < 1 else { throw ValidationError("--level must be between 0 and 1.") }
    guard (1...100).contains(finalSeeds) else {
      throw ValidationError("--final-seeds must be from 1 to 100.")
    }
    guard (0...100).contains(referenceSizes) else {
      throw ValidationError("--reference-sizes must be from 0 to 100.")
    }
  }

  func run() throws {
    let budget = flops?.value ?? 2e11
    let choices = GameRules.Choices(
      budget: budget, finalBudget: finalFlops?.value ?? 10 * budget, corpus: corpus, settings: settings,
      level: level, seeds: finalSeeds, references: referenceSizes)
    let game = try Game(new: folder, choices, corpora: CorpusCache())
    let rules = game.rules
    print("experiments   \(number(rules.budget)) FLOPs for each player")
    print(
      "final runs    \(number(rules.finalBudget)) FLOPs, \(rules.finalSeeds.count) for each player, and "
        + "\(rules.finalSeeds.count * rules.referenceWidths.count) of the game"
        + (rules.referenceWidths.isEmpty
          ? "" : ", of width \(rules.referenceWidths.map { "\($0)" }.joined(separator: ", "))"))
    print("to begin with \(folder)/example.yaml")
    print("players join  isoflop game join \(folder) --player NAME")
  }
}

/// `isoflop game join`: adds a player.
struct GameJoinCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "join", abstract: "Adds a player to a game.")

  @OptionGroup var player: PlayerOptions

  func run() throws {
    let game = try Game(player.folder)
    let ledger = try game.append { _ in .joined(player: player.player) }
    print(
      "\(player.player) has \(number(game.rules.budget)) FLOPs; \(ledger.accounts.count) "
        + (ledger.accounts.count == 1 ? "player" : "players"))
  }
}

/// `isoflop game ledger`: what was spent on what.
struct GameLedgerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ledger", abstract: "Checks the ledger, and shows what was spent on what and what is left.",
    discussion:
      "The seal is the hash of the last line. Who writes it down can tell later whether any line up to it has changed."
  )

  @Argument(help: "The folder of the game.", completion: .directory)
  var folder: String
  @Option(help: "Shows only this player, with all purchases.")
  var player: String?
  @Flag(help: "Prints JSON instead of tables.")
  var json = false

  /// What `--json` prints.
  private struct Output: Encodable {
    let seal: String
    let lines: Int
    let isClosed: Bool
    let players: Table
    /// Those of each player.
    let purchases: [Table]
  }

  func run() throws {
    let ledger = try Game(folder).ledger()
    let accounts = try player.map { [try ledger.account(of: $0)] } ?? ledger.accounts
    let purchases = accounts.map { Table(.purchases(of: $0)) }
    let table = Table(.accounts(ledger))
    let shown = Table(
      table.columns,
      zip(ledger.accounts, table.rows).filter { row in accounts.contains { $0.player == row.0.player } }.map(
        \.1))
    if json {
      return try printJSON(
        Output(
          seal: ledger.seal, lines: ledger.count, isClosed: ledger.isClosed, players: shown,
          purchases: purchases))
    }
    if ledger.accounts.isEmpty { print("no players") } else { shown.print() }
    if player != nil, let account = accounts.first, !account.purchases.isEmpty {
      Table(.purchases(of: account)).print()
    }
    print("seal  \(ledger.seal), of \(ledger.count) lines")
  }
}
