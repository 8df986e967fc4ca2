import Files

/// A statistic over some runs, which texts quote and expectations check: an entry of `page.numbers`.
///
///     numbers:
///       collapsed: {mean: loss, where: {experts: 8, balance: none}}
package struct RunNumber: Sendable {
  enum Statistic: String, CaseIterable { case mean, least, most }

  package let name: String
  let statistic: Statistic
  let column: String
  let conditions: [FitRequest.Condition]

  /// Reads the section `page.numbers`.
  ///
  /// - Parameter settings: The columns of settings.
  /// - Throws: `InputError` if an entry is invalid.
  package static func readAll(_ yaml: YAMLValue, settings: [Column]) throws -> [RunNumber] {
    try yaml.entries().map { try RunNumber($0.key.text, $0.value, settings: settings) }
  }

  private init(_ name: String, _ yaml: YAMLValue, settings: [Column]) throws {
    let statistics = Statistic.allCases.map(\.rawValue)
    let map = try yaml.mapping(keys: statistics + ["where"])
    let given = Statistic.allCases.filter { map[$0.rawValue] != nil }
    guard given.count == 1, let statistic = given.first, let column = map[statistic.rawValue] else {
      throw yaml.error(
        "a number needs one of \(statistics.joined(separator: ", "))",
        remedy: "Write for example `mean: loss`")
    }
    let all = Column.all(settings: settings, tasks: []) + Column.times
    self.name = name
    self.statistic = statistic
    self.column = try Column.name(of: column, among: all.filter { $0.kind != .text })
    conditions = try map["where"].map { try FitRequest.readConditions($0, on: all) } ?? []
  }

  /// Whether the number differs each time the runs are trained.
  var isTime: Bool { Column.times.contains { $0.name == column } }

  /// Returns the statistic; nil if no run satisfies the conditions.
  func value(of results: ResultsTable) -> Double? {
    let values = results.completed.filter { row in conditions.allSatisfy { $0.holds(for: row) } }
      .compactMap { $0.number(column) }
    guard !values.isEmpty else { return nil }
    return switch statistic {
    case .mean: values.reduce(0, +) / Double(values.count)
    case .least: values.min()
    case .most: values.max()
    }
  }
}
