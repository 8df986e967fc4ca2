import Analysis
import Files
import Foundation
import Models
import Plans
import Training

/// A run in a folder of runs. Damage is a status, not an error.
public struct StoredRun: Sendable {
  /// The status of a run. Raw values are shown to users.
  public enum Status: String, Sendable {
    case completed, diverged
    /// It has begun and is not finished.
    case underWay = "under way"
    /// Its records are intact, but of another version's format.
    case otherVersion = "other version"
    /// Its records are damaged.
    case damaged
  }

  /// The folder of the run.
  public let folder: RunFolder
  /// The status of the run.
  public let status: Status
  /// The configuration; nil if its record is damaged or of another version.
  public let configuration: RunConfiguration?
  /// The provenance; nil if its record is damaged or of another version.
  public let provenance: Provenance?
  /// The result; nil if the run is not finished.
  public let result: RunResult?
  /// The timing; nil if it is not recorded.
  public let time: RunTiming?
  /// The time when the run was finished, or begun if it is not finished.
  public let date: Date?
  private let row: RunRow?

  /// Reads the records of the run in `folder`.
  ///
  /// - Throws: `InputError` if they cannot be read. Unreadable records do not count as damaged.
  public init(_ folder: RunFolder) throws {
    self.folder = folder
    let description = try unlessDamaged(folder.description)
    let finished = try folder.finishedRecord()
    configuration = finished?.configuration ?? description?.configuration
    provenance = finished?.provenance ?? description?.provenance
    result = finished?.result
    time = try folder.time()
    if let result {
      status = result.status == .completed ? .completed : .diverged
    } else if let data = try FileAccess.readIfPresent(folder.result) {
      // A record of this version that can be parsed but was rejected has a wrong checksum.
      status = Self.isJSON(data) && !Self.isOwnRecord(data) ? .otherVersion : .damaged
    } else {
      // The folder's name is the hash of its configuration; another version may compute it differently.
      let isOwn = description?.configuration.identifier == folder.identifier
      let isJSON = try FileAccess.readIfPresent(folder.configuration).map(Self.isJSON) ?? false
      status = isOwn ? .underWay : isJSON ? .otherVersion : .damaged
    }
    let file = result == nil ? folder.configuration : folder.result
    date = try FileAccess.status(of: file).map { Date(timeIntervalSince1970: Double($0.st_mtim.tv_sec)) }
    if let configuration, result != nil || status == .underWay {
      row = Self.row(configuration, result)
    } else {
      row = nil
    }
  }

  /// The identifier of the run, which is the name of its folder.
  public var identifier: String { folder.identifier }

  /// True if the run is finished.
  public var isFinished: Bool { status == .completed || status == .diverged }

  /// The run's value in a column of `results.csv`.
  public subscript(column: String) -> Cell {
    switch column {
    case "run": .text(identifier)
    case "status": .text(status.rawValue)
    default: row?[column] ?? .none
    }
  }

  private static func isJSON(_ data: Data) -> Bool {
    (try? JSONSerialization.jsonObject(with: data)) is [String: Any]
  }

  private static func isOwnRecord(_ data: Data) -> Bool {
    struct Envelope: Decodable {
      let record: RunRecord
    }
    let record = try? decodeJSON(Envelope.self, from: data).record
    return record?.provenance.version == Provenance.version
  }

  /// The row of a run in a table of results, as far as it follows from its configuration.
  package static func row(_ configuration: RunConfiguration, _ result: RunResult?) -> RunRow {
    let counts = result?.counts ?? Counts(Transformer(configuration.model))
    return RunRow(.bare(configuration, counts: counts), result)
  }
}

extension RunFolder {
  fileprivate var identifier: String { URL(fileURLWithPath: path).lastPathComponent }
}

extension StoredRun {
  /// Returns all runs in a folder of runs, by corpus, size, tokens and seed; damaged ones last.
  ///
  /// - Throws: `InputError` if there is no such folder.
  public static func all(in root: String) throws -> [StoredRun] {
    guard try FileAccess.exists(root) else {
      throw InputError("no such folder", file: root, remedy: "Name the folder of runs with --output")
    }
    return try names(in: root).map { try StoredRun(RunFolder("\(root)/store/\($0)")) }
      .sorted { $0.order < $1.order }
  }

  /// Returns the identifiers of the runs in a folder of runs.
  public static func names(in root: String) throws -> [String] { try folders(in: "\(root)/store") }

  /// The trunks that unfinished ones of some runs leave.
  static func awaitedTrunks(of runs: [StoredRun]) -> Set<String> {
    Set(runs.filter { !$0.isFinished }.compactMap(\.configuration?.trunkIdentifier))
  }

  /// The trunks that unfinished runs of a folder of runs leave.
  static func awaitedTrunks(in root: String) throws -> Set<String> { try awaitedTrunks(of: all(in: root)) }

  private var order: (Int, String, Double, Double, Double, String) {
    (
      row == nil ? 1 : 0, self["corpus"].description, self["n_total"].number ?? 0,
      self["d_tokens"].number ?? 0, self["seed"].number ?? 0, identifier
    )
  }

  /// Returns the run with an identifier, a prefix of an identifier, or the path of its folder.
  ///
  /// - Throws: `InputError` if there is none, or more than one.
  public static func named(_ name: String, in root: String) throws -> StoredRun {
    let folder = RunFolder(URL(fileURLWithPath: name).path)
    if try [folder.configuration, folder.result].contains(where: FileAccess.exists) {
      return try StoredRun(folder)
    }
    let names = try names(in: root)
    let found = names.contains(name) ? [name] : names.filter { $0.hasPrefix(name) && !name.isEmpty }
    guard let first = found.first else {
      let near = nearestName(to: name, among: names)
      throw InputError(
        "there is no run `\(name)` in \(root)",
        remedy: near.map { "The nearest is `\($0)`" } ?? "`isoflop ls` lists all")
    }
    guard found.count == 1 else {
      throw InputError(
        "`\(name)` is a prefix of \(found.count) runs: \(found.joined(separator: ", "))",
        remedy: "Write a longer prefix")
    }
    return try StoredRun(RunFolder("\(root)/store/\(first)"))
  }
}

/// Returns the sorted names of the folders in a folder; none if it does not exist.
func folders(in path: String) throws -> [String] {
  try FileAccess.names(in: path).filter { try FileAccess.kind(of: "\(path)/\($0)") == .folder }
}
