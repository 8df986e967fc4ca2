import Analysis
import Files
import Foundation
import Models
import Plans
import Training

/// A run as its folder records it. Damage is a status, not an error.
public struct StoredRun: Sendable {
  public enum Status: String, Sendable {
    case completed, diverged
    /// It has begun and is not finished.
    case underWay = "under way"
    /// Its records are intact, but of another version's format.
    case otherVersion = "other version"
    /// Its records are damaged.
    case damaged
  }

  public let folder: RunFolder
  public let status: Status
  /// Nil if it cannot be read.
  public let configuration: RunConfiguration?
  public let provenance: Provenance?
  /// Nil if the run is not finished.
  public let result: RunResult?
  public let time: RunTiming?
  /// When the run was finished or, if it is not, begun.
  public let date: Date?
  private let row: RunRow?

  /// Reads the records of the run in `folder`.
  ///
  /// - Throws: `InputError` if they cannot be read. They do not count as damaged then.
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
      // A record of this version that was refused although it can be read has a wrong checksum.
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

  /// The name of its folder.
  public var identifier: String { folder.identifier }

  /// Whether it is finished.
  public var isFinished: Bool { status == .completed || status == .diverged }

  /// The value of a column of `results.csv` for the run.
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

  private static func row(_ configuration: RunConfiguration, _ result: RunResult?) -> RunRow {
    let counts = result?.counts ?? Counts(Transformer(configuration.model))
    return RunRow(.bare(configuration, counts: counts), result)
  }
}

extension RunFolder {
  fileprivate var identifier: String { URL(fileURLWithPath: path).lastPathComponent }
}

extension StoredRun {
  /// All runs of a folder of runs, by corpus, size, tokens and seed; those that cannot be read last.
  ///
  /// - Throws: `InputError` if there is no such folder.
  public static func all(in root: String) throws -> [StoredRun] {
    guard try FileAccess.exists(root) else {
      throw InputError("no such folder", file: root, remedy: "Name the folder of runs with --output")
    }
    return try names(in: root).map { try StoredRun(RunFolder("\(root)/store/\($0)")) }
      .sorted { $0.order < $1.order }
  }

  /// The identifiers of the runs in a folder of runs.
  public static func names(in root: String) throws -> [String] { try folders(in: "\(root)/store") }

  private var order: (Int, String, Double, Double, Double, String) {
    (
      row == nil ? 1 : 0, self["corpus"].description, self["n_total"].number ?? 0,
      self["d_tokens"].number ?? 0, self["seed"].number ?? 0, identifier
    )
  }

  /// The run that a user names by its identifier, by the beginning of one, or by the path of its folder.
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
        remedy: near.map { "The nearest is `\($0)`" } ?? "See `isoflop ls` for what there is")
    }
    guard found.count == 1 else {
      throw InputError(
        "`\(name)` is the beginning of \(found.count) runs: \(found.joined(separator: ", "))",
        remedy: "Write more of it")
    }
    return try StoredRun(RunFolder("\(root)/store/\(first)"))
  }
}

/// The names of the folders in a folder, in order; none where there is no such folder.
func folders(in path: String) throws -> [String] {
  try FileAccess.names(in: path).filter { try FileAccess.kind(of: "\(path)/\($0)") == .folder }
}
