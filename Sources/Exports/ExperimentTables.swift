import Analysis
import Execution
import Files
import Foundation

/// The results and the logs of an experiment's runs, for programs that read tables.
///
/// | table | a row | columns |
/// |---|---|---|
/// | `results` | a run | a label, and those of `results.csv` |
/// | `logs` | a step or an evaluation of a run | the values in a line of `metrics.jsonl`; nested names are joined by `_` |
public struct ExperimentTables: Sendable {
  /// The programs that the tables are written for.
  public enum Format: String, CaseIterable, Sendable {
    /// `results.parquet` and `logs.parquet`, for pandas, Polars, DuckDB and Spark.
    case parquet
    /// A folder of events for each run, with its settings as hyperparameters.
    case tensorboard
    /// A folder `wandb` of offline runs, which `wandb sync` sends.
    case wandb
    /// `results.jsonl` and `logs.jsonl`.
    case jsonl

    /// The Python library that writes it; nil if none is needed.
    var library: String? {
      switch self {
      // A wheel of 25 MB without dependencies. PyArrow has 55 MB, and fastparquet needs pandas.
      case .parquet: "duckdb"
      case .tensorboard: "tensorboard"
      case .wandb: "wandb"
      case .jsonl: nil
      }
    }

    /// The fraction of the time of an export that is spent on writing rows as JSON, measured on 108 runs.
    var shareOfRows: Double {
      switch self {
      case .jsonl: 1
      case .parquet: 0.9
      case .tensorboard: 0.45
      case .wandb: 0.3
      }
    }
  }

  /// What was written.
  public struct Written: Encodable, Sendable {
    public let runs: Int
    /// The number of rows of logs.
    public let points: Int
    /// The number of runs whose log is absent, as after `isoflop clean`.
    public let withoutLog: Int
  }

  /// The name of the experiment.
  private let name: String
  private let results: ResultsTable
  /// The path of the log of a run.
  private let log: @Sendable (String) -> String

  /// - Parameter log: Returns the path of the log of a run, which may be absent.
  public init(name: String, results: ResultsTable, log: @escaping @Sendable (String) -> String) {
    (self.name, self.results, self.log) = (name, results, log)
  }

  /// Writes the tables.
  ///
  /// - Parameters:
  ///   - folder: The folder, which must be absent or empty.
  ///   - progress: Called repeatedly with the completed fraction.
  /// - Throws: `InputError` if a log is damaged, the folder has files or cannot be written, or Python or its library is
  ///   not installed.
  public func write(_ format: Format, to folder: String, progress: (Double) -> Void = { _ in }) throws
    -> Written
  {
    let python = try format.library.map { try Python(for: $0) }
    try FileAccess.makeNewFolder(folder)
    let share = format.shareOfRows
    let runs = results.rows.filter { $0.status != .missing }
    try writeResults(runs, to: "\(folder)/results.jsonl")
    var logs = try LogTable("\(folder)/logs.jsonl")
    var withoutLog = 0
    let bytes = try runs.map { try FileAccess.status(of: log($0.run)).map { Double($0.st_size) } ?? 0 }
    let total = max(1, bytes.reduce(0, +))
    var done = 0.0
    for (run, bytes) in zip(runs, bytes) {
      if try !logs.append(run.run, log: log(run.run)) { withoutLog += 1 }
      done += bytes
      progress(share * done / total)
    }
    try logs.finish()
    if let python {
      try FileAccess.write(description(logs.columns), to: "\(folder)/tables.json")
      do {
        try python.run(PackageResources.tables_py, [format.rawValue, folder]) {
          progress(share + (1 - share) * $0)
        }
      } catch {
        // The same command must find an empty folder again.
        try? FileAccess.remove(folder)
        throw error
      }
    }
    return Written(runs: runs.count, points: logs.points, withoutLog: withoutLog)
  }

  private func writeResults(_ runs: [RunRow], to path: String) throws {
    let file = try AppendingFile(path)
    let columns = results.columns
    for run in runs {
      var row = Dictionary(
        uniqueKeysWithValues: columns.map { ($0.name, JSONCell(run[$0.name], JSONCell.Kind($0.kind))) })
      row["label"] = .text(label(of: run))
      try file.append(canonicalJSON(row))
    }
    try file.flush()
  }

  /// The settings that distinguish a run, and the beginning of its name, so that labels differ.
  private func label(of run: RunRow) -> String {
    let hasSeeds = Set(results.rows.map { $0["seed"] }).count > 1
    let settings = results.label(of: run, among: results.rows)
    return "\(settings)\(hasSeeds ? ", seed \(run["seed"])" : "") (\(run.run.prefix(8)))"
  }

