import Foundation
import ScalingLaws

/// What a setting of the training does to the loss, other things equal: an entry of `sweeps`.
///
/// Runs that differ in nothing but this setting and the seed are one *cell*. Of each, the sweep tells by how much the
/// loss at the program's own choice exceeds the best one tried. Where values are tried with one seed each, the best of
/// them owes something to luck: compare the excess with the noise of seeds.
public struct Sweep: Codable, Sendable {
  /// One value of the setting in a cell.
  public struct Trial: Codable, Sendable, Equatable {
    public let value: String
    /// The value as a multiple of the program's own choice, where both are numbers.
    public let multiple: Double?
    /// The mean over seeds, nats a token.
    public let loss: Double
    /// The same above the true entropy; nil where that is not known, and in files of earlier versions.
    public let reducible: Double?
    public let seeds: Int
    public let isUsual: Bool

    /// The value, in brackets if it is the default, and the loss, as in `[512]: 1.0420`.
    public var text: String {
      "\(isUsual ? "[\(value)]" : value): \(String(format: "%.4f", loss))"
    }
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
    /// The same of the loss above the true entropy, which is what training can change; nil where that is not known.
    public var reducibleExcess: Double? {
      let least = trials.compactMap(\.reducible).min()
      return trials.first(where: \.isUsual)?.reducible.flatMap { usual in least.map { usual / $0 - 1 } }
    }
  }

  /// The setting, by the name of its column, and in words.
  public let setting: String
  public let words: String
  public let cells: [Cell]

  /// The largest excess of a cell.
  public var excess: Double? { cells.compactMap(\.excess).max() }

  /// - Parameter settings: The columns of all settings, among them the swept one.
  init(_ setting: Column, of rows: [RunRow], settings: [Column]) {
    self.setting = setting.name
    words = setting.words
    let others = settings.map(\.name).filter { !["seed", setting.name].contains($0) }
    let groups = rows.inGroups { row in
      // What the program chooses by itself may follow from the swept setting.
      others.map { row.isGiven($0) ? row.text($0) : "" } + [row.roughTokens]
    }
    let several = groups.filter { rows in Set(rows.map { $0.text(setting.name) }).count > 1 }
    let all = Array(several.joined())
    cells = several.map { rows in
      let (kind, label) = rows[0].description(
        among: all, of: settings, but: ["seed", setting.name])
      let trials = rows.inGroups { $0.text(setting.name) }.map { Trial($0, of: setting.name) }
      let isNumeric = trials.allSatisfy { $0.multiple != nil }
      return Cell(
        kind: kind, label: label,
        trials: isNumeric ? trials.sorted { ($0.multiple ?? 0) < ($1.multiple ?? 0) } : trials)
    }
  }
}

extension Sweep.Trial {
  fileprivate init(_ rows: [RunRow], of setting: String) {
    value = rows[0].text(setting)
    let usual = rows[0].defaults[setting]?.description ?? ""
    multiple = Double(value).flatMap { value in Double(usual).map { value / $0 } }
    let losses = rows.compactMap(\.loss)
    loss = losses.reduce(0, +) / Double(losses.count)
    let above = rows.compactMap(\.reducible)
    reducible = above.count == losses.count ? above.reduce(0, +) / Double(above.count) : nil
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

  /// Of all runs that at least `least` seeds repeat: their settings are equal but for the seed.
  ///
  /// - Parameter settings: The columns of all settings.
  static func all(in rows: [RunRow], settings: [Column], least: Int = 3) -> [SeedNoise] {
    let names = settings.map(\.name).filter { $0 != "seed" }
    let groups = rows.inGroups { row in names.map { row.text($0) } + [row.roughTokens] }
      .filter { $0.count >= least }
    let all = Array(groups.joined())
    return groups.map { rows in
      let losses = rows.compactMap(\.loss)
      let mean = losses.reduce(0, +) / Double(losses.count)
      let variance = losses.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(losses.count - 1)
      let (kind, label) = rows[0].description(among: all, of: settings, but: ["seed"])
      return SeedNoise(
        label: kind.isEmpty ? label : "\(kind), \(label)", seeds: losses.count, loss: mean,
        deviation: variance.squareRoot() / mean)
    }
  }
}

extension ResultsTable {
  /// What sets a run apart among others but its seed, as in `balance bias, experts 8, 500k tokens`.
  public func label(of row: RunRow, among rows: [RunRow]) -> String {
    let (kind, label) = row.description(among: rows, of: settings, but: ["seed"])
    return kind.isEmpty ? label : "\(kind), \(label)"
  }
}

extension RunRow {
  /// The tokens in two digits: lengths that were meant to be equal differ by part of a step.
  fileprivate var roughTokens: String {
    let tokens = Double(tokens ?? 0)
    let unit = tokens < 1e6 ? (1e3, "k") : (1e6, "M")
    return String(format: tokens / unit.0 < 10 ? "%.2g%@" : "%.0f%@", tokens / unit.0, unit.1)
  }

  /// What sets a run apart among others, as a person would name it: the kind of model in words, its numbers with their
  /// names. What follows from other settings is left out.
  fileprivate func description(among rows: [RunRow], of settings: [Column], but hidden: [String]) -> (
    kind: String, label: String
  ) {
    // What a run has not, as a dense one has no balance, sets nobody apart from it but the number of experts.
    let told = settings.filter { setting in
      let name = setting.name
      return !hidden.contains(name) && !setting.isDerived && !text(name).isEmpty
        && rows.contains { ![text(name), ""].contains($0.text(name)) } && rows.contains { $0.isGiven(name) }
    }
    let numbers = told.filter { number($0.name) != nil }.map { "\($0.name) \(text($0.name))" }
    return (
      told.filter { number($0.name) == nil }.map { setting in
        setting.isSelfExplanatory ? text(setting.name) : "\(setting.name) \(text(setting.name))"
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
