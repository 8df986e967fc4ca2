import Analysis
import Plans
import Files
import Foundation
import Models
import Training

/// A run as its folder tells of it, whichever experiment asked for it. Damage is a status, not a failure to read.
public struct StoredRun: Sendable {
  public enum Status: String, Sendable {
    case completed, diverged
    /// It has begun and is not finished.
    case underWay = "under way"
    /// Its records are whole, but not such as this version writes.
    case otherVersion = "other version"
    /// What its folder holds is not what was written.
    case damaged
  }

  public let folder: RunFolder
  public let status: Status
  /// Nil where it cannot be read.
  public let configuration: RunConfiguration?
  public let provenance: Provenance?
  /// Nil of a run that is not finished.
  public let result: RunResult?
  public let time: RunTiming?
  /// When it was finished or, of others, begun.
  public let date: Date?
  private let row: RunRow?

  /// What `config.json` holds.
  private struct Description: Decodable {
    let configuration: RunConfiguration
    let provenance: Provenance
  }

  /// Reads the records of the run in `folder`.
  public init(_ folder: RunFolder) {
    self.folder = folder
    let description = (try? FileAccess.read(folder.configuration)).flatMap {
      try? decodeJSON(Description.self, from: $0)
    }
    let record = Result { try folder.record() }
    let finished = (try? record.get()) ?? nil
    configuration = finished?.configuration ?? description?.configuration
    provenance = finished?.provenance ?? description?.provenance
    result = finished?.result
    time = folder.time()
    switch (record, result) {
    case (_, let result?): status = result.status == .completed ? .completed : .diverged
    // A record of this version that can be read and was yet refused does not have its checksum.
    case (.failure, _):
      status = Self.isJSON(folder.result) && !Self.holdsOwnRecord(folder.result) ? .otherVersion : .damaged
    default:
      // The folder's name is the hash of its configuration, as one version counts it.
      let isOwn = description?.configuration.identifier == folder.identifier
      status = isOwn ? .underWay : Self.isJSON(folder.configuration) ? .otherVersion : .damaged
    }
    let file = result == nil ? folder.configuration : folder.result
    date = (try? FileManager.default.attributesOfItem(atPath: file))?[.modificationDate] as? Date
    if let configuration, result != nil || status == .underWay {
      row = Self.row(configuration, result)
    } else {
      row = nil
    }
  }

  /// The name of its folder.
  public var identifier: String { folder.identifier }

  /// Whether there is nothing left to train.
  public var isFinished: Bool { status == .completed || status == .diverged }

  /// What a column of `results.csv` holds for the run.
  public subscript(column: String) -> Cell {
    switch column {
    case "run": .text(identifier)
    case "status": .text(status.rawValue)
    default: row?[column] ?? .none
    }
  }

  private static func isJSON(_ path: String) -> Bool {
    (try? FileAccess.read(path)).flatMap { try? JSONSerialization.jsonObject(with: $0) } is [String: Any]
  }

  private static func holdsOwnRecord(_ path: String) -> Bool {
    struct Envelope: Decodable {
      let record: RunRecord
    }
    let record = try? decodeJSON(Envelope.self, from: FileAccess.read(path)).record
    return record?.provenance.version == Provenance.version
  }

  private static func row(_ configuration: RunConfiguration, _ result: RunResult?) -> RunRow {
    let training = configuration.training
    let planned = training.batch.end(ofTraining: training.tokens)
    let run = PlannedRun(
      configuration, counts: result?.counts ?? Counts(Transformer(configuration.model)),
      steps: result?.steps ?? planned.steps, tokens: result?.tokens ?? planned.tokens)
    return RunRow(run, result)
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
    guard FileManager.default.fileExists(atPath: root) else {
      throw InputError("no such folder", file: root, remedy: "Name the folder of runs with --output")
    }
    return names(in: root).map { StoredRun(RunFolder("\(root)/store/\($0)")) }.sorted { $0.order < $1.order }
  }

  /// The identifiers of the runs in a folder of runs.
  public static func names(in root: String) -> [String] { folders(in: "\(root)/store") }

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
    if [folder.configuration, folder.result].contains(where: FileManager.default.fileExists(atPath:)) {
      return StoredRun(folder)
    }
    let names = names(in: root)
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
    return StoredRun(RunFolder("\(root)/store/\(first)"))
  }
}

/// The names of the folders in a folder, in order; none where there is no such folder.
func folders(in path: String) -> [String] {
  let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
  return names.sorted().filter { name in
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: "\(path)/\(name)", isDirectory: &isFolder)
      && isFolder.boolValue
  }
}