  /// The name, the columns with their types in SQL, and which of them are settings and results.
  private func description(_ logs: [String: JSONCell.Kind]) throws -> Data {
    struct Description: Encodable {
      let name: String
      let settings: [String]
      let results: [String]
      let tables: [String: [[String]]]
    }
    let columns = results.columns
    let named = { (role: Column.Role) in columns.filter { $0.role == role } }
    let types = columns.map { [$0.name, JSONCell.Kind($0.kind).rawValue] }
    return try canonicalJSON(
      Description(
        name: name, settings: named(.setting).map(\.name),
        results: named(.result).filter { $0.kind != .text }.map(\.name),
        tables: [
          "results": types.prefix(1) + [["label", JSONCell.Kind.text.rawValue]] + types.dropFirst(),
          "logs": logs.sorted { LogTable.order($0.key) < LogTable.order($1.key) }.map {
            [$0.key, $0.value.rawValue]
          },
        ]))
  }
}

/// The table of logs while it is written.
private struct LogTable {
  private let file: AppendingFile
  private(set) var columns: [String: JSONCell.Kind] = ["run": .text]
  private(set) var points = 0
  /// The columns by the paths of their members.
  private var names: [String: String] = [:]

  init(_ path: String) throws { file = try AppendingFile(path) }

  /// Appends the log of a run. Returns false if it is absent.
  mutating func append(_ run: String, log: String) throws -> Bool {
    guard let data = try FileAccess.readIfPresent(log) else { return false }
    // Parsers of types, such as JSONDecoder, take ten times as long for these many short lines.
    for (index, line) in data.split(separator: UInt8(ascii: "\n")).enumerated() {
      // If the last byte opens a list that exceeds the depth limit, Foundation reads the byte after it and traps.
      let value = try? JSONSerialization.jsonObject(with: line + Data("\n".utf8))
      guard let members = value as? [String: Any] else {
        throw InputError(
          "is not an entry of a training log", file: log, line: index + 1, remedy: "Train the run again")
      }
      var row: [String: Any] = ["run": run]
      for (name, member) in members { fill(&row, member, under: name) }
      try file.append(
        JSONSerialization.data(withJSONObject: row, options: [.sortedKeys, .withoutEscapingSlashes]))
      points += 1
    }
    return true
  }

  /// Adds the numbers of a member to a row, each under its path. Text stands for numbers that are not finite, which have no
  /// place in JSON.
  private mutating func fill(_ row: inout [String: Any], _ member: Any, under path: String) {
    if let members = member as? [String: Any] {
      for (name, value) in members { fill(&row, value, under: "\(path)_\(name)") }
    } else if let elements = member as? [Any] {
      for (index, value) in elements.enumerated() { fill(&row, value, under: "\(path)_\(index + 1)") }
    } else if let number = member as? NSNumber {
      let name = name(of: path)
      row[name] = number
    }
  }

  /// The column of a path, which is added to the columns.
  private mutating func name(of path: String) -> String {
    if let known = names[path] { return known }
    // The loss of a step is that of training, before it.
    let name = path == "loss" ? "training_loss" : snakeCase(path)
    names[path] = name
    columns[name] = Self.counts.contains(name) ? .integer : .number
    return name
  }

  func finish() throws { try file.flush() }

  /// The columns with whole numbers. Others may have a whole number by chance.
  private static let counts: Set = ["step", "tokens", "validation_windows", "cooldown_from"]

  /// The order of the columns: where a point is, then its values.
  static func order(_ column: String) -> (Int, String) {
    (["run", "step", "tokens"].firstIndex(of: column) ?? 3, column)
  }
}

/// A cell as JSON, with the type that its column has in SQL.
private enum JSONCell: Encodable {
  enum Kind: String {
    case text = "VARCHAR"
    case integer = "BIGINT"
    case number = "DOUBLE"

    init(_ kind: Column.Kind) {
      self =
        switch kind {
        case .text, .integerOrText: .text
        case .integer: .integer
        case .number: .number
        }
    }
  }

  case text(String)
  case integer(Int)
  case number(Double)
  case none

  /// - Parameter kind: The type of its column: a column with text and numbers has text alone.
  init(_ cell: Cell, _ kind: Kind) {
    self =
      switch kind == .text && cell != .none ? .text(cell.description) : cell {
      case .text(let text): text.isEmpty ? .none : .text(text)
      case .integer(let integer): .integer(integer)
      case .number(let number): number.isFinite ? .number(number) : .none
      case .none: .none
      }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .text(let text): try container.encode(text)
    case .integer(let integer): try container.encode(integer)
    case .number(let number): try container.encode(number)
    case .none: try container.encodeNil()
    }
  }
}
