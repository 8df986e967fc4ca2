import CBLAS

/// How the products of causal attention are computed in one precision. Operands are packed before products; where they
/// stay as they are, packing does nothing.
protocol AttentionKernel {
  /// Whether operands of `score` are multiplied by the scale of the scores before they are packed. Where packing rounds,
  /// they are not: forward and backward would round different operands, and weights that backward computes again would
  /// not be those of forward. With large scores the gradient then explodes.
  static var scalesOperands: Bool { get }
  /// The floats of rows packed for `score`.
  static func rowCount(_ rows: Int, depth: Int) -> Int
  /// The floats of rows packed for `mix`.
  static func pairCount(_ rows: Int, depth: Int) -> Int
  /// Packs rows y_j for `score`.
  static func packRows(_ y: AttentionRows, depth: Int, count: Int, to packed: Floats) -> AttentionRows
  /// Packs rows y_j for `mix`.
  static func packPairs(_ y: AttentionRows, depth: Int, count: Int, to packed: Floats) -> AttentionRows
  /// Packs the lanes x (D, 16) for `score`, in place.
  static func packLanes(_ x: Floats, depth: Int)
  /// Packs the lanes' rows k (16, D) for `blend`, in place.
  static func packKeys(_ k: Floats, depth: Int)
  /// Packs s (n, 16) for `mix`, in place.
  static func packWeights(_ s: Floats, count: Int)
  /// Packs s (n, 16), which is not packed yet, for `blend`.
  static func packBlended(_ s: Floats, count: Int, to packed: Floats) -> Floats

  /// s_j ← scale·Σ_d y_jd·x_d − a_j, without the scale if operands contain it.
  static func score(
    _ x: Floats, _ y: AttentionRows, depth: Int, count: Int, scale: Float, minus a: Floats?, into s: Floats)
  /// x_d ← x_d + Σ_j y_jd·s_j; D is a multiple of 4.
  static func mix(_ s: Floats, _ y: AttentionRows, depth: Int, count: Int, into x: Floats)
  /// y_j ← y_j + Σ_l s_jl·k_l over the lanes l; k (16, D) and y (n, D) hold whole vectors.
  static func blend(_ s: Floats, _ k: Floats, depth: Int, count: Int, into y: Floats)
}

/// Rows of positions in memory, or packed pairs of them.
struct AttentionRows {
  let start: Floats
  /// The distance between rows, or between pairs of them, in floats.
  let step: Int
  /// 2 if a packed row holds two.
  var rowsPerStep = 1

  /// The rows from row `first` on, which is even.
  func from(_ first: Int) -> AttentionRows {
    AttentionRows(start: start + first / rowsPerStep * step, step: step, rowsPerStep: rowsPerStep)
  }
}

/// Attention in float32: operands are read where they are.
enum FloatAttention: AttentionKernel {
  static let scalesOperands = true
  static func rowCount(_ rows: Int, depth: Int) -> Int { 0 }
  static func pairCount(_ rows: Int, depth: Int) -> Int { 0 }
  static func packRows(_ y: AttentionRows, depth: Int, count: Int, to packed: Floats) -> AttentionRows { y }
  static func packPairs(_ y: AttentionRows, depth: Int, count: Int, to packed: Floats) -> AttentionRows { y }
  static func packLanes(_ x: Floats, depth: Int) {}
  static func packKeys(_ k: Floats, depth: Int) {}
  static func packWeights(_ s: Floats, count: Int) {}
  static func packBlended(_ s: Floats, count: Int, to packed: Floats) -> Floats { s }

  static func score(
    _ x: Floats, _ y: AttentionRows, depth: Int, count: Int, scale: Float, minus a: Floats?, into s: Floats
  ) {
    Autograd.score(x, y.start, step: y.step, depth: depth, count: count, minus: a, into: s)
  }
  static func mix(_ s: Floats, _ y: AttentionRows, depth: Int, count: Int, into x: Floats) {
    Autograd.mix(s, y.start, step: y.step, depth: depth, count: count, into: x)
  }
  static func blend(_ s: Floats, _ k: Floats, depth: Int, count: Int, into y: Floats) {
    Autograd.blend(s, k, depth: depth, count: count, into: y)
  }
}

/// Attention in bfloat16 on any CPU: operands are rounded, and multiplied in float32.
enum RoundedAttention: AttentionKernel {
  static let scalesOperands = false
  static func rowCount(_ rows: Int, depth: Int) -> Int { roundedToCacheLine(rows * depth) }
  static func pairCount(_ rows: Int, depth: Int) -> Int { rowCount(rows, depth: depth) }

