import Foundation
import ScalingLaws

/// The effect of a training setting on the loss, other settings equal: an entry of `sweeps`.
///
/// Runs that differ only in this setting and the seed form a *cell*. The excess of a cell is the relative difference
/// between the loss at the default and the lowest loss. With one seed for each value, the lowest loss is biased by
/// noise: compare the excess with the noise of seeds.
public struct Sweep: Codable, Sendable {
  /// One value of the setting in a cell.
  public struct Trial: Codable, Sendable, Equatable {
    /// The value.
    public let value: String
    /// The value as a multiple of the default; nil if they are not numbers.
    public let multiple: Double?
    /// The mean loss over seeds, in nats per token.
    public let loss: Double
    /// The mean loss above the true entropy; nil if that is unknown, and in files of earlier versions.
    public let reducible: Double?
    /// The number of seeds.
    public let seeds: Int
    /// True if the value is the default.
    public let isUsual: Bool

    /// The value, in brackets if it is the default, and the loss, as in `[512]: 1.0420`.
    public var text: String {
      "\(isUsual ? "[\(value)]" : value): \(String(format: "%.4f", loss))"
    }
  }

  /// Runs that differ only in the setting and the seed.
  public struct Cell: Codable, Sendable {
    /// The settings of the cell that are not numbers, such as `llama, mup`; empty if they are equal in all cells.
    public let kind: String
    /// The settings of the cell that are numbers, such as `width 32, 500k tokens`.
    public let label: String
    /// The values: numbers in increasing order, others in the order of the runs.
    public let trials: [Trial]

    /// The lowest loss of the cell.
    public var best: Double { trials.map(\.loss).min() ?? .nan }
    /// The loss at the default over the lowest loss, minus one; nil if the default was not tried.
    public var excess: Double? { trials.first(where: \.isUsual).map { $0.loss / best - 1 } }
    /// The same for the loss above the true entropy; nil if that is unknown.
    public var reducibleExcess: Double? {
      let least = trials.compactMap(\.reducible).min()
      return trials.first(where: \.isUsual)?.reducible.flatMap { usual in least.map { usual / $0 - 1 } }
    }
  }

  /// The name of the setting's column.
  public let setting: String
  /// The name of the setting in prose.
  public let words: String
  /// The cells with at least two values.
  public let cells: [Cell]

  /// The largest excess of a cell; nil if the default was not tried.
  public var excess: Double? { cells.compactMap(\.excess).max() }

  /// Computes a sweep.
  ///
  /// - Parameter settings: The columns of all settings, including the swept one.
  init(_ setting: Column, of rows: [RunRow], settings: [Column]) {
    self.setting = setting.name
    words = setting.words
    let others = settings.map(\.name).filter { !["seed", setting.name].contains($0) }
    let groups = rows.grouped { row in
      // Defaults are ignored, because they may depend on the swept setting.
      others.map { row.isGiven($0) ? row.text($0) : "" } + [row.roughTokens]
    }
    let several = groups.filter { rows in Set(rows.map { $0.text(setting.name) }).count > 1 }
    let all = Array(several.joined())
    cells = several.map { rows in
      let (kind, label) = rows[0].description(
        among: all, of: settings, but: ["seed", setting.name])
      let trials = rows.grouped { $0.text(setting.name) }.map { Trial($0, of: setting.name) }
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

/// The variation of the loss over seeds, for runs with otherwise equal settings.
public struct SeedNoise: Codable, Sendable {
  /// The settings that distinguish these runs from others.
  public let label: String
  /// The number of seeds.
  public let seeds: Int
  /// The mean loss, in nats per token.
  public let loss: Double
  /// The standard deviation of one run, relative to the mean loss.
  public let deviation: Double

  /// Returns the noise of each group of at least `least` runs whose settings are equal except for the seed.
  ///
  /// - Parameter settings: The columns of all settings.
  static func all(in rows: [RunRow], settings: [Column], least: Int = 3) -> [SeedNoise] {
    let names = settings.map(\.name).filter { $0 != "seed" }
    let groups = rows.grouped { row in names.map { row.text($0) } + [row.text("d_tokens")] }
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
  /// Returns the settings except the seed that distinguish a run, such as `balance bias, experts 8, 500k tokens`.
  public func label(of row: RunRow, among rows: [RunRow]) -> String {
    let (kind, label) = row.description(among: rows, of: settings, but: ["seed"])
    return kind.isEmpty ? label : "\(kind), \(label)"
  }
}

extension RunRow {
  /// The number of tokens, rounded: nearly equal lengths differ by a fraction of a step.
  var roughTokens: String {
    let tokens = Double(tokens ?? 0)
    let unit = tokens < 1e6 ? (1e3, "k") : (1e6, "M")
    return String(format: tokens / unit.0 < 10 ? "%.2g%@" : "%.0f%@", tokens / unit.0, unit.1)
  }

  /// Returns the settings that distinguish a run from others: `kind` has those that are not numbers, `label` the
  /// numbers with their names. Settings that follow from others are left out.
  fileprivate func description(among rows: [RunRow], of settings: [Column], but hidden: [String]) -> (
    kind: String, label: String
  ) {
    // A setting that a run does not have, such as the balance of a dense model, does not distinguish it.
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
