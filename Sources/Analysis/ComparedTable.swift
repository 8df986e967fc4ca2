import Files
import Foundation
import ScalingLaws

/// A table of runs whose groups `isoflop compare` compares: an experiment's `results.csv`, or any CSV file.
public struct ComparedTable: Sendable {
  /// A group of runs.
  public struct Group: Sendable {
    /// The name.
    public var name: String
    let data: FitData
    /// How the table was read, and what may be wrong with it; a sentence each.
    let notes: [String]
    /// The settings of the runs; empty if they are not known.
    let rows: [RunRow]
    let settings: [Column]
  }

  private enum Content: Sendable {
    case results(ResultsTable)
    case observations(columns: [ObservationFile.Role: String])
  }

  /// The path of the file.
  public let path: String
  private let filters: [RowFilter]
  private let content: Content

  /// Opens a file.
  ///
  /// - Parameters:
  ///   - columns: The columns of quantities, as for `ObservationFile`. With them, a table of results is read as any
  ///     other table.
  ///   - filters: The conditions on all groups.
  ///   - settings: The columns of settings that a table of results may have.
  /// - Throws: `InputError` if the file cannot be read.
  public init(
    contentsOf path: String, columns: [ObservationFile.Role: String] = [:], where filters: [RowFilter] = [],
    settings: [Column]
  ) throws {
    self.path = path
    self.filters = filters
    let header = try ForeignTable(path: path, text: FileAccess.readText(path)).header
    let isResults = ["run", "trunk", "status", "loss"].allSatisfy(header.contains)
    content =
      isResults && columns.isEmpty
      ? .results(try ResultsTable(contentsOf: path, settings: settings)) : .observations(columns: columns)
  }

  /// Returns the runs that satisfy a condition, or all runs.
  ///
  /// - Throws: `InputError` if the condition names no column, or no run is left.
  public func group(_ name: String, where condition: RowFilter? = nil) throws -> Group {
    let conditions = filters + [condition].compactMap { $0 }
    switch content {
    case .results(let table):
      for column in conditions.flatMap(\.columns) { try requireColumn(column, in: table) }
      let rows = table.completed.filter { row in
        conditions.allSatisfy { condition in
          condition.outcome { row[$0] == .none ? nil : row.text($0) } == .holds
        }
      }
      guard !rows.isEmpty else {
        throw InputError(
          "no completed run is left\(condition.map { " for `\($0.text)`" } ?? "")", file: path,
          remedy: "Widen the conditions")
      }
      return group(name, rows, table)
    case .observations(let columns):
      return group(name, try ObservationFile(contentsOf: path, columns: columns, where: conditions))
    }
  }

  /// Returns a group for each value of a column, in order of first appearance.
  ///
  /// - Throws: `InputError` if there is no such column, or it has fewer than two or more than 30 values.
  public func groups(by column: String) throws -> [Group] {
    let groups: [Group]
    switch content {
    case .results(let table):
      try requireColumn(column, in: table)
      let whole = try group("")
      groups = whole.rows.grouped { $0.text(column) }.map { rows in
        group(Self.name(rows[0].text(column), of: column), rows, table)
      }
    case .observations(let columns):
      let file = try ForeignTable(path: path, text: FileAccess.readText(path))
      guard let index = try file.index(of: column) else {
        throw InputError.missingColumn(column, among: file.header, file: path)
      }
      let cells = Dictionary(file.rows.map { ($0.line, $0.cells[index]) }, uniquingKeysWith: { $1 })
      let whole = try ObservationFile(contentsOf: path, columns: columns, where: filters)
      groups = whole.lines.indices.grouped { cells[whole.lines[$0]] ?? "" }.map { members in
        Group(
          name: Self.name(cells[whole.lines[members[0]]] ?? "", of: column),
          data: FitData(
            observations: members.map { whole.observations[$0] },
            settings: members.map { whole.settings[$0] }, selection: whole.selection, entropy: nil,
            convention: whole.convention), notes: whole.notes, rows: [], settings: [])
      }
    }
    guard (2...30).contains(groups.count) else {
      throw InputError(
        "`\(column)` has \(groups.count) value\(groups.count == 1 ? "" : "s") among the runs", file: path,
        remedy: groups.count < 2 ? "Choose another column" : "Select runs with `--where`")
    }
    return groups
  }

