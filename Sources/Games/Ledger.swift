import Files
import Foundation
import Plans

/// A run that a player has paid for.
public struct BoughtRun: Codable, Hashable, Sendable {
  /// The width of the model.
  public let width: Int
  /// The number of its blocks.
  public let depth: Int
  /// The seed of its weights.
  public let seed: UInt64
  /// N, all its parameters.
  public let parameters: Int
  /// The tokens that its configuration asks for.
  let length: Int
  /// The IsoFLOP budget that the tokens were computed from; nil if there is none.
  public let budget: Double?
  /// What its price follows from.
  public let cost: TrainingCost

  /// Creates the record of a planned run.
  public init(_ run: PlannedRun) {
    let configuration = run.configuration
    (width, depth) = (configuration.model.width, configuration.model.depth)
    (seed, length) = (configuration.seed, configuration.training.tokens)
    parameters = run.counts.total
    budget = run.isoFLOPBudget
    cost = TrainingCost(run)
  }
}

/// What happened in a game.
public enum Event: Codable, Hashable, Sendable {
  /// The game was made.
  case opened
  case joined(player: String)
  /// A player paid for the runs of an experiment that were not bought before.
  case bought(player: String, experiment: String, runs: [BoughtRun], flops: Double)
  /// A player made a prediction, of which this is the hash.
  case committed(player: String, prediction: String)
  /// From here on nobody buys or predicts.
  case closed
  /// The prediction of its player, which has the hash of the commitment.
  case revealed(Prediction)
}

/// The ledger of a game, in the file `ledger.jsonl`. It only grows: each line has an event and the hash of the line before
/// it, so that no earlier line can change without a change in all later ones.
///
///     {"hash":"…","previous":"…","entry":{"event":…,"time":"…"}}
///
/// The hash is the SHA-256 of `previous` followed by the bytes of `entry`. In the first line, `previous` is the hash of the
/// rules.
public struct Ledger: Sendable {
  /// A line without its hashes.
  private struct Entry: Codable {
    let event: Event
    let time: String
  }

  /// The budget of each player's experiments, in FLOPs.
  private let budget: Double
  /// The hash of each line, after that of the rules.
  private var hashes: [String]
  /// The text of all lines.
  package private(set) var text = Data()
  /// The players, in the order of joining.
  public private(set) var accounts: [Account] = []
  /// Whether nobody may buy or predict any more.
  public private(set) var isClosed = false

  /// Creates the ledger of a new game, with its first line.
  ///
  /// - Parameter rules: The bytes of the rules.
  package init(budget: Double, rules: Data) throws {
    self.budget = budget
    hashes = [sha256(rules)]
    try append(.opened)
  }

  /// Reads a ledger, and checks every hash and every event.
  ///
  /// - Parameters:
  ///   - path: The path of its file, for errors.
  ///   - rules: The bytes of the rules.
  /// - Throws: `InputError` with the line that is not as it was written.
  package init(_ data: Data, path: String, budget: Double, rules: Data) throws {
    self.budget = budget
    hashes = [sha256(rules)]
    func damage(_ line: Int, _ message: String) -> InputError {
      InputError(message, file: path, line: line, remedy: "Restore the file from a copy, or begin a new game")
    }
    guard let last = data.last else { throw damage(1, "the ledger is empty") }
    let lines = data.dropLast(last == Self.newline ? 1 : 0).split(
      separator: Self.newline, omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      guard let (hash, previous, entry) = Self.parts(of: Data(line)), hash == Self.hash(previous, entry)
      else {
        throw damage(index + 1, "the line has been changed or damaged: its hash does not fit")
      }
      guard previous == seal else {
        throw damage(
          index + 1,
          index == 0
            ? "the rules, game.json, have been changed: their hash is not that of the ledger"
            : "a line before this one has been changed, added or removed: its hash does not fit")
      }
      do {
        try apply(try decodeJSON(Entry.self, from: entry).event)
      } catch let refusal as InputError {
        throw damage(index + 1, "the line breaks the rules: \(refusal.message)")
      } catch {
        throw damage(index + 1, "the line is not an entry of this version")
      }
      hashes.append(hash)
    }
    guard last == Self.newline else { throw damage(lines.count, "the line has no end") }
    text = data
  }

  /// The hash of the last line: who knows it can tell later whether any line up to here has changed.
  public var seal: String { hashes[hashes.count - 1] }

  /// The number of lines.
  public var count: Int { hashes.count - 1 }

  /// Returns the account of a player.
  ///
  /// - Throws: `InputError` if there is no such player.
  public func account(of player: String) throws -> Account {
    if let account = accounts.first(where: { $0.player == player }) { return account }
    let near = nearestName(to: player, among: accounts.map(\.player)).map { "The nearest name is `\($0)`. " }
    throw InputError(
      "there is no player `\(player)` in this game",
      remedy: "\(near ?? "")`isoflop game join FOLDER --player NAME` adds one")
  }

  /// Whether all players have predicted, and nobody waits for others.
  public var isReadyToClose: Bool {
    !isClosed && !accounts.isEmpty && accounts.allSatisfy { $0.commitment != nil }
  }

