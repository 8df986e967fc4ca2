import Files
import Foundation
import Games
import Plans
import TestSupport
import Testing

/// The ledger: its prices, its rules and its hashes.
@Suite struct LedgerTests {
  private let rules = Data("the rules".utf8)
  /// Two widths with two lengths each, whose runs share a trunk.
  private let short: [BoughtRun]
  private let long: [BoughtRun]
  private let all: Plan

  init() throws {
    let settings = "training: {batch: 256, warmup_steps: 5}\nmodel: {context: 32}\n"
    all = try plan(settings + "grid: {width: [8, 16], tokens: [20k, 40k]}\n")
    short = try plan(settings + "grid: {width: [8, 16], tokens: 20k}\n").runs.map(BoughtRun.init)
    long = try plan(settings + "grid: {width: [8, 16], tokens: 40k}\n").runs.map(BoughtRun.init)
  }

  private func ledger(budget: Double = 1e12, _ players: String...) throws -> Ledger {
    var ledger = try Ledger(budget: budget, rules: rules)
    for player in players { try ledger.append(.joined(player: player)) }
    return ledger
  }

  private func read(_ text: Data) throws -> Ledger {
    try Ledger(text, path: "ledger.jsonl", budget: 1e12, rules: rules)
  }

  private func buy(_ runs: [BoughtRun], for player: String, in ledger: inout Ledger) throws {
    let quote = try ledger.account(of: player).quote(runs)
    try ledger.append(.bought(player: player, experiment: "e", runs: quote.runs, flops: quote.flops))
  }

  private func prediction(by player: String, in ledger: Ledger, loss: Double = 1) throws -> Prediction {
    try Prediction(
      player: player, model: FinalModel(all.runs[0]), loss: loss, low: loss - 0.1, high: loss + 0.1,
      seal: ledger.seal)
  }

