import Files
import Foundation
import ScalingLaws

/// A table of runs from any source: a CSV file with columns for a loss and for the variables that it depends on.
///
/// Columns are found by common names or given by the caller. If only two of N, D and C are given, the third is computed
/// from C = 6ND.
public struct ObservationFile: Sendable {
  /// The path of the file.
  public let path: String
  /// The observations.
  public let observations: [Observation]
  /// The line of each observation.
  public let lines: [Int]
  /// The columns of the quantities.
  public let sources: [Role: Source]
  /// The number of rows without a result according to their status.
  public let leftOut: Int
  /// The number of rows that are left out because they have no number in a column that a condition compares.
  public let withoutNumber: Int
  /// A description of the selected rows.
  public let selection: String
  private let header: [String]
  private let rows: [CSVFile.Row]

  /// Reads the file at `path`.
  ///
  /// - Parameters:
  ///   - given: The columns of quantities: a name, or a name and a unit, as in `size*1e6` or `size*M`. Those of other
  ///     quantities are found by name.
  ///   - filters: The conditions that rows must satisfy.
  ///   - dropped: The number of highest losses to leave out.
  /// - Throws: `InputError` if a column does not exist, a row is invalid (the error names the lines), or no row is left.
  public init(
    contentsOf path: String, columns given: [Role: String] = [:], where filters: [RowFilter] = [],
    droppingHighest dropped: Int = 0
  ) throws {
    try self.init(
      path: path, text: FileAccess.readText(path), columns: given, where: filters, droppingHighest: dropped)
  }

  /// Reads a bundled table. The parameters are those of `init(contentsOf:)`.
  ///
  /// - Throws: `InputError` as `init(contentsOf:)`.
  public init(
    _ reference: Reference, columns given: [Role: String] = [:], where filters: [RowFilter] = [],
    droppingHighest dropped: Int = 0
  ) throws {
    try self.init(
      path: reference.name, text: reference.text, columns: given, where: filters, droppingHighest: dropped)
  }

  /// Parses `text`, the contents of the file at `path`.
  package init(
    path: String, text: String, columns given: [Role: String] = [:], where filters: [RowFilter] = [],
    droppingHighest dropped: Int = 0
  ) throws {
    let file = try CSVFile(path: path, text: text)
    let sources = try Self.findSources(in: file, given: given)
    let status = file.header.firstIndex(of: "status")
    let finished = file.rows.filter { row in status.map { row.cells[$0] == "completed" } ?? true }
    var kept: [(row: CSVFile.Row, observation: Observation)] = []
    var faults: [(line: Int, text: String)] = []
    let conditions = try filters.map { try Self.condition($0, file) }
    for row in finished {
      do {
        guard try conditions.allSatisfy({ try $0(row) }) else { continue }
        let observation = try Self.observation(row, sources)
        if try filters.allSatisfy({ try Self.holds($0, for: observation, file) }) {
          kept.append((row, observation))
        }
      } catch let fault as Fault {
        faults.append((row.line, fault.text))
      }
    }
    if let first = faults.first {
      let more = faults.dropFirst().prefix(5).map { "\($0.line)" }.joined(separator: ", ")
      let others = faults.count > 1 ? "; \(faults.count - 1) more, at lines \(more)" : ""
      throw InputError(
        first.text + others, file: path, line: first.line,
        remedy: "Correct it, remove it, or exclude such rows with `--where`")
    }
    guard !kept.isEmpty else {
      throw InputError(
        "no row is left of \(file.rows.count)", file: path,
        remedy: filters.isEmpty ? "There must be completed runs" : "Widen the conditions of `--where`")
    }
    let highest = Set(
      kept.indices.sorted { kept[$0].observation.loss > kept[$1].observation.loss }.prefix(dropped))
    let rest = kept.indices.filter { !highest.contains($0) }.map { kept[$0] }
    self.path = path
    self.sources = sources
    header = file.header
    rows = rest.map(\.row)
    observations = rest.map(\.observation)
    lines = rows.map(\.line)
    leftOut = file.rows.count - finished.count
    let compared = filters.filter(\.comparesNumbers).compactMap { file.header.firstIndex(of: $0.column) }
    withoutNumber = finished.count { row in
      compared.contains { Self.isAbsent(row.cells[$0]) }
    }
    let words =
      filters.map(\.text)
      + (dropped == 0 ? [] : ["the \(dropped) highest loss\(dropped == 1 ? "" : "es") dropped"])
    selection = words.isEmpty ? "all rows" : "rows with \(words.joined(separator: ", "))"
  }

  /// A description of the columns or formulas of N, D, C and other quantities.
  public var convention: String {
    let always: [Role] = [.variable(.parameters), .variable(.tokens), .variable(.compute), .loss]
    let others = sources.keys.filter { !always.contains($0) && $0 != .cluster && $0 != .lossStandardError }
    return (always + others.sorted { $0.name < $1.name })
      .map { role in "\(role.name) = \(sources[role].map(\.text) ?? derivation(of: role))" }
      .joined(separator: ", ")
  }

  private func derivation(of role: Role) -> String {
    let has = { (variable: Variable) in sources[.variable(variable)] != nil }
    switch role {
    case .variable(.compute) where has(.parameters) && has(.tokens): return "6·N·D"
    case .variable(.tokens) where has(.parameters) && has(.compute): return "C/(6·N)"
    case .variable(.parameters) where has(.tokens) && has(.compute): return "C/(6·D)"
    default: return "not given"
    }
  }

