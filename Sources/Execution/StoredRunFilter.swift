import Analysis
import Files
import Plans

extension [StoredRun] {
  /// The tasks of all runs, by name.
  public var tasks: [String] { Set(flatMap { $0.result?.tasks.map(\.task) ?? [] }).sorted() }

  /// Returns the runs that satisfy all conditions, which refer to columns of `results.csv` or to quantities such as N,
  /// D, C and loss. A run without a value does not satisfy the condition.
  ///
  /// - Throws: `InputError` if a condition refers to no column.
  public func filtered(where conditions: [RowFilter]) throws -> [StoredRun] {
    let columns = Column.all(settings: Setting.columns, tasks: tasks)
    let pairs = try conditions.flatMap(\.columns).map { ($0, try Self.column($0, among: columns)) }
    let names = Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    return filter { run in
      conditions.allSatisfy { condition in
        condition.outcome { name in
          names[name].flatMap { run[$0] == .none ? nil : run[$0].description }
        } == .holds
      }
    }
  }

  private static func column(_ name: String, among all: [Column]) throws -> String {
    let columns = all.map(\.name)
    if let column = all.first(where: { $0.name == name || $0.formerNames.contains(name) }) {
      return column.name
    }
    let role = ObservationFile.Role(name)
    if let column = role.flatMap({ ObservationFile.known($0, in: columns).first }) { return column }
    throw InputError(
      "there is no column `\(name)`",
      remedy: nearestName(to: name, among: columns).map { "The nearest is `\($0)`" }
        ?? "The columns are those of results.csv")
  }
}
