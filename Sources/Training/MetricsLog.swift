import Files
import Foundation

/// `metrics.jsonl`: a line for every step, and one for every evaluation.
final class MetricsLog {
  private let file: AppendingFile

  /// Opens the log at `path` to continue after step `step`: lines of later steps, written before an interruption but
  /// after the last checkpoint, are dropped. With `parent`, the log begins with the lines of that one.
  ///
  /// - Parameter mayReplace: Called right before the log is replaced; what it throws prevents that.
  /// - Throws: `InputError` if the lines do not reach `step`.
  init(
    _ path: String, after step: Int, parent: String? = nil, mayReplace: () throws -> Void = {}
  ) throws {
    let source = parent ?? path
    let (text, last) = try Self.lines(of: source, through: step)
    guard last == step else {
      throw InputError(
        "ends at step \(last), but the training is at step \(step)", file: source,
        remedy: "Another program has changed it: run the same command again")
    }
    // Always a new file: a process that has lost its claim may still have the old one open.
    file = try AppendingFile(path, replacingWith: text, mayReplace: mayReplace)
  }

  /// The lines of a log up to a step, and the step of the last of them; none if the log is absent.
  static func lines(of path: String, through step: Int) throws -> (text: Data, last: Int) {
    var (text, last) = (Data(), 0)
    for line in try FileAccess.readIfPresent(path)?.split(separator: UInt8(ascii: "\n")) ?? [] {
      guard let number = try? decodeJSON(Numbered.self, from: line).step, number <= step else { break }
      text += line + [UInt8(ascii: "\n")]
      last = number
    }
    return (text, last)
  }

  func append(_ line: some Encodable) throws { try file.append(canonicalJSON(line)) }

  func flush() throws { try file.flush() }

  /// Forces all lines to the disk.
  func synchronize() throws { try file.synchronize() }

  private struct Numbered: Decodable {
    let step: Int
  }
}

/// The line of an evaluation.
struct EvaluationMetrics: Codable {
  let step: Int
  let tokens: Int
  let validationLoss: Double
  let validationStandardError: Double
  let validationWindows: Int
  /// The loss on the windows of the learning curve alone; nil in logs of earlier versions.
  let curveLoss: Double?
  /// The tokens after which the learning rate began to fall; nil before that, where it never does, and in logs of
  /// earlier versions.
  let cooldownFrom: Int?
  /// By task, for tasks that have answers.
  let exactMatch: [String: Double]?
  /// By routed layer; nil for a dense model.
  let routing: [LayerRouting]?

  init(_ evaluation: Evaluation, tasks: [String], _ state: TrainingState) {
    step = state.step
    tokens = state.tokens
    validationLoss = evaluation.loss
    validationStandardError = evaluation.standardError
    validationWindows = evaluation.windows
    curveLoss = evaluation.curveLoss
    cooldownFrom = state.branched.flatMap { $0 > 0 && $0 < state.tokens ? $0 : nil }
    let matches = zip(tasks, evaluation.exactMatches).filter { !$1.isNaN }
    routing = evaluation.routing.isEmpty ? nil : evaluation.routing
    exactMatch = matches.isEmpty ? nil : Dictionary(uniqueKeysWithValues: matches)
  }
}
