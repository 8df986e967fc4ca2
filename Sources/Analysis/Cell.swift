/// What stands in a cell of a table of runs.
public enum Cell: Hashable, Sendable {
  case text(String)
  case integer(Int)
  case number(Double)
  /// Not known, or not there: an empty cell.
  case none

  /// The number in the cell, if there is one.
  public var number: Double? {
    switch self {
    case .number(let number): number
    case .integer(let integer): Double(integer)
    case .text, .none: nil
    }
  }

  public init(_ text: String?) { self = text.map(Cell.text) ?? .none }
  public init(_ integer: Int?) { self = integer.map(Cell.integer) ?? .none }
  public init(_ number: Double?) { self = number.map(Cell.number) ?? .none }
}

extension Cell: CustomStringConvertible {
  /// The cell's text in a file: the shortest digits that give the number again.
  public var description: String {
    switch self {
    case .text(let text): text
    case .integer(let integer): "\(integer)"
    case .number(let number): "\(number)"
    case .none: ""
    }
  }
}
