import Analysis
import Files
import Foundation

/// An experiment: the runs to train, the laws to fit to them, and the results to expect.
///
///     title: Does loss follow a power law?
///     corpus: village
///     grid:
///       width: [16, 32, 64]
///       tokens: [1M, 2M, 4M]
///       seeds: 3
///
/// The sections `corpus`, `model` and `training` give settings for all runs (`Setting`). The `grid`, one mapping or a
/// list of them, gives lists of values, of which each combination is a run. `experiments/README.md` documents all keys.
public struct ExperimentFile: Sendable {
  /// The path, as the user wrote it.
  public let path: String
  /// The question, for the head of the report.
  public let title: String
  /// The method and its reasons, for the report; empty if the file has none.
  public let description: String
  /// The tier that was read.
  public let tier: Tier
  /// The number of the page in the book; nil if it has none.
  public let chapter: Int?
  /// The text of the page; nil if the file has none.
  public let page: PageText?
  /// The result that represents the experiment in the contents of the book; nil for the first number and figure.
  public let key: KeyResult?
  /// The requested fits; nil for the standard ones.
  public let fits: [FitRequest]?
  /// The requested comparisons of fits.
  public let comparisons: [ComparisonRequest]
  /// The settings whose effect is reported, by the names of their columns.
  public let sweeps: [String]
  /// The requested figures of columns of the results.
  public let plots: [PlotRequest]
  /// Messages for the author of the file, one for each renamed key.
  public let notes: [String]
  /// The expected results.
  public internal(set) var expectations: [Expectation]
  /// Runs of a bundled table, which the fits may use beside those of the grid.
  let reference: [RunRow]
  /// The options for a cluster's queue.
  public let slurm: SlurmSettings
  /// The runs, in the order of the grid: its first key changes slowest.
  var drafts: [RunDraft]

  /// True for the shrunken form for tests.
  public internal(set) var isShrunken = false

  /// The name of the file without its extension. Results of a reduced tier and of the shrunken form have separate
  /// folders.
  public var name: String {
    let name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
    return name + (tier == .whole ? "" : "-\(tier.rawValue)") + (isShrunken ? "-shrunken" : "")
  }

  /// Reads the file at `path`.
  ///
  /// - Throws: `InputError` with file and line if a key is missing or unknown, or a value is invalid.
  public init(contentsOf path: String, tier: Tier = .whole) throws {
    try self.init(path: path, text: FileAccess.readText(path), tier: tier)
  }

  /// Parses `text`, the contents of the file at `path`.
  ///
  /// - Throws: `InputError` as `init(contentsOf:tier:)`.
  public init(path: String, text: String, tier: Tier = .whole) throws {
    let root = try YAMLValue(file: path, text: text)
    let whole = try root.mapping(keys: [
      "title", "description", "chapter", "page", "key", "corpus", "synthetic", "model", "training", "grid",
      "reference", "fits", "compare", "sweeps", "plots", "expect", "slurm", "minutes",
    ])
    let reduced = try whole["minutes"]?.mapping(keys: Self.reducible)
    if tier == .minutes, reduced == nil {
      throw InputError(
        "has no section `minutes`", file: path, remedy: "Add one, or leave out `--tier minutes`")
    }
    // Errors in the other tier are reported too.
    if tier == .whole, reduced != nil { _ = try ExperimentFile(path: path, text: text, tier: .minutes) }
    let instead = tier == .minutes ? reduced ?? [:] : [:]
    let map = whole.merging(instead) { $1 }
    self.path = path
    self.tier = tier
    title = try root.required("title", in: map).string()
    description = try map["description"]?.string() ?? ""
    let common = try Setting.Section.allCases.flatMap { section in
      // Settings of a tier come later and replace individual ones.
      try [whole, instead].compactMap { $0[section.rawValue] }.flatMap {
        try GivenSetting.read(section: section, from: $0)
      }
    }
    var draft = RunDraft()
    for setting in common { setting.apply(to: &draft) }
    var drafts: [RunDraft] = []
    var borrowed: Set<String> = []
    for grid in try root.required("grid", in: map).list() {
      if grid.isMapping {
        drafts += try GridMapping(grid).drafts(from: draft)
      } else {
        guard borrowed.insert(try grid.string()).inserted else {
          throw grid.error("`\(try grid.string())` is given twice", remedy: "Remove one")
        }
        drafts += try Self.grid(of: grid, beside: path, tier: tier)
      }
      guard drafts.count <= GridMapping.mostRuns else { throw GridMapping.tooMany(grid) }
    }
    for (name, remedy) in [
      ("corpus", "Add `corpus: village`"), ("width", "Add `width: [16, 32]` to the grid"),
    ] where drafts.contains(where: { !$0.isGiven(name) }) {
      throw root.error("no `\(name)` is given", remedy: remedy)
    }
    guard drafts.allSatisfy({ $0.length != nil }) else {
      throw root.error(
        "the length of training is not given",
        remedy: "Add `tokens: [1M, 2M]`, or `flops: [1e11]`, to the grid")
    }
    self.drafts = drafts
    // A page is rendered in both tiers, and may quote results that only one of them has.
    let numbers =
      try whole["page"]?.entries().first { $0.key.text == "numbers" }.map {
        try RunNumber.readAll($0.value, settings: Setting.columns)
      } ?? []
    let both = try [whole, whole.merging(reduced ?? [:]) { $1 }].map { try Self.names(in: $0, numbers) }
    let names = both[tier == .whole ? 0 : 1]
    fits = map["fits"] == nil ? nil : names.fits
    comparisons = names.comparisons
    sweeps = names.sweeps
    expectations =
      try map["expect"]?.list().map {
        try Expectation(
          $0, fits: names.fits, comparisons: names.comparisons, sweeps: names.sweeps, numbers: numbers)
      } ?? []
    plots = try map["plots"].map { try PlotRequest.readList($0, settings: Setting.columns) } ?? []
    reference = try map["reference"]?.list().flatMap(Self.runs) ?? []
    slurm = try map["slurm"].map(SlurmSettings.init) ?? SlurmSettings()
    chapter = try map["chapter"]?.integer(in: 1...1000)
    let quotable = QuotingText.Names(
      fits: both.flatMap(\.fits), comparisons: both.flatMap(\.comparisons), sweeps: both.flatMap(\.sweeps),
      numbers: numbers)
    page = try map["page"].map { try PageText($0, quotable) }
    key = try map["key"].map { try KeyResult($0, fits: names.fits) }
    notes = root.notes
  }

