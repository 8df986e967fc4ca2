import Analysis
import Execution
import Files
import Foundation

/// The results and the logs of an experiment's runs, for programs that read tables.
///
/// | table | a row | columns |
/// |---|---|---|
/// | `results` | a run | a label, and those of `results.csv` |
/// | `logs` | a step or an evaluation of a run | the members of a line of `metrics.jsonl`, those of members by `_` |
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
    guard try FileAccess.names(in: folder).isEmpty else {
      throw InputError("is not empty", file: folder, remedy: "Name a new folder")
    }
    try FileAccess.makeFolder(folder)
    let share = python == nil ? 1 : 0.2
    let runs = results.rows.filter { $0.status != .missing }
    try writeResults(runs, to: "\(folder)/results.jsonl")
    var logs = try LogTable("\(folder)/logs.jsonl")
    var withoutLog = 0
    for (index, run) in runs.enumerated() {
      if try !logs.append(run.run, log: log(run.run)) { withoutLog += 1 }
      progress(share * Double(index + 1) / Double(runs.count))
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

  init(_ path: String) throws { file = try AppendingFile(path) }

  /// Appends the log of a run. Returns false if it is absent.
  mutating func append(_ run: String, log: String) throws -> Bool {
    guard let text = try FileAccess.readTextIfPresent(log) else { return false }
    for (index, line) in text.split(separator: "\n").enumerated() {
      guard let value = try? decodeJSON(LogValue.self, from: Data(line.utf8)),
        case .members(let members) = value
      else {
        throw InputError("is not a line of a log", file: log, line: index + 1, remedy: "Train the run again")
      }
      var row: [String: JSONCell] = ["run": .text(run)]
      for (name, member) in members { member.fill(&row, under: Self.name(name)) }
      for name in row.keys where columns[name] == nil {
        columns[name] = Self.counts.contains(name) ? .integer : .number
      }
      try file.append(canonicalJSON(row))
      points += 1
    }
    return true
  }

  func finish() throws { try file.flush() }

  /// The columns with whole numbers. Others may have a whole number by chance.
  private static let counts: Set = ["step", "tokens", "validation_windows", "cooldown_from"]

  /// The order of the columns: where a point is, then its values.
  static func order(_ column: String) -> (Int, String) {
    (["run", "step", "tokens"].firstIndex(of: column) ?? 3, column)
  }

  /// The loss of a step is that of training, before it.
  private static func name(_ member: String) -> String {
    member == "loss" ? "training_loss" : snakeCase(member)
  }
}

/// A value in a line of a log.
private enum LogValue: Decodable {
  case cell(JSONCell)
  case members([String: LogValue])
  case elements([LogValue])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let members = try? container.decode([String: LogValue].self) {
      self = .members(members)
    } else if let elements = try? container.decode([LogValue].self) {
      self = .elements(elements)
    } else if let integer = try? container.decode(Int.self) {
      self = .cell(.integer(integer))
    } else {
      // Numbers that are not finite have no place in JSON.
      self = .cell((try? container.decode(Double.self)).flatMap { $0.isFinite ? .number($0) : nil } ?? .none)
    }
  }

  /// Adds the values below this one to a row, each under its path.
  func fill(_ row: inout [String: JSONCell], under name: String) {
    switch self {
    case .cell(let cell): row[name] = cell
    case .members(let members):
      for (member, value) in members { value.fill(&row, under: "\(name)_\(snakeCase(member))") }
    case .elements(let elements):
      for (index, value) in elements.enumerated() { value.fill(&row, under: "\(name)_\(index + 1)") }
    }
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