  static func packRows(_ y: AttentionRows, depth: Int, count: Int, to packed: Floats) -> AttentionRows {
    round(y.start, y.step, count, depth, to: packed, depth)
    return AttentionRows(start: packed, step: depth)
  }
  static func packPairs(_ y: AttentionRows, depth: Int, count: Int, to packed: Floats) -> AttentionRows {
    packRows(y, depth: depth, count: count, to: packed)
  }
  static func packLanes(_ x: Floats, depth: Int) { round(x, 0, 1, depth * laneCount, to: x, 0) }
  static func packKeys(_ k: Floats, depth: Int) { round(k, 0, 1, depth * laneCount, to: k, 0) }
  static func packWeights(_ s: Floats, count: Int) { round(s, 0, 1, count * laneCount, to: s, 0) }
  static func packBlended(_ s: Floats, count: Int, to packed: Floats) -> Floats {
    packWeights(s, count: count)
    return s
  }

  static func score(
    _ x: Floats, _ y: AttentionRows, depth: Int, count: Int, scale: Float, minus a: Floats?, into s: Floats
  ) {
    Autograd.score(x, y.start, step: y.step, depth: depth, count: count, into: s)
    for j in 0..<count {
      let row = s + j * laneCount
      store16(scale_add16(scale, load16(row), floats16(repeating: a.map { -$0[j] } ?? 0)), row)
    }
  }
  static func mix(_ s: Floats, _ y: AttentionRows, depth: Int, count: Int, into x: Floats) {
    FloatAttention.mix(s, y, depth: depth, count: count, into: x)
  }
  static func blend(_ s: Floats, _ k: Floats, depth: Int, count: Int, into y: Floats) {
    FloatAttention.blend(s, k, depth: depth, count: count, into: y)
  }
}

#if arch(x86_64)
  /// Attention in bfloat16 with AVX512-BF16. Packed words are pairs: of elements of a row for `score`, of neighbouring
  /// positions for `mix`, and of lanes for `blend`.
  enum PairAttention: AttentionKernel {
    static let scalesOperands = false
    static func rowCount(_ rows: Int, depth: Int) -> Int { rows * rowStep(depth) }
    static func pairCount(_ rows: Int, depth: Int) -> Int { quotient(rows, 2) * roundedToCacheLine(depth) }
    /// Packing stores whole vectors.
    private static func rowStep(_ depth: Int) -> Int { roundedToCacheLine(quotient(depth, 2)) }

    static func packRows(_ y: AttentionRows, depth: Int, count: Int, to packed: Floats) -> AttentionRows {
      pack_pairs_of_columns(y.start, y.step, count, depth, packed.words, rowStep(depth))
      return AttentionRows(start: packed, step: rowStep(depth))
    }
    static func packPairs(_ y: AttentionRows, depth: Int, count: Int, to packed: Floats) -> AttentionRows {
      let step = roundedToCacheLine(depth)
      pack_pairs_of_rows(y.start, y.step, count, depth, packed.words, step)
      return AttentionRows(start: packed, step: step, rowsPerStep: 2)
    }
    // In place, because a pair is stored where the first of its two rows, or a row before it, was read.
    static func packLanes(_ x: Floats, depth: Int) {
      pack_pairs_of_rows(x, laneCount, depth, laneCount, x.words, laneCount)
    }
    static func packKeys(_ k: Floats, depth: Int) {
      pack_pairs_of_rows(k, depth, laneCount, depth, k.words, depth)
    }
    static func packWeights(_ s: Floats, count: Int) {
      pack_pairs_of_rows(s, laneCount, count, laneCount, s.words, laneCount)
    }
    static func packBlended(_ s: Floats, count: Int, to packed: Floats) -> Floats {
      pack_pairs_of_lanes(s, count, packed.words)
      return packed
    }

    static func score(
      _ x: Floats, _ y: AttentionRows, depth: Int, count: Int, scale: Float, minus a: Floats?, into s: Floats
    ) {
      score_pairs(x.words, y.start.words, y.step, depth, count, scale, a, s)
    }
    static func mix(_ s: Floats, _ y: AttentionRows, depth: Int, count: Int, into x: Floats) {
      mix_pairs(s.words, y.start.words, y.step, depth, quotient(count, 2), x)
    }
    static func blend(_ s: Floats, _ k: Floats, depth: Int, count: Int, into y: Floats) {
      blend_pairs(s.words, k.words, depth, count, y)
    }
  }
#endif
