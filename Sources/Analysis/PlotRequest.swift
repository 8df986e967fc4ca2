import Files
import Foundation

/// A figure of columns of the results: an entry of `plots`.
///
///     plots:
///       - {name: recall, title: Recall by the number of pairs, x: pairs, y: exact_match_recall_*, series: [layers, state]}
///
/// Runs that differ in nothing that is shown are one point, their mean.
public struct PlotRequest: Sendable {
  /// A line of the figure.
  public struct Series: Sendable {
    /// The values that its runs have in common; empty for a single line.
    public let label: String
    /// The points, in increasing order of `x`, with the standard errors of their means over runs, 0 for a single run.
    public let points: [(x: Double, y: Double, error: Double)]
  }

  /// The name of the figure.
  public let name: String
  /// One line above the figure.
  public let title: String
  /// The text below the figure; empty for none.
  public let caption: String
  /// The label of the horizontal axis.
  public let axis: String
  /// The label of the vertical axis.
  public let label: String
  /// The name of what tells the lines apart, if it is one column; nil if each line says it.
  public let legend: String?
  /// Whether the axes are logarithmic.
  public let isLogarithmic: (x: Bool, y: Bool)
  private let x: String
  private let y: String
  private let series: [String]
  private let conditions: [FitRequest.Condition]

  /// Reads the section `plots`.
  ///
  /// - Throws: `InputError` if an entry is invalid.
  package static func readList(_ yaml: YAMLValue, settings: [Column]) throws -> [PlotRequest] {
    var requests: [PlotRequest] = []
    for entry in try yaml.list() {
      let request = try PlotRequest(entry, settings: settings)
      guard !requests.contains(where: { $0.name == request.name }) else {
        throw entry.error("two plots are called `\(request.name)`", remedy: "Give one of them another `name`")
      }
      requests.append(request)
    }
    return requests
  }

  private init(_ yaml: YAMLValue, settings: [Column]) throws {
    let map = try yaml.mapping(keys: [
      "name", "title", "caption", "x", "y", "label", "series", "where", "logarithmic",
    ])
    let all = Column.all(settings: settings, tasks: []) + Column.times
    let numeric = all.filter { $0.kind != .text }
    name = try yaml.required("name", in: map).string()
    guard name.count <= FitRequest.longestName else {
      throw yaml.error("the name is longer than \(FitRequest.longestName) characters", remedy: "Shorten it")
    }
    title = try map["title"]?.string() ?? name
    caption = try map["caption"]?.string() ?? ""
    let (given, across) = (try yaml.required("y", in: map), try yaml.required("x", in: map))
    y = try Column.name(of: given, among: numeric)
    guard !y.contains("*") || y.hasSuffix("*") && y.count(where: { $0 == "*" }) == 1 else {
      throw given.error("`*` is not at the end of `\(y)`", remedy: "Write for example loss_at_*")
    }
    x = y.hasSuffix("*") ? try across.string() : try Column.name(of: across, among: numeric)
    let words = { (name: String) in all.first { $0.name == name }?.words ?? name.replacing("_", with: " ") }
    axis = words(x)
    label = try map["label"]?.string() ?? words(y)
    series = try map["series"]?.list().map { try Column.name(of: $0, among: all) } ?? []
    legend = series.count == 1 ? words(series[0]) : nil
    conditions = try map["where"].map { try FitRequest.readConditions($0, on: all) } ?? []
    let logarithmic = try map["logarithmic"]?.list().map { try $0.choice(of: ["x", "y"]) } ?? ["x"]
    isLogarithmic = (logarithmic.contains("x"), logarithmic.contains("y"))
  }

  /// Returns the lines of the figure, in increasing order if numbers tell them apart, otherwise in the order of the runs;
  /// empty if no run has a value.
  public func series(of table: ResultsTable) -> [Series] {
    let rows = table.completed.filter { row in conditions.allSatisfy { $0.holds(for: row) } }
    let prefix = y.hasSuffix("*") ? String(y.dropLast()) : nil
    let columns = table.columns.map(\.name).compactMap { name -> (name: String, x: Double)? in
      prefix.flatMap { name.hasPrefix($0) ? Int(name.dropFirst($0.count)).map { (name, Double($0)) } : nil }
    }
    var groups = rows.grouped { row in series.map { row.text($0) } }
    if series.count == 1, groups.allSatisfy({ $0[0].number(series[0]) != nil }) {
      groups.sort { ($0[0].number(series[0]) ?? 0) < ($1[0].number(series[0]) ?? 0) }
    }
    return groups.compactMap { rows in
      var values: [Double: [Double]] = [:]
      for row in rows {
        if prefix == nil {
          if let x = row.number(x), let y = row.number(y) { values[x, default: []].append(y) }
        } else {
          for column in columns {
            if let y = row.number(column.name) { values[column.x, default: []].append(y) }
          }
        }
      }
      guard !values.isEmpty else { return nil }
      let label = series.map { name in
        let column = table.columns.first { $0.name == name }
        let text = rows[0].text(name)
        return legend != nil || column?.isSelfExplanatory ?? false ? text : "\(column?.words ?? name) \(text)"
      }
      return Series(
        label: label.joined(separator: ", "),
        points: values.sorted { $0.key < $1.key }.map { x, ys in
          let mean = ys.reduce(0, +) / Double(ys.count)
          let squares = ys.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
          let count = Double(ys.count)
          return (x, mean, ys.count > 1 ? (squares / (count - 1) / count).squareRoot() : 0)
        })
    }
  }
}
