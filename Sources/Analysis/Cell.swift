/// The value of a cell in a table of runs.
public enum Cell: Hashable, Sendable {
  case text(String)
  case integer(Int)
  case number(Double)
  /// An unknown or missing value: an empty cell.
  case none

  /// The number in the cell; nil for text and empty cells.
  public var number: Double? {
    switch self {
    case .number(let number): number
    case .integer(let integer): Double(integer)
    case .text, .none: nil
    }
  }

  /// Creates a cell of text; `none` for nil.
  public init(_ text: String?) { self = text.map(Cell.text) ?? .none }
  /// Creates a cell with an integer; `none` for nil.
  public init(_ integer: Int?) { self = integer.map(Cell.integer) ?? .none }
  /// Creates a cell with a number; `none` for nil.
  public init(_ number: Double?) { self = number.map(Cell.number) ?? .none }
}

extension Cell: CustomStringConvertible {
  /// The cell's text in a file. Numbers have the fewest digits that represent them exactly.
  public var description: String {
    switch self {
    case .text(let text): text
    case .integer(let integer): "\(integer)"
    case .number(let number): "\(number)"
    case .none: ""
    }
  }
}