  private static func name(_ value: String, of column: String) -> String {
    // A number alone would not say what it is.
    value.isEmpty ? "no \(column)" : Double(value) == nil ? value : "\(column) \(value)"
  }

  private func requireColumn(_ name: String, in table: ResultsTable) throws {
    let names = table.columns.map(\.name)
    guard names.contains(name) else {
      throw InputError.missingColumn(name, among: names, file: path)
    }
  }

  private func group(_ name: String, _ rows: [RunRow], _ table: ResultsTable) -> Group {
    Group(
      name: name, data: FitData(FitRequest(.powerC), rows: rows), notes: [], rows: rows,
      settings: table.settings)
  }

  private func group(_ name: String, _ file: ObservationFile) -> Group {
    Group(
      name: name,
      data: FitData(
        observations: file.observations, settings: file.settings, selection: file.selection, entropy: nil,
        convention: file.convention),
      notes: file.notes + file.warnings.map { "warning: \($0)" }, rows: [], settings: [])
  }
}

/// The floor of groups that are compared.
public enum ComparedFloor: Sendable, Equatable {
  /// The true entropy if it is known for all groups, otherwise one fitted floor.
  case automatic
  /// One fitted floor for all groups.
  case shared
  /// A fitted floor for each group.
  case separate
  /// The true entropy of the text.
  case entropy
  /// A given floor, in the unit of the loss; 0 for none.
  case value(Double)
}

extension Multipliers {
  /// Compares groups of runs with the first of them.
  ///
  /// - Parameters:
  ///   - variable: The quantity of the factor: compute, tokens or parameters.
  ///   - progress: Called with the completed fraction.
  /// - Throws: `InputError` if the floor cannot be the entropy, or the groups count differently.
  public init(
    of groups: [ComparedTable.Group], in variable: Variable, floor: ComparedFloor = .automatic,
    bootstraps: Int = 1000, seed: UInt64 = 1, progress: (Double) -> Void = { _ in }
  ) throws {
    let floors = try Self.floors(of: groups, floor)
    var remarks = Self.differences(between: groups).map { ["the groups differ in the values of \($0)"] } ?? []
    for note in groups.flatMap(\.notes) where !remarks.contains(note) { remarks.append(note) }
    remarks += groups.compactMap { group in group.data.mixedSettings.map { "\(group.name): \($0)" } }
    self.init(
      of: try groups.map { group in
        MultiplierGroup(
          group.name, group.data.whole.observations,
          means: try group.data.slice(for: FitRequest(.powerC, mix: true)).observations)
      }, in: variable, floors: floors,
      convention: Set(groups.map(\.data.convention)).sorted().joined(separator: "; "), remarks: remarks,
      bootstraps: bootstraps, seed: seed, progress: progress)
  }

  private static func floors(of groups: [ComparedTable.Group], _ floor: ComparedFloor) throws
    -> Multiplier.Floors
  {
    let entropies = groups.map(\.data.entropies)
    let distinct = Set(entropies.joined())
    let areKnown = entropies.allSatisfy { !$0.isEmpty }
    switch floor {
    case .shared: return .shared
    case .separate: return .separate
    case .value(let value): return .known(value)
    case .automatic where !areKnown: return .shared
    case .entropy where !areKnown:
      throw InputError(
        "the true entropy of the text is not known for all groups", remedy: "Choose another --floor")
    case .automatic, .entropy:
      guard distinct.count == 1, let entropy = distinct.first else {
        let texts = distinct.sorted().prefix(4).map { String(format: "%.5g", $0) }.joined(separator: ", ")
        throw InputError(
          "the runs have \(distinct.count) different true entropies (\(texts)): equal losses are not equally good",
          remedy:
            "Select runs of one text with `--where`, or write --floor separate to compare the losses as they are"
        )
      }
      return .known(entropy)
    }
  }

  /// Returns the names of other settings whose values differ between the groups; nil if there are none.
  private static func differences(between groups: [ComparedTable.Group]) -> String? {
    let settings = (groups.first?.settings ?? []).filter { !$0.isDerived && $0.name != "seed" }
    let words = settings.filter { setting in
      let values = groups.map { group in Set(group.rows.map { $0.text(setting.name) }) }
      // A setting that a group does not have, such as the balance of a dense model, does not distinguish it.
      return Set(values).count > 1 && values.allSatisfy { !$0.contains("") }
    }.map(\.words)
    // One of them is the reason for the comparison.
    return words.count > 1 ? words.joined(separator: ", ") : nil
  }
}
