import Analysis
import Files
import Foundation
import Plans
import Training

/// A difference between two runs.
public struct RunDifference: Sendable {
  /// The record in which the runs differ.
  public enum Part: String, Sendable { case settings, results, provenance, timing }

  /// The record.
  public let part: Part
  /// The column of a setting or a result in `results.csv`; otherwise the path in the record, in snake_case.
  public let name: String
  /// The value of the first run.
  public let first: Cell
  /// The value of the second run.
  public let second: Cell
  /// The standard errors; nil unless both are known.
  public let errors: (first: Double, second: Double)?

  /// The second value minus the first; nil unless both are numbers.
  public var difference: Double? {
    first.number.flatMap { first in second.number.map { $0 - first } }
  }

  /// True if the difference is more than twice its standard error, assuming independent errors; nil without errors.
  /// Runs are usually evaluated on the same windows, so smaller differences may be real too.
  public var exceedsErrors: Bool? {
    guard let difference, let errors else { return nil }
    return abs(difference) > 2 * (errors.first * errors.first + errors.second * errors.second).squareRoot()
  }

  /// Returns all differences, by record.
  public static func all(between first: StoredRun, and second: StoredRun) -> [RunDifference] {
    settings(first, second) + results(first, second)
      + leaves(.provenance, first.provenance, second.provenance) + leaves(.timing, first.time, second.time)
  }

  private static func settings(_ first: StoredRun, _ second: StoredRun) -> [RunDifference] {
    let (one, two) = (first.configuration, second.configuration)
    return Setting.columns.compactMap { RunDifference(.settings, $0.name, first[$0.name], second[$0.name]) }
      + [
        RunDifference(
          .settings, "corpus_fingerprint", Cell(one?.corpusFingerprint), Cell(two?.corpusFingerprint)),
        RunDifference(
          .settings, "tokens", Cell(one?.training.tokens), Cell(two?.training.tokens)),
      ].compactMap { $0 }
  }

  private static func results(_ first: StoredRun, _ second: StoredRun) -> [RunDifference] {
    let tasks = [first, second].flatMap { $0.result?.tasks.map(\.task) ?? [] }
    let columns = Column.all(
      settings: Setting.columns,
      tasks: tasks.enumerated().filter { !tasks[..<$0].contains($1) }.map(\.element))
    let names = columns.filter { $0.role != .setting && !["run", "trunk"].contains($0.name) }.map(\.name)
      .filter { !$0.hasSuffix("_se") }
    return names.compactMap { name in
      let errors = first["\(name)_se"].number.flatMap { one in second["\(name)_se"].number.map { (one, $0) } }
      return RunDifference(.results, name, first[name], second[name], errors)
    }
  }

  private static func leaves(_ part: Part, _ first: (some Encodable)?, _ second: (some Encodable)?)
    -> [RunDifference]
  {
    let (first, second) = (leavesByPath(of: first), leavesByPath(of: second))
    return Set(first.keys).union(second.keys).sorted().compactMap {
      RunDifference(part, $0, first[$0] ?? .none, second[$0] ?? .none)
    }
  }

  /// Returns nil if the values are equal.
  private init?(
    _ part: Part, _ name: String, _ first: Cell, _ second: Cell,
    _ errors: (Double, Double)? = nil
  ) {
    guard first != second else { return nil }
    self.part = part
    self.name = name
    self.first = first
    self.second = second
    self.errors = errors.map { (first: $0.0, second: $0.1) }
  }
}

/// Returns the leaves of a value's JSON, by dotted paths such as `evaluation.seconds`.
private func leavesByPath(of value: (some Encodable)?) -> [String: Cell] {
  guard let value, let data = try? printedJSON(value),
    let tree = try? decodeJSON(JSONTree.self, from: data)
  else { return [:] }
  return Dictionary(tree.leaves(at: ""), uniquingKeysWith: { first, _ in first })
}

/// A JSON value of any type.
private enum JSONTree: Decodable {
  case leaf(Cell)
  case list([JSONTree])
  case object([String: JSONTree])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .leaf(.none)
    } else if let truth = try? container.decode(Bool.self) {
      self = .leaf(.text("\(truth)"))
    } else if let integer = try? container.decode(Int.self) {
      self = .leaf(.integer(integer))
    } else if let number = try? container.decode(Double.self) {
      self = .leaf(.number(number))
    } else if let text = try? container.decode(String.self) {
      self = .leaf(.text(text))
    } else if let list = try? container.decode([JSONTree].self) {
      self = .list(list)
    } else {
      self = .object(try container.decode([String: JSONTree].self))
    }
  }

  func leaves(at path: String) -> [(String, Cell)] {
    let below = { (name: String) in path.isEmpty ? name : "\(path).\(name)" }
    return switch self {
    case .leaf(let cell): [(path, cell)]
    case .list(let list): list.enumerated().flatMap { $1.leaves(at: below("\($0)")) }
    case .object(let object): object.flatMap { $1.leaves(at: below($0)) }
    }
  }
}
