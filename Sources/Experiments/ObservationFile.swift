import Files
import Foundation
import ScalingLaws

/// A table of runs from anywhere: any CSV file with columns for a loss and for N, D or C.
///
/// Columns are found by common names, or are named by the caller. Where two of N, D and C are there, C = 6ND gives the
/// third.
public struct ObservationFile: Sendable {
  /// What a column may hold.
  public enum Role: String, CaseIterable, Sendable {
    case parameters = "N"
    case tokens = "D"
    case compute = "C"
    case uniqueTokens = "U"
    case steps = "S"
    case loss
    case lossStandardError = "loss_se"
    case cluster

    /// Names by which the column is known, in lower case, the most telling first.
    var names: [String] {
      switch self {
      case .parameters:
        ["n", "n_total", "params", "parameters", "n_params", "num_params", "model_size", "model_parameters"]
      case .tokens:
        [
          "d", "d_tokens", "tokens", "n_tokens", "num_tokens", "training_tokens", "train_tokens",
          "d_total_tokens",
        ]
      case .compute:
        ["c", "c_exact", "flops", "flop", "training_flops", "training_flop", "compute", "budget", "c_6nd"]
      case .uniqueTokens: ["u", "unique_tokens", "u_unique_tokens"]
      case .steps: ["s", "steps"]
      case .loss:
        [
          "loss", "val_loss", "validation_loss", "val", "test_loss", "final_loss", "l", "cross_entropy",
          "val_loss_c4",
        ]
      case .lossStandardError: ["loss_se", "se", "se_val", "stderr", "standard_error"]
      case .cluster: ["trunk", "cluster"]
      }
    }
  }

  public let path: String
  public let observations: [Observation]
  /// The line of each observation.
  public let lines: [Int]
  /// The column of each role that was found.
  public let columns: [Role: String]
  /// Rows whose status says that there is no result.
  public let leftOut: Int

  /// Reads the file at `path`.
  ///
  /// - Parameter columns: Columns for roles, by the user's choice; the others are found by their names.
  /// - Throws: `InputError` where a column is not there, or naming the lines of bad rows.
  public init(contentsOf path: String, columns given: [Role: String] = [:]) throws {
    let file = try CSVFile(contentsOf: path)
    let columns = try Self.findColumns(in: file, given: given)
    let indices = columns.compactMapValues { file.header.firstIndex(of: $0) }
    let status = file.header.firstIndex(of: "status")
    let rows = file.rows.filter { row in status.map { row.cells[$0] == "completed" } ?? true }
    var observations: [Observation] = []
    var faults: [(line: Int, text: String)] = []
    for row in rows {
      do {
        observations.append(try Self.observation(row, indices, header: file.header))
      } catch let fault as Fault {
        faults.append((row.line, fault.text))
      }
    }
    if let first = faults.first {
      let more = faults.dropFirst().prefix(5).map { "\($0.line)" }.joined(separator: ", ")
      let others = faults.count > 1 ? "; \(faults.count - 1) more bad rows begin at lines \(more)" : ""
      throw InputError(
        first.text + others, file: path, line: first.line,
        remedy: "Correct or remove what is not a positive number")
    }
    self.path = path
    self.observations = observations
    self.columns = columns
    lines = rows.map(\.line)
    leftOut = file.rows.count - rows.count
  }

  /// How N, D and C come about, in words.
  public var convention: String {
    [Role.parameters, .tokens, .compute, .loss]
      .map { role in "\(role.rawValue) = \(columns[role].map { "column `\($0)`" } ?? derivation(of: role))" }
      .joined(separator: ", ")
  }

  private func derivation(of role: Role) -> String {
    switch role {
    case .compute where columns[.parameters] != nil && columns[.tokens] != nil: "6·N·D"
    case .tokens where columns[.parameters] != nil && columns[.compute] != nil: "C/(6·N)"
    case .parameters where columns[.tokens] != nil && columns[.compute] != nil: "C/(6·D)"
    default: "not given"
    }
  }

  private struct Fault: Error { let text: String }

  private static func observation(_ row: CSVFile.Row, _ indices: [Role: Int], header: [String]) throws
    -> Observation
  {
    func number(_ role: Role) throws -> Double? {
      guard let index = indices[role] else { return nil }
      let text = row.cells[index].trimmingCharacters(in: .whitespaces)
      guard let number = Double(text), number.isFinite,
        number > 0 || role == .lossStandardError && number == 0
      else {
        throw Fault(
          text: "`\(header[index])` is \(text.isEmpty ? "missing" : "`\(text)`"), not a positive number")
      }
      return number
    }
    guard let loss = try number(.loss) else { throw Fault(text: "there is no loss") }
    var (n, d, c) = (try number(.parameters), try number(.tokens), try number(.compute))
    if let n, let d, c == nil { c = 6 * n * d }
    if let n, let c, d == nil { d = c / (6 * n) }
    if let d, let c, n == nil { n = c / (6 * d) }
    return Observation(
      parameters: n, tokens: d, compute: c, steps: try number(.steps),
      uniqueTokens: try number(.uniqueTokens),
      loss: loss, standardError: try number(.lossStandardError),
      cluster: indices[.cluster].map { row.cells[$0] })
  }

  private static func findColumns(in file: CSVFile, given: [Role: String]) throws -> [Role: String] {
    let plain = file.header.map { name in
      String(name.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "_" })
    }
    var columns: [Role: String] = [:]
    for role in Role.allCases {
      if let name = given[role] {
        guard file.header.contains(name) else {
          let near = nearestName(to: name, among: file.header)
          throw InputError(
            "there is no column `\(name)`", file: file.path, line: 1,
            remedy: near.map { "The nearest is `\($0)`" }
              ?? "The columns are \(file.header.joined(separator: ", "))")
        }
        columns[role] = name
      } else if let index = role.names.lazy.compactMap({ plain.firstIndex(of: $0) }).first {
        columns[role] = given.values.contains(file.header[index]) ? nil : file.header[index]
      }
    }
    guard columns[.loss] != nil else {
      throw InputError(
        "no column is known as a loss", file: file.path, line: 1,
        remedy: "Name it: `--x loss=COLUMN`, one of \(file.header.joined(separator: ", "))")
    }
    guard [.parameters, .tokens, .compute].contains(where: { columns[$0] != nil }) else {
      throw InputError(
        "no column is known as N, D or C", file: file.path, line: 1,
        remedy: "Name them: `--x N=COLUMN`, among \(file.header.joined(separator: ", "))")
    }
    return columns
  }
}
