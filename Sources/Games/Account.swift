import Files
import Foundation
import Plans

/// What a player has spent, bought and predicted.
public struct Account: Sendable {
  /// The runs of an experiment that were not bought before.
  public struct Purchase: Sendable {
    /// The name of the experiment's file.
    public let experiment: String
    /// The runs.
    public let runs: [BoughtRun]
    /// The price.
    public let flops: Double
    /// What was left after it.
    public let left: Double
  }

  /// The name.
  public let player: String
  /// The budget, in FLOPs.
  public let budget: Double
  /// All purchases, in their order.
  public private(set) var purchases: [Purchase] = []
  /// The hash of the prediction; nil before it is made.
  public private(set) var commitment: String?
  /// The prediction; nil before it is revealed.
  public private(set) var prediction: Prediction?

  init(_ player: String, budget: Double) {
    self.player = player
    self.budget = budget
  }

  /// All runs that were bought.
  public var runs: [BoughtRun] { purchases.flatMap(\.runs) }
  /// The FLOPs that are spent: what training all these runs together takes.
  public var spent: Double { runs.map(\.cost).trainingFlops }
  /// The FLOPs that are left.
  public var left: Double { budget - spent }

  /// Returns the runs that are not bought yet, and what they cost beside those that are: a run that shares its trunk with
  /// another one costs only its branch.
  public func quote(_ runs: [BoughtRun]) -> (runs: [BoughtRun], flops: Double) {
    let owned = self.runs
    let known = Set(owned.map(\.cost.run))
    let new = runs.filter { !known.contains($0.cost.run) }
    return (new, (owned + new).map(\.cost).trainingFlops - owned.map(\.cost).trainingFlops)
  }

  /// Checks that an experiment may be bought.
  ///
  /// - Throws: `InputError` with what it costs and what is left.
  public func checkPurchase(of runs: [BoughtRun], for flops: Double, experiment: String) throws {
    guard commitment == nil else {
      throw InputError("\(player) has predicted, and buys no more runs", remedy: "Begin a new game")
    }
    guard flops <= left else {
      throw InputError(
        "\(experiment) costs \(flops.inFlops), and \(player) has \(left.inFlops) of \(budget.inFlops) left",
        remedy: left > 0
          ? "Remove some of its \(runs.count) new runs, or give them fewer tokens"
          : "Predict with `isoflop game predict`")
    }
  }

  mutating func buy(_ runs: [BoughtRun], for flops: Double, experiment: String) throws {
    // Sums of larger numbers could overflow.
    guard
      runs.map(\.cost).allSatisfy({
        0 <= $0.trunkTokens && $0.trunkTokens <= $0.tokens && $0.tokens < 1 << 50
      })
    else {
      throw InputError("\(experiment) has a run with an impossible number of tokens")
    }
    let quote = quote(runs)
    guard !runs.isEmpty, quote.runs == runs, quote.flops == flops else {
      throw InputError("\(experiment) has another price for \(player), \(quote.flops.inFlops)")
    }
    try checkPurchase(of: runs, for: flops, experiment: experiment)
    purchases.append(Purchase(experiment: experiment, runs: runs, flops: flops, left: left - flops))
  }

  mutating func commit(_ prediction: String) throws {
    guard commitment == nil else {
      throw InputError(
        "\(player) has already predicted, and a prediction cannot be changed",
        remedy: "Keep the file of the first prediction, to reveal it")
    }
    commitment = prediction
  }

  mutating func reveal(_ prediction: Prediction) throws {
    guard let commitment else {
      throw InputError(
        "\(player) has not predicted in this game", remedy: "Name the file of a prediction in it")
    }
    guard try prediction.commitment == commitment else {
      throw InputError(
        "the prediction of \(player) is not the one that was made: its hash differs from that in the ledger",
        remedy: "Reveal the file as `isoflop game predict` wrote it")
    }
    guard self.prediction == nil else {
      throw InputError("\(player) has already revealed the prediction", remedy: "Nothing more is to do")
    }
    try prediction.check()
    self.prediction = prediction
  }

  /// Checks that a name can be the name of a folder on every system.
  static func check(name: String) throws {
    let isAllowed = { (byte: UInt8) in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
        true
      default: false
      }
    }
    guard (1...40).contains(name.utf8.count), name.utf8.allSatisfy(isAllowed), !name.hasPrefix("-") else {
      throw InputError(
        "`\(name)` cannot be the name of a player",
        remedy: "Use up to 40 of the characters a-z, A-Z, 0-9, - and _")
    }
  }
}

extension Double {
  /// As in `1.25e+12 FLOPs`.
  var inFlops: String { String(format: "%.4g FLOPs", self) }
}
