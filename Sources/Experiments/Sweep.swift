import Foundation
import Models
import ScalingLaws
import Training

/// What a setting of the training does to the loss, other things equal: an entry of `sweeps`.
///
/// Runs that differ in nothing but this setting and the seed are one *cell*. Of each, the sweep tells by how much the
/// loss at the program's own choice exceeds the best one tried. Where values are tried with one seed each, the best of
/// them owes something to luck: compare the excess with the noise of seeds.
public struct Sweep: Codable, Sendable {
  /// A setting that can be swept.
  public enum Setting: String, CaseIterable, Codable, Sendable {
    case learningRate = "learning_rate"
    case batch
    case warmup
    case schedule
    case weightDecay = "weight_decay"
    case granularity, balance
    case capacityFactor = "capacity_factor"
    case routerNoise = "router_noise"
    case zLoss = "z_loss"

    /// What the program takes where a run's file says nothing, as its column has it.
    fileprivate func usual(for row: ResultsTable.Row) -> String {
      let usual = TrainingConfiguration(tokens: 0)
      let mixture = MixtureOfExperts(experts: 1)
      switch self {
      case .learningRate:
        let parametrisation =
          ModelConfiguration.Parametrisation(rawValue: row.text("parametrisation")) ?? .mup
        let rate = RunDraft.usualLearningRate(
          parametrisation, experts: Int(row.number("experts") ?? 1))(width: Int(row.number("width") ?? 0))
        return Column.Cell.number(rate).description
      case .batch: return usual.batch.text
      case .warmup: return "\(usual.warmupSteps)"
      case .schedule: return usual.schedule.text
      case .weightDecay: return Column.Cell.number(usual.weightDecay).description
      case .granularity: return "\(mixture.granularity)"
      case .balance: return mixture.balance.rawValue
      case .capacityFactor: return "none"
      case .routerNoise: return Column.Cell.number(mixture.noise).description
      case .zLoss: return Column.Cell.number(mixture.zLoss).description
      }
    }
  }

  /// One value of the setting in a cell.
  public struct Trial: Codable, Sendable {
    public let value: String
    /// The value as a multiple of the program's own choice, where both are numbers.
    public let multiple: Double?
    /// The mean over seeds, nats a token.
    public let loss: Double
    public let seeds: Int
    public let isUsual: Bool
  }

  public struct Cell: Codable, Sendable {
    /// The kind of model, as in `llama, mup`; empty where all are of one kind.
    public let kind: String
    /// What else sets the cell apart, as in `width 32, 500k tokens`.
    public let label: String
    /// The values tried: numbers in their order, others in the order of the runs.
    public let trials: [Trial]

    /// The lowest loss of the cell.
    public var best: Double { trials.map(\.loss).min() ?? .nan }
    /// By which part the loss at the program's choice exceeds the best one; nil where that choice was not tried.
    public var excess: Double? { trials.first(where: \.isUsual).map { $0.loss / best - 1 } }
  }

  public let setting: Setting
  public let cells: [Cell]

  /// The largest excess of a cell.
  public var excess: Double? { cells.compactMap(\.excess).max() }

  init(_ setting: Setting, of rows: [ResultsTable.Row]) {
    self.setting = setting
    let others = Column.configuration.map(\.name).filter { name in
      !["seed", setting.rawValue].contains(name) && !(setting == .balance && name == "balance_weight")
    }
    let groups = rows.inGroups { row in others.map { row.text($0) } + [row.roughTokens] }
    let several = groups.filter { rows in Set(rows.map { $0.text(setting.rawValue) }).count > 1 }
    cells = several.map { rows in
      let (kind, label) = rows[0].description(
        among: several.joined(), but: ["seed", "balance_weight", setting.rawValue])
      let trials = rows.inGroups { $0.text(setting.rawValue) }.map { Trial($0, of: setting) }
      let isNumeric = trials.allSatisfy { $0.multiple != nil }
      return Cell(
        kind: kind, label: label,
        trials: isNumeric ? trials.sorted { ($0.multiple ?? 0) < ($1.multiple ?? 0) } : trials)
    }
  }
}

