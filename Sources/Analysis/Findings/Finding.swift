import Foundation
import ScalingLaws

/// A finding: typed values in rows under columns. A terminal, a page and JSON render it, and only they write numbers as
/// text.
///
/// Each kind of finding is made in one place, a file of this folder.
public struct Finding: Sendable {
  /// A column: its key in JSON, and its title for people.
  public struct Column: Sendable {
    public enum Alignment: String, Sendable { case left, right }

    public let key: String
    /// Nil where only scripts want to know.
    public let title: String?
    /// Empty for text and pure numbers.
    public let unit: String
    public let alignment: Alignment

    public init(_ key: String, _ title: String?, unit: String = "", _ alignment: Alignment = .right) {
      (self.key, self.title, self.unit, self.alignment) = (key, title, unit, alignment)
    }
  }

  /// What stands in a row.
  public enum Cell: Sendable, Equatable {
    case text(String)
    case count(Int)
    /// With so many significant digits for a reader.
    case number(Double, digits: Int)
    /// A size, a number of tokens or a compute, which a reader wants without digits that say nothing.
    case amount(Double)
    /// A fraction, which people read as a percentage.
    case percent(Double)
    case interval(Interval, digits: Int)
    /// What people read for true and for false.
    case truth(Bool, yes: String, no: String)
    /// The losses at some values of a setting.
    case trials([Sweep.Trial])
    /// Not there, or not known.
    case missing

    public static func number(_ value: Double?, digits: Int = 3) -> Cell {
      value.map { Cell.number($0, digits: digits) } ?? .missing
    }

    public static func amount(_ value: Double?) -> Cell { value.map { Cell.amount($0) } ?? .missing }

    public static func percent(_ value: Double?) -> Cell { value.map { Cell.percent($0) } ?? .missing }

    public static func interval(_ interval: Interval?, digits: Int = 3) -> Cell {
      interval.map { Cell.interval($0, digits: digits) } ?? .missing
    }

    /// The 95 % interval of an estimate, or why there is none.
    public static func interval(of estimate: Estimate, held: Bool = false) -> Cell {
      if held { return .text("held") }
      return estimate.identified ? .interval(estimate.interval) : .text("not identified")
    }
  }

  /// What the rows are, with what a reader must know of them.
  public let title: String
  public let columns: [Column]
  /// Each with a cell a column.
  public let rows: [[Cell]]
  /// Sentences below the table.
  public let notes: [String]

  public init(_ title: String, columns: [Column], rows: [[Cell]], notes: [String] = []) {
    precondition(rows.allSatisfy { $0.count == columns.count }, "finding `\(title)` has uneven rows")
    (self.title, self.columns, self.rows, self.notes) = (title, columns, rows, notes)
  }

  /// The places of the columns that people see: those with a title, and with a value in some row.
  public var shownColumns: [Int] {
    columns.indices.filter { place in
      columns[place].title != nil && (rows.isEmpty || rows.contains { $0[place] != .missing })
    }
  }

  /// Everything that was found by some fits, in the order in which a terminal tells it.
  public static func all(in fits: Fits) -> [Finding] {
    let fitted = fits.fits.filter { $0.refusal == nil }
    var findings: [Finding?] = [.parameters(of: fitted), .laws(of: fitted), .approaches(in: fits)]
    for fit in fits.fits {
      findings += [
        .otherMinima(of: fit), .isoFLOPMinima(of: fit), .criticalBatches(of: fit), .bendEvidence(of: fit),
        .bends(of: fit), .rivals(of: fit), .sensitivity(of: fit), .counting(of: fit), .forecast(of: fit),
      ]
    }
    findings += [.leastLosses(in: fits)] + fits.comparisons.map { .comparison($0) }
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
      // JSON has no word for a number that is none.
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