  @Test func hash() {
    // FIPS 180-2, appendix B.1.
    #expect(sha256(Data("abc".utf8)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }

  @Test("Runs cost what training them all together takes, in any order and number of purchases")
  func prices() throws {
    var ledger = try ledger("ada", "bob")
    try buy(short, for: "ada", in: &ledger)
    let first = try ledger.account(of: "ada").spent
    #expect(first == all.runs.filter { $0.tokens < 30_000 }.trainingFlops)
    // The long runs cost less than alone: their trunk continues that of the short ones.
    try buy(short + long, for: "ada", in: &ledger)
    let ada = try ledger.account(of: "ada")
    #expect(ada.spent == all.runs.trainingFlops && ada.purchases[1].runs == long)
    #expect(ada.purchases[1].flops < long.map(\.cost).trainingFlops)
    #expect(ada.purchases[1].left == 1e12 - ada.spent && ada.left == 1e12 - ada.spent)
    #expect(ada.quote(short + long).runs.isEmpty && ada.quote(short + long).flops == 0)
    // What others have bought is charged all the same.
    try buy(long + short, for: "bob", in: &ledger)
    #expect(try ledger.account(of: "bob").spent == ada.spent)
    #expect(try read(ledger.text).account(of: "ada").spent == ada.spent)
  }

  @Test("What is not paid for is refused, and the ledger stays as it was")
  func refusals() throws {
    var ledger = try ledger(budget: short.map(\.cost).trainingFlops, "ada", "bob")
    try buy(short, for: "ada", in: &ledger)
    let text = ledger.text
    #expect(try ledger.account(of: "ada").left == 0)
    for (event, message) in [
      (Event.bought(player: "ada", experiment: "e", runs: long, flops: 1), "has another price"),
      (.bought(player: "ada", experiment: "e", runs: [], flops: 0), "has another price"),
      (.bought(player: "bob", experiment: "e", runs: short, flops: 0), "has another price"),
      (.joined(player: "ADA"), "already a player `ada`"), (.joined(player: "a/b"), "cannot be the name"),
      (.joined(player: ""), "cannot be the name"), (.joined(player: ".."), "cannot be the name"),
      (.joined(player: "-x"), "cannot be the name"),
      (.committed(player: "bib", prediction: "h"), "The nearest name is `bob`"),
      (.closed, "nobody has predicted yet"), (.opened, "opened once"),
      (.revealed(try prediction(by: "ada", in: ledger)), "others could copy"),
    ] {
      do {
        try ledger.append(event)
        Issue.record("\(event) is possible")
      } catch {
        #expect("\(error)".contains(message), "\(error)")
      }
    }
    do {
      try buy(short + long, for: "ada", in: &ledger)
      Issue.record("more than the budget")
    } catch {
      #expect("\(error)".contains("e costs ") && "\(error)".contains("ada has 0 FLOPs of"), "\(error)")
    }
    #expect(ledger.text == text)
  }

  @Test("Any changed byte is found, and any line that is missing or moved")
  func changes() throws {
    var ledger = try ledger("ada")
    try buy(short, for: "ada", in: &ledger)
    try ledger.append(.committed(player: "ada", prediction: prediction(by: "ada", in: ledger).commitment))
    let text = ledger.text
    #expect(try read(text).seal == ledger.seal)
    for place in text.indices {
      var changed = text
      changed[place] ^= 1
      #expect(throws: InputError.self, "byte \(place)") { try read(changed) }
    }
    let lines = text.split(separator: UInt8(ascii: "\n")).map { $0 + Data("\n".utf8) }
    #expect(lines.count == 4)
    for kept in [[0, 2, 3], [1, 2, 3], [0, 1, 3], [1, 0, 2, 3], [0, 1, 1, 2, 3], [0, 1, 3, 2], []] {
      #expect(throws: InputError.self) { try read(kept.reduce(Data()) { $0 + lines[$1] }) }
    }
    #expect(throws: InputError.self) { try read(text.dropLast()) }
    do {
      _ = try Ledger(text, path: "ledger.jsonl", budget: 1e12, rules: Data("other rules".utf8))
    } catch {
      #expect("\(error)".hasPrefix("ledger.jsonl:1: the rules, game.json, have been changed"), "\(error)")
    }
  }

  @Test("A prediction is made once, and only the one that was made can be revealed")
  func predictions() throws {
    var ledger = try ledger("ada", "bob")
    let made = try prediction(by: "ada", in: ledger)
    try ledger.append(.committed(player: "ada", prediction: made.commitment))
    func refusal(_ event: Event, in ledger: Ledger) -> String {
      do {
        try ledger.check(event)
        return ""
      } catch { return "\(error)" }
    }
    #expect(refusal(.committed(player: "ada", prediction: "h"), in: ledger).contains("already predicted"))
    #expect(
      refusal(
        .bought(player: "ada", experiment: "e", runs: short, flops: short.map(\.cost).trainingFlops),
        in: ledger
      )
      .contains("buys no more"))
    #expect(refusal(.revealed(made), in: ledger).contains("Wait for bob"))
    try ledger.append(.closed)
    for event in [
      Event.joined(player: "eve"), .committed(player: "bob", prediction: "h"), .closed,
    ] { #expect(refusal(event, in: ledger).contains("the game is closed")) }
    // The same numbers have another hash each time, so nobody can find a prediction by trying.
    let again = try prediction(by: "ada", in: ledger)
    #expect(try again.commitment != made.commitment)
    #expect(refusal(.revealed(again), in: ledger).contains("not the one that was made"))
    #expect(
      refusal(.revealed(try prediction(by: "bob", in: ledger)), in: ledger).contains("bob has not predicted"))
    // A ledger that was written anew after the prediction lacks the line that the prediction names.
    var other = try self.ledger("bob", "ada")
    try other.append(.committed(player: "ada", prediction: made.commitment))
    try other.append(.closed)
    #expect(refusal(.revealed(made), in: other).contains("has been rewritten"))
    try ledger.append(.revealed(made))
    #expect(try read(ledger.text).account(of: "ada").prediction == made)
    #expect(refusal(.revealed(made), in: ledger).contains("already revealed"))
  }

  @Test("A ledger with fitting hashes and impossible numbers is refused")
  func forgeries() throws {
    var ledger = try ledger("ada")
    try buy(short, for: "ada", in: &ledger)
    let lines = String(decoding: ledger.text, as: UTF8.self).split(separator: "\n").map(String.init)
    let entry = try #require(
      lines[2].firstRange(of: "\"entry\":").map { lines[2][$0.upperBound...].dropLast() })
    let previous = lines[2].dropFirst(87).prefix(64)
    #expect(lines[1].contains(previous))
    for (number, forged) in [
      ("\"tokens\":20224", "\"tokens\":9223372036854775807"), ("\"trunkTokens\":", "\"trunkTokens\":-"),
      ("\"flopsPerToken\":", "\"flopsPerToken\":-"), ("\"width\":8", "\"width\":1e99"),
    ] {
      let changed = entry.replacing(number, with: forged)
      #expect(changed != entry, "\(number)")
      let hash = sha256(Data("\(previous)\(changed)".utf8))
      let line = "{\"hash\":\"\(hash)\",\"previous\":\"\(previous)\",\"entry\":\(changed)}\n"
      do {
        _ = try read(Data((lines[0] + "\n" + lines[1] + "\n" + line).utf8))
        Issue.record("\(forged) is read")
      } catch {
        #expect("\(error)".hasPrefix("ledger.jsonl:3: the line "), "\(error)")
      }
    }
  }
}