  /// Returns the fits, comparisons and sweeps of a tier, with the standard fits as the default.
  private static func names(in map: [String: YAMLValue], _ numbers: [RunNumber]) throws -> QuotingText.Names {
    let fits =
      try map["fits"].map { try FitRequest.readList($0, settings: Setting.columns) }
      ?? FitRequest.standard(budgets: true, entropy: true)
    return QuotingText.Names(
      fits: fits,
      comparisons: try map["compare"].map { try ComparisonRequest.readList($0, fits: fits) } ?? [],
      sweeps: try map["sweeps"]?.list().map(Self.sweep) ?? [], numbers: numbers)
  }

  /// Returns the column of a setting from the name of the setting or of the column.
  private static func sweep(_ name: YAMLValue) throws -> String {
    let swept = Setting.all.compactMap { setting in setting.column.map { (setting.name, $0.name) } }
    let text = try name.string()
    if let found = swept.first(where: { $0.0 == text }) { return found.1 }
    return try name.choice(of: swept.map(\.1))
  }

  /// Returns the runs of the experiment that a grid names: a file in the same folder whose own grid names no other one.
  private static func grid(of name: YAMLValue, beside path: String, tier: Tier) throws -> [RunDraft] {
    let other = URL(fileURLWithPath: path).deletingLastPathComponent().path + "/\(try name.plainName()).yaml"
    guard try FileAccess.exists(other) else {
      throw name.error(
        "there is no experiment `\(try name.string())` beside this one",
        remedy: "Write settings with their values, or the name of another experiment whose grid to use")
    }
    let grid = try YAMLValue(contentsOf: other).entries().first { $0.key.text == "grid" }?.value
    guard try grid?.list().allSatisfy(\.isMapping) ?? true else {
      throw name.error(
        "`\(try name.string())` borrows its own grid", remedy: "Name the experiment that it borrows from")
    }
    return try ExperimentFile(contentsOf: other, tier: tier).drafts
  }

  /// Returns the runs of a bundled table.
  private static func runs(of value: YAMLValue) throws -> [RunRow] {
    do {
      return try ReferenceTable.named(try value.string()).runs(settings: Setting.columns)
    } catch let error as InputError {
      throw value.error(error.message, remedy: error.remedy)
    }
  }

  /// The keys that a tier may replace.
  private static let reducible = [
    "corpus", "synthetic", "model", "training", "grid", "reference", "fits", "compare", "sweeps", "plots",
    "expect",
    "description",
    "key",
  ]
}

/// A setting with its value in a file.
struct GivenSetting: Sendable {
  let setting: Setting
  let label: String
  let line: Int?
  private let change: Setting.Change

  init(_ setting: Setting, _ value: YAMLValue) throws {
    self.setting = setting
    label = try value.label()
    line = value.line
    change = try setting.read(value)
  }

  func apply(to draft: inout RunDraft) {
    change(&draft)
    draft.lines[setting.name] = .some(line)
  }

  /// Reads the settings of a section. A corpus may be given by its source alone.
  static func read(section: Setting.Section, from value: YAMLValue) throws -> [GivenSetting] {
    let settings = Setting.all.filter { $0.section == section }
    if section == .corpus, !value.isMapping { return [try GivenSetting(settings[0], value)] }
    let value = value.renaming(Setting.formerNames(in: settings, \.key))
    _ = try value.mapping(keys: settings.map(\.key))
    let entries = try value.entries()
    try refuseAlternatives(entries.map(\.key.text), in: value)
    return try entries.compactMap { entry in
      try settings.first { $0.key == entry.key.text }.map { try GivenSetting($0, entry.value) }
    }
  }

  /// Throws if two settings are given of which only one is allowed.
  static func refuseAlternatives(_ keys: [String], in value: YAMLValue) throws {
    for (one, other) in Setting.alternatives where keys.contains(one) && keys.contains(other) {
      throw value.error("both `\(one)` and `\(other)` are given", remedy: "Remove one of them")
    }
  }
}

extension ExperimentFile {
  /// Returns the verdicts on the expectations of the file, in order.
  public func check(fits: Fits, results: ResultsTable) -> [Verdict] {
    expectations.map { $0.check(fits: fits, results: results) }
  }
}
