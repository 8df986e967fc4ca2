import CBLAS

// The matrix products of a layer, one side of which is narrow. There a general library spends much of its time on
// copying both operands; this copies only b, and only where that pays:
//
//     for a block of the terms of the sums, short enough for the caches:
//         pack its part of b into panels as wide as a tile, each row after row
//         for each tile's height of rows of a:
//             for each panel of b: sum a tile of c in registers, add it to what memory holds
//
// So a and c pass through the first cache once a block, and b streams from the second. Every sum runs in an order
// that depends on nothing but the shapes.

/// c ← alpha·a·b + addend; without an addend, what c held does not matter.
///
/// - Parameters:
///   - addend: c itself, or another matrix of its shape. With a stride of 0 it is one row for all.
///   - isSymmetric: Whether c is symmetric, so that only tiles that reach below its diagonal are computed.
///   - scratch: `packedCount(inner:columns:)` floats.
func multiplyTiled(
  _ a: Matrix, _ b: Matrix, into c: Matrix, alpha: Float = 1, plus addend: Matrix? = nil,
  isSymmetric: Bool = false, scratch: Floats
) {
  let tiles = quotient(c.rows, tileRows)
  let blocks = max(1, quotient(a.columns, a.isTransposed ? longestBlockOfColumns : longestBlockOfRows))
  for block in 0..<blocks {
    let terms = part(block, of: blocks, in: a.columns)
    let panels = Panels(of: b, terms, isRead: tiles, scratch: scratch)
    panels.pack()
    let addend = block == 0 ? addend : c
    for tile in 0..<tiles {
      let rows = part(tile, of: tiles, in: c.rows)
      let (row, step) = a.isTransposed ? (1, a.stride) : (a.stride, 1)
      let end = isSymmetric ? rows.upperBound : c.columns
      for first in stride(from: 0, to: end, by: tileColumns) {
        let (panel, panelStep) = panels[first]
        let job = TileJob(
          a: a.place(rows.lowerBound, terms.lowerBound), a_row: row, a_step: step, b: panel,
          b_step: panelStep, depth: terms.count,
          to: TileTarget(
            c, rows, first..<min(first + tileColumns, end), alpha: alpha, plus: addend))
        computeTile(rows.count, job)
      }
    }
  }
}

/// The floats of scratch memory that a product of (…, inner) and (inner, columns) needs.
package func packedCount(inner: Int, columns: Int) -> Int {
  min(inner, longestBlockOfRows) * quotient(columns, tileColumns) * tileColumns
}

/// The terms that a tile sums before it goes to memory. Its part of a must stay in the first cache: rows of a are
/// contiguous, but columns have strides, often powers of two, which crowd into a few places of a cache.
private let longestBlockOfRows = 512
private let longestBlockOfColumns = 96

/// Some rows of a matrix b, in panels as wide as a tile.
private struct Panels {
  let b: Matrix
  let rows: Range<Int>
  let scratch: Floats
  /// Whether all panels are copied, or only those that end inside a vector. Where few tiles read them, a copy
  /// would cost more than long strides.
  let packsAll: Bool

  init(of b: Matrix, _ rows: Range<Int>, isRead times: Int, scratch: Floats) {
    self.b = b
    self.rows = rows
    self.scratch = scratch
    packsAll = b.isTransposed || times > 7
  }

  /// The panel that begins at a column, and the distance between its rows.
  subscript(first: Int) -> (UnsafePointer<Float>, Int) {
    isPacked(first)
      ? (UnsafePointer(packed(first)), tileColumns)
      : (UnsafePointer(b.place(rows.lowerBound, first)), b.stride)
  }

  /// Copies what is to be copied, with zeros beyond the last column.
  func pack() {
    for first in stride(from: 0, to: b.columns, by: tileColumns) where isPacked(first) {
      let columns = min(tileColumns, b.columns - first)
      let panel = packed(first)
      if columns < tileColumns { panel.update(repeating: 0, count: tileColumns * rows.count) }
      if b.isTransposed {
        packTransposed(columns, from: b.place(rows.lowerBound, first), to: panel)
      } else {
        for k in 0..<rows.count {
          (panel + k * tileColumns).update(from: b.place(rows.lowerBound + k, first), count: columns)
        }
      }
    }
  }

  /// Turns columns that are contiguous into rows of a panel, by squares as far as they go.
  private func packTransposed(_ columns: Int, from start: Floats, to panel: Floats) {
    let side = 16
    let (wholeColumns, wholeRows) = (columns / side * side, rows.count / side * side)
    for j in stride(from: 0, to: wholeColumns, by: side) {
      for k in stride(from: 0, to: wholeRows, by: side) {
        transpose16(start + j * b.stride + k, b.stride, panel + k * tileColumns + j, tileColumns)
      }
    }
    for j in 0..<columns {
      for k in (j < wholeColumns ? wholeRows : 0)..<rows.count {
        panel[k * tileColumns + j] = start[j * b.stride + k]
      }
    }
  }

  private func isPacked(_ first: Int) -> Bool {
    packsAll || !min(tileColumns, b.columns - first).isMultiple(of: lanes)
  }

  private func packed(_ first: Int) -> Floats { scratch + first * rows.count }
}

extension TileTarget {
  /// Some rows and columns of c, and those of the addend.
  init(_ c: Matrix, _ rows: Range<Int>, _ columns: Range<Int>, alpha: Float, plus addend: Matrix?) {
    self.init(
      alpha: alpha, addend: addend.map { UnsafePointer($0.place(rows.lowerBound, columns.lowerBound)) },
      addend_row: addend?.stride ?? 0, c: c.place(rows.lowerBound, columns.lowerBound), c_row: c.stride,
      columns: Int32(columns.count))
  }
}

/// A function of its own: it holds a loop for every height of a tile.
@inline(never)
func computeTile(_ rows: Int, _ job: TileJob) { compute_tile(Int32(rows), job) }

/// a / b, rounded up.
func quotient(_ a: Int, _ b: Int) -> Int { (a + b - 1) / b }

/// One of `count` almost equal parts of 0..<n.
func part(_ index: Int, of count: Int, in n: Int) -> Range<Int> {
  n * index / count..<n * (index + 1) / count
}
