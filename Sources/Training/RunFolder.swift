import Files
import Foundation

/// The folder of a run: its configuration, its log and its result.
///
/// | file | content |
/// |---|---|
/// | `config.json` | the configuration, and the provenance |
/// | `metrics.jsonl` | a line for each step, and one for each evaluation |
/// | `result.json` | the numbers, written last: a run with a result is finished |
/// | `timing.json` | the seconds that it took |
/// | `checkpoint.safetensors` | while it runs; kept at the end on request |
public struct RunFolder: Sendable {
  public let path: String

  public init(_ path: String) {
    self.path = path
  }

  public var configuration: String { "\(path)/config.json" }
  public var metrics: String { "\(path)/metrics.jsonl" }
  public var result: String { "\(path)/result.json" }
  public var timing: String { "\(path)/timing.json" }
  public var checkpoint: String { "\(path)/checkpoint.safetensors" }

  /// The checkpoint that a user names: the file itself, or the folder of a run that has one.
  ///
  /// - Throws: `InputError` if a folder has none.
  public static func checkpoint(named path: String) throws -> String {
    guard try FileAccess.kind(of: path) == .folder else { return path }
    let file = RunFolder(path).checkpoint
    guard try FileAccess.exists(file) else {
      throw InputError(
        "has no checkpoint.safetensors", file: path,
        remedy: "Train the run with `isoflop train`, or with `isoflop run --keep-checkpoints`")
    }
    return file
  }

  /// The record of a finished run, or nil if it is not finished. A damaged one is an `InputError`.
  public func record() throws -> RunRecord? {
    guard let data = try FileAccess.readIfPresent(result) else { return nil }
    return try RunRecord(data, path: result) { log in
      guard try FileAccess.readIfPresent(metrics).map({ checksum($0) }) == log else {
        throw RunRecord.damaged(metrics)
      }
    }
  }

  /// The record of a finished run; nil if it is not finished, or its record is damaged.
  ///
  /// - Throws: `InputError` if the record cannot be read, so that its state is unknown.
  public func finishedRecord() throws -> RunRecord? { try unlessDamaged(record) }

  /// The content of `timing.json`; nil if it is absent or damaged.
  public func time() throws -> RunTiming? {
    guard let data = try FileAccess.readIfPresent(timing) else { return nil }
    return try unlessDamaged {
      try decodeRecord(RunTiming.self, from: data, path: timing, remedy: "Nothing else depends on it")
    }
  }

  /// The content of `config.json`; nil if it is absent.
  public func description() throws -> RunDescription? {
    guard let data = try FileAccess.readIfPresent(configuration) else { return nil }
    return try decodeRecord(
      RunDescription.self, from: data, path: configuration,
      remedy: "It is written again with the next command")
  }
}

/// The file `config.json`.
public struct RunDescription: Codable, Sendable {
  public let configuration: RunConfiguration
  public let provenance: Provenance
}

/// The record of a finished run, which its file stores with a checksum.
public struct RunRecord: Codable, Hashable, Sendable {
  public let configuration: RunConfiguration
  public let provenance: Provenance
  public let result: RunResult

  private struct Envelope: Codable {
    let record: RunRecord
    let checksum: String
    /// That of the log; nil in records of earlier versions.
    let log: String?
  }

  /// Writes the record atomically.
  ///
  /// - Parameter mayReplace: Called right before the record appears; what it throws prevents that.
  func write(to folder: RunFolder, mayReplace: () throws -> Void) throws {
    let log = checksum(try FileAccess.read(folder.metrics))
    try FileAccess.write(encoded(log: log), to: folder.result, mayReplace: mayReplace)
  }

  /// The file's content.
  ///
  /// - Parameter log: The checksum of the log.
  package func encoded(log: String? = nil) throws -> Data {
    try plainJSON(Envelope(record: self, checksum: checksum(plainJSON(self)), log: log))
  }

  /// Reads the content of the file at `path`.
  ///
  /// - Parameter check: Called with the checksum of the log.
  package init(_ data: Data, path: String, check: (String) throws -> Void = { _ in }) throws {
    guard let envelope = try? decodeJSON(Envelope.self, from: data) else {
      throw Self.damaged(path)
    }
    self = envelope.record
    guard envelope.checksum == checksum(try plainJSON(self)) else { throw Self.damaged(path) }
    try envelope.log.map(check)
  }

  fileprivate static func damaged(_ path: String) -> InputError {
    InputError("is damaged", file: path, remedy: "The run will be done again")
  }

  init(configuration: RunConfiguration, provenance: Provenance, result: RunResult) {
    self.configuration = configuration
    self.provenance = provenance
    self.result = result
  }
}

/// The time that a run took.
public struct RunTiming: Codable, Hashable, Sendable {
  /// Seconds of this run alone: from where it left its trunk, final evaluation included.
  public let seconds: Double
  /// Seconds of its trunk since the previous run left it; nil in records of earlier versions.
  public let trunkSeconds: Double?
  /// Training tokens a second since the run left its trunk, final evaluation not counted.
  public let tokensPerSecond: Double
  /// Seconds of cached decoding for the last token of a window, one sequence at once; nil in records of earlier versions.
  public let decodingSeconds: Double?
}
