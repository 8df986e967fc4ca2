import Analysis
import Files
import Plans

extension [StoredRun] {
  /// The tasks of all runs, by name.
  public var tasks: [String] { Set(flatMap { $0.result?.tasks.map(\.task) ?? [] }).sorted() }

  /// The runs that fulfil all conditions, which name columns of `results.csv`, or quantities as `isoflop fit` knows
  /// them: N, D, C, loss. What a run does not know, it does not fulfil.
  ///
  /// - Throws: `InputError` if a condition names no column.
  public func filtered(where conditions: [RowFilter]) throws -> [StoredRun] {
    let columns = Column.all(settings: Setting.columns, tasks: tasks).map(\.name)
    let named = try conditions.map { ($0, try Self.column($0.column, among: columns)) }
    return filter { run in
      named.allSatisfy { condition, column in
        run[column] != .none && condition.holds(for: run[column].description) ?? false
      }
    }
  }

  private static func column(_ name: String, among columns: [String]) throws -> String {
    if columns.contains(name) { return name }
    let role = ObservationFile.Role(name)
    if let column = role.flatMap({ ObservationFile.known($0, in: columns).first }) { return column }
    throw InputError(
      "there is no column `\(name)`",
      remedy: nearestName(to: name, among: columns).map { "The nearest is `\($0)`" }
        ?? "The columns are those of results.csv")
  }
}
