/// What the cells of a column tell about the notation of its numbers.
struct NotationEvidence {
  /// The cells that are a number in any notation, and those that are not.
  private(set) var (numbers, others) = (0, 0)
  private(set) var percentages = 0
  /// The first cell that is a number only if a point, or a comma, stands before decimals.
  private(set) var (point, comma): (CSVFile.Cell?, CSVFile.Cell?)
  /// The first cell that is another number with a comma before decimals than with a point.
  private(set) var unclear: CSVFile.Cell?

  init(_ cells: some Sequence<CSVFile.Cell>) {
    for cell in cells {
      let isPercent = cell.text.last == "%"
      let text = isPercent ? String(cell.text.dropLast()).trimmed : cell.text
      let byPoint = NumberNotation.plain(text, decimal: ".")
      let byComma = NumberNotation.plain(text, decimal: ",")
      guard byPoint != nil || byComma != nil else {
        others += 1
        continue
      }
      numbers += 1
      if isPercent { percentages += 1 }
      if byComma == nil {
        point = point ?? cell
      } else if byPoint == nil {
        comma = comma ?? cell
      } else if byPoint != byComma {
        unclear = unclear ?? cell
      }
    }
  }

  /// True if most cells are numbers.
  var isNumeric: Bool { numbers > others }

  /// The sign before decimals that the column itself tells; nil if a number could be read with either.
  var decimal: Unicode.Scalar? { comma != nil ? "," : point != nil || unclear == nil ? "." : nil }

  /// True if the number that could be read in two ways has a comma. A point alone stands before decimals, unless
  /// something tells otherwise.
  var isUnclearByComma: Bool { unclear?.text.contains(",") ?? false }
}
