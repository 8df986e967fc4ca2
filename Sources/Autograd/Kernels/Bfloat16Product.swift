import CBLAS

// A product in bfloat16 is computed tile by tile like one in float32 (`TiledProduct.swift`). Both operands are copied,
// because their elements change size:
//
//     for a block of the terms of the sums:
//         round and pack its part of b into panels as wide as a tile
//         for each tile's height of rows of a:
//             round and pack its part of a
//             for each panel of b: sum a tile of c in registers, add it to what memory holds
//
// The packed rows of a stay in the first cache, and the packed b in the second.

/// c ← alpha·a·b + addend, with a and b rounded to bfloat16 and float32 sums.
///
/// - Parameters:
///   - addend: c itself, or another matrix of its shape. With a stride of 0 it is one row for all.
///   - kernel: One that this CPU has.
///   - scratch: `packedCount(inner:columns:)` floats of the kernel.
func multiplyInBfloat16(
  _ a: Matrix, _ b: Matrix, into c: Matrix, alpha: Float = 1, plus addend: Matrix? = nil,
  kernel: Bfloat16Kernel, scratch: Floats
) {
  switch kernel {
  #if arch(x86_64)
    case .amx:
      begin_amx()
      multiply(a, b, into: c, alpha: alpha, plus: addend, by: MatrixUnit.self, scratch: scratch)
      end_amx()
    case .avx512: multiply(a, b, into: c, alpha: alpha, plus: addend, by: VectorPairs.self, scratch: scratch)
  #else
    case .amx, .avx512: preconditionFailure("\(kernel) on another architecture")
  #endif
  case .portable:
    multiply(a, b, into: c, alpha: alpha, plus: addend, by: RoundedFloats.self, scratch: scratch)
  }
}

extension Bfloat16Kernel {
  /// The floats of scratch memory that a product of (…, inner) and (inner, columns) needs.
  func packedCount(inner: Int, columns: Int) -> Int {
    switch self {
    #if arch(x86_64)
      case .amx: MatrixUnit.packedCount(inner: inner, columns: columns)
      case .avx512: VectorPairs.packedCount(inner: inner, columns: columns)
    #else
      case .amx, .avx512: preconditionFailure("\(self) on another architecture")
    #endif
    case .portable: RoundedFloats.packedCount(inner: inner, columns: columns)
    }
  }
}

/// How one kind of instructions packs operands and computes a tile. Packed operands consist of words of 32 bits: pairs
/// of bfloat16, or floats.
protocol Bfloat16Tile {
  static var rows: Int { get }
  static var columns: Int { get }
  /// The rows of a packed panel of b, and the most words of a packed row of a, for a number of terms.
  static func depth(_ terms: Int) -> Int
  /// Packs the rows of a for one tile.
  static func packLeft(_ a: Matrix, _ rows: Range<Int>, _ terms: Range<Int>, to left: Floats)
  /// Packs the columns of b for one tile: (depth, columns).
  static func packRight(_ b: Matrix, _ terms: Range<Int>, _ columns: Range<Int>, to panel: Floats)
  /// Computes a tile from packed operands.
  static func compute(
    _ left: Floats, isTransposed: Bool, _ panel: Floats, terms: Int, rows: Int, to target: TileTarget)
}

extension Bfloat16Tile {
  /// Rows of a are padded to 32, since a transposed a is packed with rows of as many words.
  private static func leftCount(_ terms: Int) -> Int { 32 * depth(terms) }

  fileprivate static func packedCount(inner: Int, columns: Int) -> Int {
    let terms = min(inner, longestBlock)
    return leftCount(terms) + depth(terms) * quotient(columns, Self.columns) * Self.columns
  }

  /// The words of the packed a, for all blocks.
  fileprivate static func leftCount(inner: Int) -> Int { leftCount(min(inner, longestBlock)) }
}

/// The most terms that a tile sums before it goes to memory.
private let longestBlock = 512

private func multiply<Tile: Bfloat16Tile>(
  _ a: Matrix, _ b: Matrix, into c: Matrix, alpha: Float, plus addend: Matrix?, by: Tile.Type, scratch: Floats
) {
  let left = scratch
  let right = scratch + Tile.leftCount(inner: a.columns)
  let tiles = quotient(c.rows, Tile.rows)
  let blocks = max(1, quotient(a.columns, longestBlock))
  for block in 0..<blocks {
    let terms = part(block, of: blocks, in: a.columns)
    let panelCount = Tile.depth(terms.count) * Tile.columns
    for first in stride(from: 0, to: c.columns, by: Tile.columns) {
      let columns = first..<min(first + Tile.columns, c.columns)
      Tile.packRight(b, terms, columns, to: right + first / Tile.columns * panelCount)
    }
    for tile in 0..<tiles {
      let rows = part(tile, of: tiles, in: c.rows)
      Tile.packLeft(a, rows, terms, to: left)
      for first in stride(from: 0, to: c.columns, by: Tile.columns) {
        let columns = first..<min(first + Tile.columns, c.columns)
        Tile.compute(
          left, isTransposed: a.isTransposed, right + first / Tile.columns * panelCount, terms: terms.count,
          rows: rows.count,
          to: TileTarget(c, rows, columns, alpha: alpha, plus: block == 0 ? addend : c))
      }
    }
  }
}
