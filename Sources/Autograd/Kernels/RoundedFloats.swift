import CBLAS

/// Products in bfloat16 on any CPU: operands are rounded, and the kernel for float32 multiplies them.
enum RoundedFloats: Bfloat16Tile {
  static let rows = Int(tileRows)
  static let columns = Int(tileColumns)

  static func depth(_ terms: Int) -> Int { terms }

  /// Rows of terms. Columns of terms if a is transposed: (terms, 16).
  static func packLeft(_ a: Matrix, _ rows: Range<Int>, _ terms: Range<Int>, to left: Floats) {
    let start = a.place(rows.lowerBound, terms.lowerBound)
    if a.isTransposed {
      round(start, a.stride, terms.count, rows.count, to: left, 16)
    } else {
      round(start, a.stride, rows.count, terms.count, to: left, terms.count)
    }
  }

  static func packRight(_ b: Matrix, _ terms: Range<Int>, _ columns: Range<Int>, to panel: Floats) {
    let start = b.place(terms.lowerBound, columns.lowerBound)
    if columns.count < Self.columns { panel.update(repeating: 0, count: Self.columns * terms.count) }
    if b.isTransposed {
      for j in 0..<columns.count {
        for k in 0..<terms.count {
          panel[k * Self.columns + j] = rounded_to_bfloat16(start[j * b.stride + k])
        }
      }
    } else {
      round(start, b.stride, terms.count, columns.count, to: panel, Self.columns)
    }
  }

  static func compute(
    _ left: Floats, isTransposed: Bool, _ panel: Floats, terms: Int, rows: Int, to target: TileTarget
  ) {
    let (row, step) = isTransposed ? (1, 16) : (terms, 1)
    computeTile(
      rows,
      TileJob(a: left, a_row: row, a_step: step, b: panel, b_step: columns, depth: terms, to: target))
  }
}

/// y (rows, columns) ← x rounded to bfloat16; x itself may be y.
func round(_ x: Floats, _ xRow: Int, _ rows: Int, _ columns: Int, to y: Floats, _ yRow: Int) {
  let whole = columns / laneCount * laneCount
  for i in 0..<rows {
    let (x, y) = (x + i * xRow, y + i * yRow)
    for j in stride(from: 0, to: whole, by: laneCount) { store16(rounded16(load16(x + j)), y + j) }
    for j in whole..<columns { y[j] = rounded_to_bfloat16(x[j]) }
  }
}
