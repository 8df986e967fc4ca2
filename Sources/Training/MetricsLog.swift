import Files
import Foundation

/// `metrics.jsonl`: a line for every step, and one for every evaluation.
final class MetricsLog {
  private let path: String
  private let file: AppendingFile

  /// Opens the log at `path` to go on after step `step`: lines of later steps, written before an interruption
  /// but after the last checkpoint, are dropped. A log that begins takes over the lines of `parent`.
  init(_ path: String, after step: Int, parent: String? = nil) throws {
    self.path = path
    // A new file, even where nothing changes: a process that has lost its claim may still hold the old one open.
    try FileAccess.write(try Self.text(of: parent ?? path, through: step), to: path)
    file = try AppendingFile(path)
  }

  /// The lines of a log up to a step.
  static func text(of path: String, through step: Int) throws -> Data {
    guard FileManager.default.fileExists(atPath: path) else { return Data() }
    let lines = try FileAccess.read(path).split(separator: UInt8(ascii: "\n"))
    let kept = lines.prefix { line in
      (try? decodeJSON(Numbered.self, from: line)).map { $0.step <= step } ?? false
    }
    return kept.reduce(into: Data()) { $0 += $1 + [UInt8(ascii: "\n")] }
  }

  func append(_ line: some Encodable) throws { try file.append(canonicalJSON(line)) }

  func flush() throws { try file.flush() }

  /// Forces all lines so far to the disk.
  func synchronize() throws { try file.synchronize() }

  private struct Numbered: Decodable {
    let step: Int
  }
}

/// What an evaluation has measured, on its way.
struct EvaluationMetrics: Codable {
  let step: Int
  let tokens: Int
  let validationLoss: Double
  let validationStandardError: Double
  let validationWindows: Int
  /// By family, of those that have endings.
  let exactMatch: [String: Double]?
  /// By routed layer; nil of a dense model.
  let routing: [LayerRouting]?

  init(_ evaluation: Evaluation, families: [String], _ state: TrainingState) {
    step = state.step
    tokens = state.tokens
    validationLoss = evaluation.loss
    validationStandardError = evaluation.standardError
    validationWindows = evaluation.windows
    let matches = zip(families, evaluation.exactMatches).filter { !$1.isNaN }
    routing = evaluation.routing.isEmpty ? nil : evaluation.routing
    exactMatch = matches.isEmpty ? nil : Dictionary(uniqueKeysWithValues: matches)
  }
}

/// A point of a run's training curve, as a report draws it.
public struct CurvePoint: Sendable, Hashable {
  public let tokens: Int
  public let validationLoss: Double
  /// What the routers chose, by layer; empty of a dense model.
  public let routing: [LayerRouting]
}

extension RunFolder {
  /// The validation losses along the run, read from its log.
  public func curve() throws -> [CurvePoint] {
    Self.curve(in: try FileAccess.readText(metrics))
  }

  package static func curve(in log: String) -> [CurvePoint] {
    log.split(separator: "\n").compactMap { line in
      guard line.contains("validationLoss"),
        let point = try? decodeJSON(EvaluationMetrics.self, from: Data(line.utf8))
      else { return nil }
      return CurvePoint(
        tokens: point.tokens, validationLoss: point.validationLoss, routing: point.routing ?? [])
    }
  }
}
