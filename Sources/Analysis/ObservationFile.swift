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
  /// The number of rows that are left out because they have no number as their loss, as a variable, or in a column that
  /// a condition compares.
  public let withoutNumber: Int
  /// How the table was read, where it could have been read otherwise; a sentence each.
  public let notes: [String]
  /// What may be wrong with the table, and what to do about it; a sentence each.
  public let warnings: [String]
  /// A description of the selected rows.
  public let selection: String
  /// The settings of each run, but for the seed: columns whose values repeat, and that are neither quantities nor
  /// results.
  let settings: [[String: Cell]]
  private let header: [String]
  private let rows: [CSVFile.Row]

  /// Reads the file at `path`.
  ///
  /// - Parameters:
  ///   - given: The columns of quantities: a name, or a name and a unit, as in `size*1e6` or `size*M`. Those of other
  ///     quantities are found by name.
  ///   - names: The names in formulas: those of columns are read.
  ///   - filters: The conditions that rows must satisfy.
  ///   - dropped: The number of highest losses to leave out.
  /// - Throws: `InputError` if a column does not exist, a row is invalid (the error names the lines), or no row is left.
  public init(
    contentsOf path: String, columns given: [Role: String] = [:], formulaNames names: [String] = [],
    where filters: [RowFilter] = [], droppingHighest dropped: Int = 0
  ) throws {
    try self.init(
      path: path, text: FileAccess.readText(path), columns: given, formulaNames: names, where: filters,
      droppingHighest: dropped)
  }

  /// Reads a bundled table. The parameters are those of `init(contentsOf:)`.
  ///
  /// - Throws: `InputError` as `init(contentsOf:)`.
  public init(
    _ reference: ReferenceTable, columns given: [Role: String] = [:], formulaNames names: [String] = [],
    where filters: [RowFilter] = [], droppingHighest dropped: Int = 0
  ) throws {
    try self.init(
      path: reference.name, text: reference.text, columns: given, formulaNames: names, where: filters,
      droppingHighest: dropped)
  }

  /// Parses `text`, the contents of the file at `path`.
  package init(
    path: String, text: String, columns given: [Role: String] = [:], formulaNames names: [String] = [],
    where filters: [RowFilter] = [], droppingHighest dropped: Int = 0
  ) throws {
    let file = try ForeignTable(path: path, text: text)
    guard !file.rows.isEmpty else {
      throw InputError(
        "has no rows below its header", file: path, remedy: "Write a row for each trained model")
    }
    var sources = try Self.findSources(in: file, given: given, formulaNames: names)
    var notes = file.notes
    if let runs = Self.curves(in: file, sources) {
      sources[.cluster] = runs
      notes.append("rows of one `\(runs.column)` are taken as checkpoints of one run, and resampled together")
    }
    let status = file.header.firstIndex(of: "status")
    let finished = file.rows.filter { row in
      status.map { Self.finished.contains(row.cells[$0].lowercased()) } ?? true
    }
    var kept: [(row: CSVFile.Row, observation: Observation)] = []
    var faults: [(line: Int, text: String)] = []
    var incomplete: [CSVFile.Row] = []
    let conditions = try filters.map { try Condition($0, in: file, sources) }
    for row in finished {
      do {
        let early = try conditions.map { try $0.outcome(row, nil) }
        guard !early.contains(.fails) else { continue }
        guard let observation = try Self.observation(row, sources) else {
          incomplete.append(row)
          continue
        }
        let outcomes = try conditions.map { try $0.outcome(row, observation) }
        if outcomes.allSatisfy({ $0 == .holds }) {
          kept.append((row, observation))
        } else if !outcomes.contains(.fails) {
          incomplete.append(row)
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
        "no row is left of \(file.rows.count)"
          + (incomplete.isEmpty ? "" : ": \(Self.sentence(on: incomplete, of: file, sources, filters))"),
        file: path,
        remedy: finished.isEmpty
          ? "There must be completed runs"
          : filters.isEmpty ? "Fill in the cells" : "Widen the conditions of `--where`")
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
    withoutNumber = incomplete.count
    if !incomplete.isEmpty { notes.append(Self.sentence(on: incomplete, of: file, sources, filters)) }
    self.notes = notes
    let doubts = TableDoubts(
      header: header, rows: rows.map(\.cells), sources: sources, observations: observations)
    warnings = doubts.all
    settings = doubts.settings
    let words =
      filters.map(\.text)
      + (dropped == 0 ? [] : ["the \(dropped) highest loss\(dropped == 1 ? "" : "es") dropped"])
    selection = words.isEmpty ? "all rows" : "rows with \(words.joined(separator: ", "))"
  }

  /// The words of finished runs in a column `status`, of this program and of others.
  private static let finished: Set<String> = [
    "completed", "complete", "finished", "done", "success", "succeeded",
  ]

  private static func sentence(
    on incomplete: [CSVFile.Row], of file: ForeignTable, _ sources: [Role: Source], _ filters: [RowFilter]
  ) -> String {
    let needed = Role.common.filter { !$0.isOptional && $0 != .cluster }.flatMap {
      sources[$0]?.columns ?? []
    }
    let missing = file.header.enumerated().filter { index, column in
      (needed.contains(column) || filters.contains { $0.numericColumns.contains(column) })
        && incomplete.contains { ForeignTable.isMissing($0.cells[index]) }
    }
    let names = missing.map { "`\($0.element)`" }.joined(separator: " or ")
    let rows = incomplete.count == 1 ? "1 row is" : "\(incomplete.count) rows are"
    return "\(rows) left out, without a number in \(names)"
  }

  /// The true entropy of the text of all runs; nil if it is unknown, or differs between runs. Only a table of this
  /// program, such as `results.csv`, has it: its unit is that of the column `loss`.
  public var entropy: Double? {
    guard sources[.loss]?.column == "loss", header.contains("reducible"),
      let numbers = numbers(in: "entropy"), let first = numbers.first
    else { return nil }
    return numbers.allSatisfy { $0 == first } ? first : nil
  }

  /// The compute budget of the IsoFLOP profile that each run belongs to; empty if the table has no column
  /// `isoflop_budget`, as that of another program.
  var budgets: [Double?] { numbers(in: "isoflop_budget") ?? [] }

  /// The positive numbers in a column, which may be missing; nil if there is no such column.
  private func numbers(in column: String) -> [Double?]? {
    header.firstIndex(of: column).map { index in
      rows.map { Double($0.cells[index]).flatMap { $0 > 0 && $0.isFinite ? $0 : nil } }
    }
  }

  /// The number of trainings: of clusters, and of rows that belong to none.
  public var trainings: Int {
    let named = observations.compactMap(\.cluster)
    return Set(named).count + observations.count - named.count
  }

  /// A description of the columns or formulas of N, D, C and other quantities.
  public var convention: String {
    let always: [Role] = [.variable(.parameters), .variable(.tokens), .variable(.compute), .loss]
    let others = sources.keys.filter { !always.contains($0) && $0 != .cluster && $0 != .lossStandardError }
    return (always + others.sorted { $0.name < $1.name })
      .map { role in
        "\(role.name) = \(sources[role].map(\.text) ?? Self.derivation(of: role, from: sources) ?? "not given")"
      }
      .joined(separator: ", ")
  }

  /// Returns the variable that a name in a formula stands for: N, D, C, U or S, a quantity or a column that was found
  /// in the table; nil for a parameter.
  public func variable(named name: String) -> Variable? {
    let found = sources[.variable(.column(name))].map { _ in Variable.column(name) }
    if case .variable(let variable)? = Role(name), sources[.variable(variable)] != nil { return variable }
    return found ?? Variable.ofFormulas.first { $0.symbol == name }
  }

  /// Returns the formula of a quantity that is not a column; nil if there is none.
  private static func derivation(of role: Role, from sources: [Role: Source]) -> String? {
    let has = { (variable: Variable) in sources[.variable(variable)] != nil }
    return switch role {
    case .variable(.compute) where has(.parameters) && has(.tokens): "6·N·D"
    case .variable(.tokens) where has(.parameters) && has(.compute): "C/(6·N)"
    case .variable(.parameters) where has(.tokens) && has(.compute): "C/(6·D)"
    default: nil
    }
  }

  /// Returns the same rows with N, D or C from another column with a known name: other conventions of counting.
  package func variants() -> [(name: String, variable: Variable, observations: [Observation])] {
    [Variable.parameters, .tokens, .compute].flatMap { variable in
      let role = Role.variable(variable)
      let used = sources[role]?.column
      return Self.found(role, in: header).filter { used != nil && $0.column != used }.compactMap { source in
        var changed = sources
        changed[role] = source
        let read = try? rows.map { try Self.observation($0, changed) ?? { throw Fault(text: "") }() }
        return read.map { ("\(role.name) = \(source.text)", variable, $0) }
      }
    }
  }

  /// What is wrong with a row.
  struct Fault: Error { let text: String }

  /// Returns the observation of a row; nil if it has no number as its loss or as a variable.
  private static func observation(_ row: CSVFile.Row, _ sources: [Role: Source]) throws -> Observation? {
    func number(_ role: Role) throws -> Double? {
      guard let source = sources[role] else { return nil }
      guard let value = try source.value(row.cells) else { return nil }
      guard value.number > 0 || role.mayBeZero && value.number == 0 || role.mayBeAny else {
        throw Fault(text: "\(value.text), not a positive number")
      }
      return value.number
    }
    var isIncomplete = false
    func required(_ role: Role) throws -> Double? {
      let number = try number(role)
      if number == nil, sources[role] != nil { isIncomplete = true }
      return number
    }
    let loss = try required(.loss)
    var n = try required(.variable(.parameters))
    var d = try required(.variable(.tokens))
    var c = try required(.variable(.compute))
    var mixture: [Double] = []
    while let weight = try required(.variable(.weight(mixture.count))) { mixture.append(weight) }
    guard let loss, !isIncomplete else { return nil }
    if let n, let d, c == nil { c = 6 * n * d }
    if let n, let c, d == nil { d = c / (6 * n) }
    if let d, let c, n == nil { n = c / (6 * d) }
    guard [n, d, c].allSatisfy({ $0.map { $0.isFinite && $0 > 0 } ?? true }) else {
      throw Fault(text: "N, D or C is too large or too small to be counted")
    }
    var observation = Observation(
      parameters: n, tokens: d, compute: c, steps: try number(.variable(.steps)),
      uniqueTokens: try number(.variable(.uniqueTokens)), experts: try number(.variable(.experts)),
      mixture: mixture, loss: loss, standardError: try number(.lossStandardError),
      cluster: sources[.cluster].map { row.cells[$0.index] }.flatMap { ForeignTable.isMissing($0) ? nil : $0 }
    )
    for role in sources.keys.filter(\.mayBeAny).sorted(by: { $0.name < $1.name }) {
      observation.columns = observation.columns ?? [:]
      observation.columns?[role.name] = try number(role)
    }
    return observation
  }

  /// A condition on the columns of a table, and on quantities that follow from them.
  private struct Condition {
    private let filter: RowFilter
    private let places: [String: Int]
    private let quantities: [String: Role]

    /// - Throws: `InputError` if a column does not exist, or a quantity is not known.
    init(_ filter: RowFilter, in file: ForeignTable, _ sources: [Role: Source]) throws {
      self.filter = filter
      var places: [String: Int] = [:]
      var quantities: [String: Role] = [:]
      for column in filter.columns {
        places[column] = try file.index(of: column)
        guard places[column] == nil else { continue }
        guard let role = Role(column), role != .cluster else { throw missing(column, in: file) }
        guard sources[role] != nil || derivation(of: role, from: sources) != nil else {
          throw InputError(
            "there is no \(column), which `\(filter.text)` compares", file: file.path,
            remedy: "Name its column: `--x \(column)=COLUMN`")
        }
        quantities[column] = role
      }
      self.places = places
      self.quantities = quantities
    }

    /// Returns whether the condition holds. Without an observation, one on a quantity that is no column is not tested.
    func outcome(_ row: CSVFile.Row, _ observation: Observation?) throws -> RowFilter.Outcome {
      guard observation != nil || quantities.isEmpty else { return .holds }
      let outcome = filter.outcome { column in
        places[column].map { row.cells[$0] }
          ?? quantities[column].flatMap { role in
            switch role {
            case .variable(let variable): observation?[variable]
            case .loss: observation?.loss
            case .lossStandardError: observation?.standardError
            case .cluster: nil
            }
          }.map { "\($0)" }
      }
      if case .notANumber(let column, let cell) = outcome {
        throw Fault(text: "`\(column)` is `\(cell)`, which `\(filter.text)` cannot compare")
      }
      return outcome
    }
  }

  /// Returns the column that joins the checkpoints of a run: an identifier that repeats, at one N and at different D.
  /// Nil if there is none, or if a column of clusters is known.
  private static func curves(in file: ForeignTable, _ sources: [Role: Source]) -> Source? {
    guard sources[.cluster] == nil, let length = sources[.variable(.tokens)] ?? sources[.variable(.compute)]
    else { return nil }
    let size = sources[.variable(.parameters)]
    let names: Set<String> = [
      "run", "run_id", "run_name", "runid", "experiment_id", "exp_id", "trial_id", "job_id", "curve",
      "trajectory",
    ]
    return file.header.indices.lazy.filter { names.contains(ColumnName(file.header[$0]).plain) }
      .first { index in
        let groups = file.rows.grouped { $0.cells[index] }
        return groups.contains { $0.count > 2 }
          && groups.allSatisfy { group in
            Set(group.map { $0.cells[length.index] }).count == group.count
              && Set(group.map { row in size.map { row.cells[$0.index] } }).count == 1
          }
      }.map { Source(column: file.header[$0], index: $0) }
  }

  private static func missing(_ name: String, in file: ForeignTable) -> InputError {
    .missingColumn(name, among: file.header, file: file.path)
  }

  /// Returns the column that a user gave for a quantity, with its unit, or an expression of columns.
  private static func source(of role: Role, _ text: String, in file: ForeignTable) throws -> Source {
    if let source = Source(text, for: role, in: file.header) { return source }
    guard FormulaLaw.isFormula(text) || text.contains("`") else { throw missing(text, in: file) }
    do {
      let expression = try ArithmeticExpression(text)
      if let unknown = expression.names.first(where: { !file.header.contains($0) }) {
        throw missing(unknown, in: file)
      }
      guard let source = Source(expression, as: text, in: file.header) else {
        throw FormulaError("it names no column", in: text)
      }
      return source
    } catch let error as FormulaError {
      throw InputError(
        "\(role.name) = \(error)", file: file.path, line: 1,
        remedy: "Write for example log(ppl), with names of columns")
    }
  }

  private static func findSources(
    in file: ForeignTable, given: [Role: String], formulaNames names: [String]
  ) throws -> [Role: Source] {
    var sources: [Role: Source] = [:]
    for (role, text) in given {
      sources[role] = try source(of: role, text, in: file)
    }
    let quantities = Variable.ofFormulas.map(\.symbol)
    for name in names where !quantities.contains(name) && sources[.variable(.column(name))] == nil {
      // A quantity that the user gave a column for is meant by its symbol.
      if Role(name).map({ given[$0] == nil }) ?? true {
        sources[.variable(.column(name))] = Source(name, for: .variable(.column(name)), in: file.header)
      }
    }
    let taken = Set(sources.filter { !$0.key.mayBeAny }.values.map(\.column))
    for role in Role.common where sources[role] == nil {
      // The standard error of a column is not that of an expression.
      if role == .lossStandardError, sources[.loss]?.isExpression == true { continue }
      // The user may have given a column for another quantity. One without values is not used.
      let known = found(role, in: file.header).first { file.hasValues($0.column) }
      if let known, !taken.contains(known.column) { sources[role] = known }
    }
    for source in sources.values.sorted(by: { $0.index < $1.index }) {
      for column in source.columns { _ = try file.index(of: column) }
    }
    guard sources[.loss] != nil else {
      if let empty = found(.loss, in: file.header).first, !taken.contains(empty.column) {
        throw InputError(
          "column `\(empty.column)` holds no number", file: file.path, line: 1,
          remedy: "Fill in the losses, or name another column: `--x loss=COLUMN`")
      }
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
