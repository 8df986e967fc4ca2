import Foundation
import ScalingLaws

/// A table of typed values. Numbers are formatted only where it is rendered: in a terminal, on a page or as JSON.
///
/// Each kind of finding is created in one file of this folder.
public struct Finding: Sendable {
  /// A column with its key in JSON and its title in rendered tables.
  public struct Column: Sendable {
    /// The alignment of a column's cells.
    public enum Alignment: String, Sendable { case left, right }

    /// The key in JSON.
    public let key: String
    /// The title in rendered tables; nil for a column that only JSON contains.
    public let title: String?
    /// The unit; empty for text and pure numbers.
    public let unit: String
    /// The alignment of the cells.
    public let alignment: Alignment

    /// Creates a column.
    public init(_ key: String, _ title: String?, unit: String = "", _ alignment: Alignment = .right) {
      (self.key, self.title, self.unit, self.alignment) = (key, title, unit, alignment)
    }
  }

  /// A cell of a row.
  public enum Cell: Sendable, Equatable {
    case text(String)
    case count(Int)
    /// A number, rendered with a number of significant digits.
    case number(Double, digits: Int)
    /// A size, a number of tokens or a compute, rendered with a prefix such as k or M.
    case amount(Double)
    /// A fraction, rendered as a percentage.
    case percent(Double)
    /// An interval, rendered with a number of significant digits.
    case interval(Interval, digits: Int)
    /// A Boolean with the texts that are rendered for true and false.
    case truth(Bool, yes: String, no: String)
    /// The losses at some values of a setting.
    case trials([Sweep.Trial])
    /// A missing or unknown value.
    case missing

    /// Returns the cell of a number; `missing` for nil.
    public static func number(_ value: Double?, digits: Int = 3) -> Cell {
      value.map { Cell.number($0, digits: digits) } ?? .missing
    }

    /// Returns the cell of an amount; `missing` for nil.
    public static func amount(_ value: Double?) -> Cell { value.map { Cell.amount($0) } ?? .missing }

    /// Returns the cell of a fraction; `missing` for nil.
    public static func percent(_ value: Double?) -> Cell { value.map { Cell.percent($0) } ?? .missing }

    /// Returns the cell of an interval; `missing` for nil.
    public static func interval(_ interval: Interval?, digits: Int = 3) -> Cell {
      interval.map { Cell.interval($0, digits: digits) } ?? .missing
    }

    /// Returns the cell of the 95 % interval of an estimate, or of the reason why it has none.
    public static func interval(of estimate: Estimate, held: Bool = false) -> Cell {
      if held { return .text("held") }
      return estimate.identified ? .interval(estimate.interval) : .text("not identified")
    }
  }

  /// The title of the table.
  public let title: String
  /// The columns.
  public let columns: [Column]
  /// The rows, (rows, columns).
  public let rows: [[Cell]]
  /// Sentences below the table.
  public let notes: [String]

  /// Creates a finding. Each row must have a cell for each column.
  public init(_ title: String, columns: [Column], rows: [[Cell]], notes: [String] = []) {
    precondition(rows.allSatisfy { $0.count == columns.count }, "finding `\(title)` has uneven rows")
    (self.title, self.columns, self.rows, self.notes) = (title, columns, rows, notes)
  }

  /// The indices of the columns to render: those with a title and a value in at least one row.
  public var shownColumns: [Int] {
    columns.indices.filter { place in
      columns[place].title != nil && (rows.isEmpty || rows.contains { $0[place] != .missing })
    }
  }

  /// Returns all findings of some fits, in the order of output in a terminal.
  public static func all(in fits: Fits) -> [Finding] {
    let fitted = fits.fits.filter { $0.refusal == nil }
    var findings: [Finding?] = [.parameters(of: fitted), .laws(of: fitted), .approaches(in: fits)]
    for fit in fits.fits {
      findings += [
        .otherMinima(of: fit), .isoFLOPMinima(of: fit), .criticalBatches(of: fit), .bestMixture(of: fit),
        .bendEvidence(of: fit),
        .bends(of: fit), .rivals(of: fit), .sensitivity(of: fit), .counting(of: fit), .forecast(of: fit),
      ]
    }
    findings += [.leastLosses(in: fits)] + fits.comparisons.map { .comparison($0) }
    findings += fits.comparisons.map { compared in
      compared.multipliers.map { .multipliers($0, title: compared.title) }
    }
    findings += fits.sweeps.map { .sweep($0) } + [.seedNoise(fits.noise)]
    return findings.compactMap { $0 }
  }
}

extension Finding.Cell: Encodable {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .text(let text): try container.encode(text)
    case .count(let count): try container.encode(count)
    case .number(let value, _), .amount(let value), .percent(let value):
      // JSON cannot represent numbers that are not finite.
      if value.isFinite { try container.encode(value) } else { try container.encodeNil() }
    case .interval(let interval, _):
      if interval.low.isFinite, interval.high.isFinite {
        try container.encode([interval.low, interval.high])
      } else {
        try container.encodeNil()
      }
    case .truth(let isTrue, _, _): try container.encode(isTrue)
    case .trials(let trials): try container.encode(trials)
    case .missing: try container.encodeNil()
    }
  }
}
