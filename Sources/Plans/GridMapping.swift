import Files

/// A mapping of an experiment's grid: lists of values, of which each combination is a run.
struct GridMapping {
  /// One key of the grid with its values.
  private struct Axis {
    let name: String
    let values: [(label: String, apply: Setting.Change)]
  }

  /// The largest number of runs of an experiment. More would take years, and each needs memory when it is planned.
  static let mostRuns = 10_000

  private let axes: [Axis]

  init(_ yaml: YAMLValue) throws {
    let yaml = yaml.renaming(Setting.formerNames(in: Setting.all, \.name))
    _ = try yaml.mapping(keys: Setting.all.map(\.name) + ["seeds"])
    let entries = try yaml.entries()
    try GivenSetting.refuseAlternatives(entries.map(\.key.text), in: yaml)
    axes = try entries.map { entry in
      guard let setting = Setting.named(entry.key.text) else {
        return try Self.seeds(entry.value)
      }
      let values = try entry.value.list()
      guard !values.isEmpty else {
        throw entry.value.error("the list is empty", remedy: "Give at least one value")
      }
      let given = try values.map { try GivenSetting(setting, $0) }
      return Axis(
        name: setting.name, values: given.map { given in (given.label, { given.apply(to: &$0) }) })
    }
    // Floating point, because integers could overflow.
    guard axes.reduce(1, { $0 * Double($1.values.count) }) <= Double(Self.mostRuns) else {
      throw Self.tooMany(yaml)
    }
  }

  static func tooMany(_ yaml: YAMLValue) -> InputError {
    yaml.error(
      "the grid has more than \(mostRuns) runs", remedy: "Give shorter lists, or write several experiments")
  }

  /// Reads `seeds`: a number such as 3 means the seeds 0, 1 and 2; a list contains the seeds themselves.
  private static func seeds(_ yaml: YAMLValue) throws -> Axis {
    let seeds =
      yaml.isList
      ? try yaml.list().map { try $0.integer(in: 0...) } : Array(0..<(try yaml.integer(in: 1...1000)))
    guard !seeds.isEmpty else { throw yaml.error("the list is empty", remedy: "Give at least one seed") }
    return Axis(
      name: "seed",
      values: seeds.map { seed in
        (
          "\(seed)",
          {
            $0.seed = UInt64(seed)
            $0.lines["seed"] = .some(nil)
          }
        )
      })
  }

  /// Returns all combinations, based on the settings that are `common` to all runs. The first axis changes slowest.
  func drafts(from common: RunDraft) -> [RunDraft] {
    axes.reduce([common]) { drafts, axis in
      drafts.flatMap { draft in
        axis.values.map { value in
          var draft = draft
          value.apply(&draft)
          draft.axes.append(AxisValue(setting: axis.name, value: value.label))
          return draft
        }
      }
    }
  }
}
