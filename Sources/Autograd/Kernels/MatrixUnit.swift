#if arch(x86_64)
  import CBLAS

  /// AMX-BF16: the matrix unit multiplies tiles of 16 by 16 pairs, two by two of which are a tile of c.
  enum MatrixUnit: Bfloat16Tile {
    static let rows = 32
    static let columns = 32

    /// Whole tiles of the unit.
    static func depth(_ terms: Int) -> Int { VectorPairs.depth(terms) }

    /// Rows of pairs in either case.
    static func packLeft(_ a: Matrix, _ rows: Range<Int>, _ terms: Range<Int>, to left: Floats) {
      guard a.isTransposed else { return VectorPairs.packLeft(a, rows, terms, to: left) }
      packTransposedPairs(
        a.place(rows.lowerBound, terms.lowerBound), a.stride, rows: terms.count, by: 32, columns: rows.count,
        by: 16, with: pack_pairs_of_rows, to: left, depth(terms.count))
    }

    static func packRight(_ b: Matrix, _ terms: Range<Int>, _ columns: Range<Int>, to panel: Floats) {
      // What is beyond the last pair is multiplied by zeros of a, and must be finite.
      let pairs = quotient(terms.count, 2)
      (panel + pairs * Self.columns).update(
        repeating: 0, count: (depth(terms.count) - pairs) * Self.columns)
      VectorPairs.packRight(b, terms, columns, to: panel)
    }

    static func compute(
      _ left: Floats, isTransposed: Bool, _ panel: Floats, terms: Int, rows: Int, to target: TileTarget
    ) {
      var job = PairJob(
        a: left.words, a_row: depth(terms), a_step: 1, b: panel.words, depth: depth(terms), to: target)
      compute_amx_tile(Int32(rows), &job)
    }
  }
#endif