extension Sweep.Trial {
  fileprivate init(_ rows: [ResultsTable.Row], of setting: Sweep.Setting) {
    value = rows[0].text(setting.rawValue)
    let usual = setting.usual(for: rows[0])
    multiple = Double(value).flatMap { value in Double(usual).map { value / $0 } }
    let losses = rows.compactMap { $0.number("loss") }
    loss = losses.reduce(0, +) / Double(losses.count)
    seeds = losses.count
    isUsual = value == usual
  }
}

/// How much the loss moves with the seed alone.
public struct SeedNoise: Codable, Sendable {
  /// What was trained.
  public let label: String
  public let seeds: Int
  /// Nats a token.
  public let loss: Double
  /// The standard deviation of one run, as a part of the loss.
  public let deviation: Double

  /// Of all runs that at least `least` seeds repeat.
  static func all(in rows: [ResultsTable.Row], least: Int = 3) -> [SeedNoise] {
    let names = Column.configuration.map(\.name).filter { $0 != "seed" }
    let groups = rows.inGroups { row in names.map { row.text($0) } + [row.roughTokens] }
      .filter { $0.count >= least }
    return groups.map { rows in
      let losses = rows.compactMap { $0.number("loss") }
      let mean = losses.reduce(0, +) / Double(losses.count)
      let variance = losses.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(losses.count - 1)
      let (kind, label) = rows[0].description(among: groups.joined(), but: ["seed"])
      return SeedNoise(
        label: kind.isEmpty ? label : "\(kind), \(label)", seeds: losses.count, loss: mean,
        deviation: variance.squareRoot() / mean)
    }
  }
}

extension ResultsTable.Row {
  /// The tokens in two digits: lengths that were meant to be equal differ by part of a step.
  fileprivate var roughTokens: String {
    let tokens = number("d_tokens") ?? 0
    let unit = tokens < 1e6 ? (1e3, "k") : (1e6, "M")
    return String(format: tokens / unit.0 < 10 ? "%.2g%@" : "%.0f%@", tokens / unit.0, unit.1)
  }

  /// What sets a run apart among others but its seed, as in `bias, experts 8, 500k tokens`.
  public func label(among rows: [ResultsTable.Row]) -> String {
    let (kind, label) = description(among: rows, but: ["seed", "balance_weight"])
    return kind.isEmpty ? label : "\(kind), \(label)"
  }

  /// What sets a run apart among others, as a person would name it: the kind of model in words, its numbers with their
  /// names. What follows from the width or the kind is left out.
  fileprivate func description(among rows: some Sequence<ResultsTable.Row>, but hidden: [String]) -> (
    kind: String, label: String
  ) {
    // What a run has not, as a dense one has no balance, sets nobody apart from it but the number of experts.
    let names = Column.configuration.map(\.name).filter { name in
      !(hidden + ["heads", "tied_head", "vocabulary"]).contains(name) && !text(name).isEmpty
        && rows.contains { ![text(name), ""].contains($0.text(name)) }
    }
    let numbers = names.filter { number($0) != nil }.map { "\($0) \(text($0))" }
    return (
      names.filter { number($0) == nil }.map { name in
        // "none" would not say what there is none of.
        ["balance", "capacity_factor"].contains(name) ? "\(name) \(text(name))" : text(name)
      }.joined(separator: ", "),
      (numbers + ["\(roughTokens) tokens"]).joined(separator: ", ")
    )
  }
}

extension Sequence {
  /// The elements by their keys, in the order in which the keys first appear.
  fileprivate func inGroups<Key: Hashable>(by key: (Element) -> Key) -> [[Element]] {
    var places: [Key: Int] = [:]
    var groups: [[Element]] = []
    for element in self {
      let key = key(element)
      if let place = places[key] {
        groups[place].append(element)
      } else {
        places[key] = groups.count
        groups.append([element])
      }
    }
    return groups
  }
}
