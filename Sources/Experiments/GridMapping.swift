import Files

/// One mapping of an experiment's grid: lists of values, of which every combination is a run.
struct GridMapping {
  /// One key of the grid with its values.
  private struct Axis {
    let name: String
    let values: [(label: String, apply: Setting.Change)]
  }

  private let axes: [Axis]

  init(_ yaml: YAMLValue) throws {
    _ = try yaml.mapping(keys: Setting.all.map(\.name) + ["seeds"])
    let entries = try yaml.entries()
    try GivenSetting.refuseAlternatives(entries.map(\.key.text), in: yaml)
    axes = try entries.map { entry in
      guard let setting = Setting.all.first(where: { $0.name == entry.key.text }) else {
        return try Self.seeds(entry.value)
      }
      let values = try entry.value.list()
      guard !values.isEmpty else {
        throw entry.value.error("the list is empty", remedy: "Give at least one value")
      }
      return Axis(
        name: setting.name,
        values: try values.map { value in
          let given = try GivenSetting(setting, value)
          return (given.label, { given.apply(to: &$0) })
        })
    }
  }

  /// `seeds: 3` means 0, 1 and 2; a list means what it says.
  private static func seeds(_ yaml: YAMLValue) throws -> Axis {
    let seeds =
      yaml.isList
      ? try yaml.list().map { try $0.integer(in: 0...) } : Array(0..<(try yaml.integer(in: 1...1000)))
    guard !seeds.isEmpty else { throw yaml.error("the list is empty", remedy: "Give at least one seed") }
    return Axis(name: "seed", values: seeds.map { seed in ("\(seed)", { $0.seed = UInt64(seed) }) })
  }

  /// Every combination, on top of what is `common` to all runs; the first axis changes slowest.
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