  /// Returns the same rows with N, D or C from another column with a known name: other conventions of counting.
  package func variants() -> [(name: String, variable: Variable, observations: [Observation])] {
    [Variable.parameters, .tokens, .compute].flatMap { variable in
      let role = Role.variable(variable)
      let used = sources[role]?.column
      return Self.known(role, in: header).filter { used != nil && $0 != used }.compactMap { column in
        var changed = sources
        changed[role] = header.firstIndex(of: column).map { Source(column: column, index: $0) }
        let read = try? rows.map { try Self.observation($0, changed) }
        return read.map { ("\(role.name) = column `\(column)`", variable, $0) }
      }
    }
  }

  private struct Fault: Error { let text: String }

  /// The texts of cells without a number.
  private static let absent: Set<String> = ["", "nan", "na", "n/a", "null", "none", "-", "inf", "-inf"]

  private static func isAbsent(_ cell: String) -> Bool {
    absent.contains(cell.trimmingCharacters(in: .whitespaces).lowercased())
  }

  private static func observation(_ row: CSVFile.Row, _ sources: [Role: Source]) throws -> Observation {
    func number(_ role: Role) throws -> Double? {
      guard let source = sources[role] else { return nil }
      let text = row.cells[source.index].trimmingCharacters(in: .whitespaces)
      if text.isEmpty && role.isOptional { return nil }
      guard let number = Double(quantity: text), number > 0 || role.mayBeZero && number == 0 else {
        let plain = text.replacing(",", with: "")
        throw Fault(
          text: "`\(source.column)` is \(text.isEmpty ? "missing" : "`\(text)`"), "
            + (plain != text && Double(quantity: plain) != nil
              ? "with commas: write it as `\(plain)`" : "not a positive number"))
      }
      return number * source.factor
    }
    guard let loss = try number(.loss) else { throw Fault(text: "there is no loss") }
    var n = try number(.variable(.parameters))
    var d = try number(.variable(.tokens))
    var c = try number(.variable(.compute))
    if let n, let d, c == nil { c = 6 * n * d }
    if let n, let c, d == nil { d = c / (6 * n) }
    if let d, let c, n == nil { n = c / (6 * d) }
    guard [n, d, c].allSatisfy({ $0.map { $0.isFinite && $0 > 0 } ?? true }) else {
      throw Fault(text: "N, D or C is too large or too small to be counted")
    }
    var mixture: [Double] = []
    while let weight = try number(.variable(.weight(mixture.count))) { mixture.append(weight) }
    return Observation(
      parameters: n, tokens: d, compute: c, steps: try number(.variable(.steps)),
      uniqueTokens: try number(.variable(.uniqueTokens)), experts: try number(.variable(.experts)),
      mixture: mixture, loss: loss, standardError: try number(.lossStandardError),
      cluster: sources[.cluster].map { row.cells[$0.index] })
  }

  /// Returns the test of a filter on the cells of a row. A filter on a derived quantity passes here and is tested
  /// later.
  private static func condition(_ filter: RowFilter, _ file: CSVFile) throws -> (CSVFile.Row) throws -> Bool {
    guard let index = file.header.firstIndex(of: filter.column) else {
      guard Role(filter.column) != nil else { throw missing(filter.column, in: file) }
      return { _ in true }
    }
    return { row in
      let cell = row.cells[index].trimmingCharacters(in: .whitespaces)
      // A cell without a number satisfies no comparison of numbers.
      if Self.isAbsent(cell) { return filter.holds(for: cell) ?? false }
      guard let holds = filter.holds(for: cell) else {
        throw Fault(
          text: "`\(filter.column)` is `\(row.cells[index])`, which `\(filter.text)` cannot compare")
      }
      return holds
    }
  }

  /// Returns whether an observation satisfies a filter on a quantity that is not a column.
  private static func holds(_ filter: RowFilter, for observation: Observation, _ file: CSVFile) throws -> Bool
  {
    guard !file.header.contains(filter.column), let role = Role(filter.column) else { return true }
    let value: Double? =
      switch role {
      case .variable(let variable): observation[variable]
      case .loss: observation.loss
      case .lossStandardError: observation.standardError
      case .cluster: nil
      }
    guard let value else {
      throw Fault(text: "there is no \(filter.column), which `\(filter.text)` compares")
    }
    return filter.holds(for: "\(value)") ?? false
  }

  private static func missing(_ name: String, in file: CSVFile) -> InputError {
    let near = nearestName(to: name, among: file.header)
    return InputError(
      "there is no column `\(name)`", file: file.path, line: 1,
      remedy: near.map { "The nearest is `\($0)`" }
        ?? "The columns are \(file.header.joined(separator: ", "))")
  }

  private static func findSources(in file: CSVFile, given: [Role: String]) throws -> [Role: Source] {
    var sources: [Role: Source] = [:]
    for (role, text) in given {
      sources[role] = try Source(text, in: file.header) ?? { throw missing(text, in: file) }()
    }
    let taken = Set(sources.values.map(\.column))
    for role in Role.common where sources[role] == nil {
      // The user may have given this column for another quantity.
      if let column = known(role, in: file.header).first, !taken.contains(column) {
        sources[role] = file.header.firstIndex(of: column).map { Source(column: column, index: $0) }
      }
    }
    guard sources[.loss] != nil else {
      throw InputError(
        "no column is known as a loss", file: file.path, line: 1,
        remedy: "Name it: `--x loss=COLUMN`, one of \(file.header.joined(separator: ", "))")
    }
    let isVariable = { (role: Role) in if case .variable = role { true } else { false } }
    guard sources.keys.contains(where: isVariable) else {
      throw InputError(
        "no column is known as N, D or C", file: file.path, line: 1,
        remedy: "Name them: `--x N=COLUMN`, among \(file.header.joined(separator: ", "))")
    }
    return sources
  }
}
