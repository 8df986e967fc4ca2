import Foundation
import FoundationXML
import Testing

/// Whole games by the real program, with models that take milliseconds.
@Suite struct GameTests {
  private let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
    try folder.write(smallText(words: 40_000), to: "text.txt")
    try folder.write(
      """
      title: Which size is best?
      corpus: {source: text.txt, validation_tokens: 4096}
      model: {context: 32}
      training: {batch: 256, warmup_steps: 5}
      grid: {width: [8, 16], tokens: [20k, 30k, 40k]}

      """, to: "small.yaml")
    let new = try game(
      "new", "class", "--flops", "5e9", "--final-flops", "6e9", "--corpus", "text.txt", "--set", "context=32",
      "--set", "batch=256", "--set", "warmup_steps=5", "--set", "validation-tokens=4096", "--reference-sizes",
      "2")
    #expect(new.status == 0, "\(new.errors)")
  }

  private func game(_ arguments: String...) throws -> Command {
    try Command(all: ["game"] + arguments, in: folder.path)
  }

  /// Checks that a command is refused with one line that contains a text.
  private func refuses(_ arguments: String..., with message: String, shell: String = "") throws {
    let command = try Command(all: ["game"] + arguments, in: folder.path, shell: shell)
    #expect(command.status == 2 && command.errors.contains(message), "\(arguments): \(command.errors)")
    #expect(command.errors.split(separator: "\n").count == 1, "\(arguments): \(command.errors)")
  }

  private func play(_ arguments: String...) throws -> String {
    let command = try Command(all: ["game"] + arguments, in: folder.path)
    #expect(command.status == 0, "\(arguments): \(command.errors)")
    return command.output
  }

  private struct LedgerOutput: Decodable {
    struct Player: Decodable {
      let player: String
      let runs: Int
      let spent: Double
      let left: Double
    }
    let lines: Int
    let players: [Player]
  }

  private func ledger() throws -> LedgerOutput {
    try JSONDecoder().decode(LedgerOutput.self, from: Data(play("ledger", "class", "--json").utf8))
  }

  @Test("A whole game, from the rules to the page")
  func whole() throws {
    for player in ["ada", "bob"] { _ = try play("join", "class", "--player", player) }
    let quote = try play("run", "class", "small.yaml", "--player", "ada", "--dry-run")
    #expect(quote.contains("for 6 new runs") && quote.contains("is paid for once"))
    #expect(try ledger().players.map(\.spent) == [0, 0])
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/class/runs/store"))

    // Both at once, and with other work: each pays, each run is trained once.
    let first = try Command.start(
      ["game", "run", "class", "small.yaml", "--player", "ada", "--no-figures"], in: folder.path)
    let second = try Command.start(
      ["game", "run", "class", "small.yaml", "--player", "bob", "--no-figures"], in: folder.path)
    first.waitUntilExit()
    second.waitUntilExit()
    #expect(first.terminationStatus == 0 && second.terminationStatus == 0)
    let paid = try ledger()
    #expect(
      paid.lines == 5 && paid.players.map(\.runs) == [6, 6] && Set(paid.players.map(\.spent)).count == 1)
    #expect(paid.players.allSatisfy { $0.spent > 0 && $0.left == 5e9 - $0.spent })
    let store = try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/class/runs/store")
    #expect(store.count == 6)

    // As after an interruption: paid, and not trained.
    try FileManager.default.removeItem(atPath: "\(folder.path)/class/runs/store/\(store[0])")
    #expect(
      try play("run", "class", "small.yaml", "--player", "ada", "--no-figures").contains("were bought before")
    )
    #expect(try ledger().lines == 5)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/class/runs/store").sorted()
        == store.sorted())
    let fit = try Command("fit", "class/players/ada/results.csv", "--law", "power_c", in: folder.path)
    #expect(fit.status == 0, "\(fit.errors)")

    try refuses("final", "class", with: "nobody has predicted yet")
    let output = try play(
      "predict", "class", "--player", "ada", "--width", "16", "--loss", "0.9", "--interval", "0.25", "1.25")
    #expect(output.contains("ada.prediction.json: keep it"))
    let mode = try FileManager.default.attributesOfItem(atPath: "\(folder.path)/ada.prediction.json")[
      .posixPermissions]
    #expect(mode as? Int == 0o600)
    let hidden = try folder.read("class/ledger.jsonl")
    #expect(!hidden.contains("0.9") && !hidden.contains("nonce"))
    try refuses("reveal", "class", "ada.prediction.json", with: "Wait for bob")
    try refuses("final", "class", with: "bob has not predicted yet")
    try refuses("run", "class", "class/example.yaml", "--player", "ada", with: "buys no more runs")
    try refuses(
      "predict", "class", "--player", "ada", "--width", "8", "--loss", "1", "--interval", "0.5", "2", "-o",
      "other",
      with: "ada has already predicted")
    _ = try play(
      "predict", "class", "--player", "bob", "--width", "8", "--tokens", "20k", "--loss", "1", "--interval",
      "0.99",
      "1.01")
    try refuses("final", "class", with: "ada and bob have not revealed the prediction yet")
    let changed = try folder.read("ada.prediction.json").replacing("0.9", with: "0.8")
    try folder.write(changed, to: "changed.json")
    try refuses("reveal", "class", "changed.json", with: "is not the one that was made")
    _ = try play("reveal", "class", "ada.prediction.json")
    try refuses("reveal", "class", "ada.prediction.json", with: "already revealed")
    _ = try play("reveal", "class", "bob.prediction.json")
    #expect(try play("final", "class", "--dry-run").contains("predictions   2 models"))

    struct Final: Decodable {
      struct Rank: Decodable {
        let player: String
        let score: Double
      }
      struct Regret: Decodable {
        let player: String
        let regret: Double
      }
      struct Interval: Decodable {
        let player: String
        let inside: Bool
        let interval: [Double]
        let interval_score: Double
      }
      let ranks: [Rank]
      let regrets: [Regret]
      let intervals: [Interval]
      let seed_deviation: Double
    }
    let final = try JSONDecoder().decode(
      Final.self, from: Data(play("final", "class", "--no-figures", "--json", "-q").utf8))
    #expect(final.ranks.map(\.player).sorted() == ["ada", "bob"] && final.seed_deviation > 0)
    #expect(final.regrets.allSatisfy { $0.regret >= 0 })
    #expect(final.intervals.first { $0.player == "ada" }.map { $0.inside && $0.interval_score == 1 } == true)
    #expect(final.intervals.first { $0.player == "bob" }.map { $0.interval == [0.99, 1.01] } == true)
    // Two seeds of Bob's model and of the references, one of which is Ada's. The scores are the same again.
    #expect(try folder.read("class/final/results.csv").split(separator: "\n").count == 7)
    let again = try play("final", "class", "--no-figures", "--json", "-q")
    #expect(
      try JSONDecoder().decode(Final.self, from: Data(again.utf8)).ranks.map(\.score)
        == final.ranks.map(\.score))

    _ = try play("page", "class")
    let page = try folder.read("class/page.html")
    for text in ["ada", "bob", "Regret", "Calibration", "<svg", "noise", "small"] {
      #expect(page.contains(text), "\(text)")
    }
    #expect(!page.contains("http://") || !page.contains("src="))
    #expect(XMLParser(data: Data(page.utf8)).parse())
    try refuses("join", "class", "--player", "eve", with: "the game is closed")
  }

  @Test("Mistakes of players are one line and status 2")
  func mistakes() throws {
    _ = try play("join", "class", "--player", "ada")
    let bet = ["--loss", "1", "--interval", "0.9", "1.1"]
    for (arguments, message) in [
      (["new", "class"], "class: is already a game"),
      (["new", "other", "--flops", "1e12", "--final-flops", "1e11"], "is not above that of the experiments"),
      (["new", "other", "--flops", "1e3"], "too small for one step"),
      (["new", "other", "--corpus", "none"], "there is no corpus `none`"),
      (["new", "other", "--set", "width=8"], "--set cannot fix `width`"),
      (["new", "other", "--set", "nothing"], "is not a setting with its value"),
      (["new", "other", "--set", "blub=3"], "there is no setting `blub`"),
      (["new", "other", "--level", "90"], "--level must be between 0 and 1"),
      (["join", "class", "--player", "a/b"], "`a/b` cannot be the name of a player"),
      (["join", "class", "--player", "Ada"], "there is already a player `ada`"),
      (["join", "none", "--player", "bob"], "none: no such folder"),
      (["join", ".", "--player", "bob"], ".: is not a game: it has no game.json"),
      (
        ["run", "class", "small.yaml", "--player", "adda"],
        "no player `adda` in this game. The nearest name is `ada`"
      ),
      (["run", "class", "none.yaml", "--player", "ada"], "none.yaml: no such file"),
      (["ledger", "class", "--player", "bob"], "there is no player `bob`"),
      (["predict", "class", "--player", "bob", "--width", "8"] + bet, "there is no player `bob`"),
      (
        ["predict", "class", "--player", "ada", "--width", "64", "--tokens", "4M"] + bet,
        "costs 2.854e+12 FLOPs, above the final budget of 6e+09 FLOPs"
      ),
      (["predict", "class", "--player", "ada", "--width", "2"] + bet, "--width: "),
      (
        ["predict", "class", "--player", "ada", "--width", "8", "--loss", "1", "--interval", "1.1", "1.2"],
        "the loss 1.0 is not in the interval"
      ),
      (
        ["predict", "class", "--player", "ada", "--width", "8", "--loss", "1", "--interval", "1"],
        "needs two numbers"
      ),
      (
        ["predict", "class", "--player", "ada", "--width", "8", "-o", "class/ada.json"] + bet,
        "lies in the folder of the game"
      ),
      (
        ["predict", "class", "--player", "ada", "--width", "8", "-o", "text.txt"] + bet,
        "text.txt: exists already"
      ),
      (["reveal", "class", "none.json"], "none.json: no such file"),
      (["reveal", "class", "text.txt"], "text.txt: is not a prediction"),
    ] {
      let command = try Command(all: ["game"] + arguments, in: folder.path)
      #expect(command.status == 2 && command.errors.contains(message), "\(arguments): \(command.errors)")
      #expect(command.errors.split(separator: "\n").count == 1, "\(arguments): \(command.errors)")
    }
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/other"))
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/ada.prediction.json"))
  }

  @Test(
    "An experiment by other rules is refused with the setting that differs",
    arguments: [
      (
        "source: text.txt", "source: village",
        "the corpus `village` of width 8, tokens 20k is not the text of this game"
      ),
      ("4096", "8192", "`validation_tokens` is 8192 in width 8, tokens 20k, and 4096 in this game"),
      ("batch: 256", "batch: 512", "`batch` is 512"),
      ("context: 32", "context: 32, architecture: llama", "`architecture` is llama"),
      ("tokens: [20k, 30k, 40k]", "tokens: 20k, learning_rate: [0.008, 0.01]", "`learning_rate` is 0.01"),
      (
        "tokens: [20k, 30k, 40k]", "tokens: 4M",
        "small costs 3.698e+11 FLOPs, and ada has 5e+09 FLOPs of 5e+09 FLOPs left. Remove some of its 2"
      ),
    ])
  func otherRules(_ original: String, _ mistake: String, _ message: String) throws {
    _ = try play("join", "class", "--player", "ada")
    try folder.write(try folder.read("small.yaml").replacing(original, with: mistake), to: "small.yaml")
    try refuses("run", "class", "small.yaml", "--player", "ada", with: message)
    #expect(try ledger().lines == 2)
  }

  @Test("A changed or missing file of the game is reported")
  func damage() throws {
    for player in ["ada", "bob", "cyd", "dan"] { _ = try play("join", "class", "--player", player) }
    let (ledger, rules) = (try folder.read("class/ledger.jsonl"), try folder.read("class/game.json"))
    try refuses("join", "class", "--player", "eve", with: "ulimit -f", shell: "ulimit -f 1")
    #expect(try folder.read("class/ledger.jsonl") == ledger)
    for command in [
      ["ledger", "class"], ["page", "class"], ["final", "class"], ["join", "class", "--player", "bob"],
    ] {
      try folder.write(ledger.replacing("ada", with: "ede"), to: "class/ledger.jsonl")
      let changed = try Command(all: ["game"] + command, in: folder.path)
      #expect(changed.status == 2, "\(command)")
      #expect(changed.errors.contains("class/ledger.jsonl:2: the line has been changed"), "\(changed.errors)")
    }
    try folder.write(ledger, to: "class/ledger.jsonl")
    try folder.write(rules.replacing("5000000000", with: "9000000000"), to: "class/game.json")
    try refuses("ledger", "class", with: "class/game.json: is damaged")
    try folder.write(rules, to: "class/game.json")
    try FileManager.default.removeItem(atPath: "\(folder.path)/class/ledger.jsonl")
    try refuses("ledger", "class", with: "class/ledger.jsonl: the game has no ledger")
  }
}
