#if arch(x86_64)
  import CBLAS

  /// AVX512-BF16: a vector holds the pairs of sixteen columns of b, and a pair of a is repeated in all lanes.
  enum VectorPairs: Bfloat16Tile {
    static let rows = 14
    static let columns = 32

    /// Whole vectors of pairs, because packing stores vectors.
    static func depth(_ terms: Int) -> Int { quotient(terms, 32) * 16 }

    /// Rows of pairs. Columns of pairs if a is transposed: (pairs, 16).
    static func packLeft(_ a: Matrix, _ rows: Range<Int>, _ terms: Range<Int>, to left: Floats) {
      let start = a.place(rows.lowerBound, terms.lowerBound)
      if a.isTransposed {
        pack_pairs_of_rows(start, a.stride, terms.count, rows.count, left.words, 16)
      } else {
        pack_pairs_of_columns(start, a.stride, rows.count, terms.count, left.words, depth(terms.count))
      }
    }

    static func packRight(_ b: Matrix, _ terms: Range<Int>, _ columns: Range<Int>, to panel: Floats) {
      let start = b.place(terms.lowerBound, columns.lowerBound)
      if b.isTransposed {
        packTransposedPairs(
          start, b.stride, rows: columns.count, by: 16, columns: terms.count, by: 32,
          with: pack_pairs_of_columns, to: panel, Self.columns)
      } else {
        pack_pairs_of_rows(start, b.stride, terms.count, columns.count, panel.words, Self.columns)
      }
    }

    static func compute(
      _ left: Floats, isTransposed: Bool, _ panel: Floats, terms: Int, rows: Int, to target: TileTarget
    ) {
      let (row, step) = isTransposed ? (1, 16) : (depth(terms), 1)
      var job = PairJob(
        a: left.words, a_row: row, a_step: step, b: panel.words, depth: quotient(terms, 2), to: target)
      compute_pair_tile(Int32(rows), &job)
    }
  }

  /// Packs pairs of x (rows, columns) and exchanges rows and columns, by squares of 16 by 16 pairs.
  ///
  /// - Parameter pack: Packs the part of x that becomes a square. A step of 32 marks the side along which it forms pairs.
  func packTransposedPairs(
    _ x: Floats, _ xRow: Int, rows: Int, by rowStep: Int, columns: Int, by columnStep: Int,
    with pack: (UnsafePointer<Float>?, Int, Int, Int, UnsafeMutablePointer<UInt32>?, Int) -> Void,
    to y: Floats, _ yRow: Int
  ) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 256) { buffer in
      guard let square = buffer.baseAddress else { return }
      for (i, row) in stride(from: 0, to: rows, by: rowStep).enumerated() {
        for (j, column) in stride(from: 0, to: columns, by: columnStep).enumerated() {
          square.update(repeating: 0, count: 256)
          pack(
            x + row * xRow + column, xRow, min(rowStep, rows - row), min(columnStep, columns - column),
            square.words, 16)
          transpose16(square, 16, y + 16 * (j * yRow + i), yRow)
        }
      }
    }
  }

  extension Floats {
    /// The same memory as words of 32 bits.
    var words: UnsafeMutablePointer<UInt32> {
      UnsafeMutableRawPointer(self).assumingMemoryBound(to: UInt32.self)
    }
  }
#endif