  /// Checks that all players have predicted.
  ///
  /// - Parameter isForced: Whether some players may be left out.
  /// - Throws: `InputError` with those who have not.
  public func requireAllPredictions(unless isForced: Bool) throws {
    let waiting = accounts.filter { $0.commitment == nil }
    guard !isForced, !waiting.isEmpty, waiting.count < accounts.count else { return }
    throw InputError(
      "\(names(of: waiting)) \(waiting.count == 1 ? "has" : "have") not predicted yet",
      remedy:
        "Wait for `isoflop game predict`, or go on without \(waiting.count == 1 ? "that player" : "them") with --close"
    )
  }

  /// Checks that all predictions are revealed, or at least one if some players may be left out.
  ///
  /// - Throws: `InputError` with the players whose predictions are not.
  public func requireAllRevealed(unless isForced: Bool) throws {
    let hidden = accounts.filter { $0.commitment != nil && $0.prediction == nil }
    guard !hidden.isEmpty, !isForced || accounts.allSatisfy({ $0.prediction == nil }) else { return }
    throw InputError(
      "\(names(of: hidden)) \(hidden.count == 1 ? "has" : "have") not revealed the prediction yet",
      remedy: "Wait for `isoflop game reveal`, which each player gives with the file of the prediction"
        + (isForced ? "" : ", or go on without \(hidden.count == 1 ? "that player" : "them") with --close"))
  }

  /// Checks that an event may be added.
  ///
  /// - Throws: `InputError` if the rules forbid it.
  public func check(_ event: Event) throws {
    var ledger = self
    try ledger.apply(event)
  }

  /// Adds an event to the end.
  ///
  /// - Throws: `InputError` if the rules forbid it; the ledger is then unchanged.
  package mutating func append(_ event: Event, at time: Date = .now) throws {
    try apply(event)
    let entry = try canonicalJSON(Entry(event: event, time: time.formatted(.iso8601)))
    let hash = Self.hash(seal, entry)
    text += Data("{\"hash\":\"\(hash)\",\"previous\":\"\(seal)\",\"entry\":".utf8) + entry + Data("}\n".utf8)
    hashes.append(hash)
  }

  // MARK: Rules

  private mutating func apply(_ event: Event) throws {
    guard (event == .opened) == (hashes.count == 1) else {
      throw InputError("a game is opened once, at the beginning")
    }
    switch event {
    case .opened: break
    case .joined(let player):
      try requireOpen("join")
      try Account.check(name: player)
      // Some file systems do not tell upper case from lower case.
      if let other = accounts.first(where: { $0.player.lowercased() == player.lowercased() }) {
        throw InputError(
          "there is already a player `\(other.player)`",
          remedy: "Choose another name, or play on as that player")
      }
      accounts.append(Account(player, budget: budget))
    case .bought(let player, let experiment, let runs, let flops):
      try requireOpen("buy runs")
      try change(player) { try $0.buy(runs, for: flops, experiment: experiment) }
    case .committed(let player, let prediction):
      try requireOpen("predict")
      try change(player) { try $0.commit(prediction) }
    case .closed:
      try requireOpen("close")
      guard accounts.contains(where: { $0.commitment != nil }) else {
        throw InputError(
          "nobody has predicted yet",
          remedy: "Each player predicts with `isoflop game predict` before the final")
      }
      isClosed = true
    case .revealed(let prediction):
      guard isClosed else {
        throw InputError(
          "others could copy a prediction that is revealed before all have predicted",
          remedy: "Wait for \(names(of: accounts.filter { $0.commitment == nil }))")
      }
      guard hashes.contains(prediction.seal) else {
        throw InputError(
          "the ledger has been rewritten: it no longer has the line that was the last one when \(prediction.player) predicted",
          remedy: "Restore ledger.jsonl from a copy of that time")
      }
      try change(prediction.player) { try $0.reveal(prediction) }
    }
  }

  private func requireOpen(_ what: String) throws {
    if isClosed {
      throw InputError("the game is closed: nobody can \(what) any more", remedy: "Begin a new game")
    }
  }

  private mutating func change(_ player: String, _ body: (inout Account) throws -> Void) throws {
    _ = try account(of: player)
    guard let place = accounts.firstIndex(where: { $0.player == player }) else { return }
    var account = accounts[place]
    try body(&account)
    accounts[place] = account
  }

  // MARK: Lines

  private static let newline = UInt8(ascii: "\n")

  private static func hash(_ previous: String, _ entry: Data) -> String {
    sha256(Data(previous.utf8) + entry)
  }

  /// Returns the hash, the previous hash and the entry of a line; nil if it has another form.
  private static func parts(of line: Data) -> (hash: String, previous: String, entry: Data)? {
    let form = ["{\"hash\":\"", "\",\"previous\":\"", "\",\"entry\":"].map { Data($0.utf8) }
    let digits = 64
    var rest = line[...]
    var hashes: [String] = []
    for (index, part) in form.enumerated() {
      guard rest.starts(with: part) else { return nil }
      rest = rest.dropFirst(part.count)
      guard index < 2 else { continue }
      guard rest.count > digits else { return nil }
      hashes.append(String(decoding: rest.prefix(digits), as: UTF8.self))
      rest = rest.dropFirst(digits)
    }
    guard rest.last == UInt8(ascii: "}") else { return nil }
    return (hashes[0], hashes[1], Data(rest.dropLast()))
  }
}

/// Returns the names of players, such as `ada and bob`.
func names(of accounts: [Account]) -> String {
  let names = accounts.map(\.player)
  return names.count < 2
    ? names.joined() : names.dropLast().joined(separator: ", ") + " and " + names[names.count - 1]
}
