import CBLAS

// The three products of causal attention, for four queries at a time against the keys before them. A matrix M here
// is (D, n): element d of all keys side by side; the four rows are (4, n). So every loop runs along the keys, a
// block of 16 at a time, and stops where the queries stand; what it sums stays in registers. At toy widths this
// beats a general matrix product, which must copy its operands first. `count` is a multiple of 16, and D of 4.
// They stay functions of their own, since inlined into one another they run out of registers.

/// The queries that are worked on together.
let queryBlock = 4

/// The keys that are worked on together.
let keyBlock = 16

/// rows_rj ← Σ_d a_rd·M_dj, with a (4, D)
@inline(never)
func combine(_ a: Floats, _ m: Floats, stride: Int, depth: Int, count: Int, into rows: Floats) {
  let (a0, a1, a2, a3) = (a, a + depth, a + 2 * depth, a + 3 * depth)
  for j in Swift.stride(from: 0, to: count, by: keyBlock) {
    var (r0, r1, r2, r3) = (floats16.zero, floats16.zero, floats16.zero, floats16.zero)
    for d in 0..<depth {
      let x = load16(m + d * stride + j)
      (r0, r1) = (scale_add16(a0[d], x, r0), scale_add16(a1[d], x, r1))
      (r2, r3) = (scale_add16(a2[d], x, r2), scale_add16(a3[d], x, r3))
    }
    let row = rows + j
    store16(r0, row)
    store16(r1, row + stride)
    store16(r2, row + 2 * stride)
    store16(r3, row + 3 * stride)
  }
}

/// M_dj ← M_dj + Σ_r a_rd·rows_rj, with a (4, D)
@inline(never)
func spread(_ a: Floats, _ rows: Floats, stride: Int, depth: Int, count: Int, into m: Floats) {
  let (a0, a1, a2, a3) = (a, a + depth, a + 2 * depth, a + 3 * depth)
  for j in Swift.stride(from: 0, to: count, by: keyBlock) {
    let row = rows + j
    let (r0, r1) = (load16(row), load16(row + stride))
    let (r2, r3) = (load16(row + 2 * stride), load16(row + 3 * stride))
    for d in 0..<depth {
      let x = m + d * stride + j
      let sum = scale_add16(a1[d], r1, scale_add16(a0[d], r0, load16(x)))
      store16(scale_add16(a3[d], r3, scale_add16(a2[d], r2, sum)), x)
    }
  }
}

/// r_rd ← Σ_j rows_rj·M_dj, with r (4, D)
@inline(never)
func project(_ rows: Floats, _ m: Floats, stride: Int, depth: Int, count: Int, into r: Floats) {
  for d in Swift.stride(from: 0, to: depth, by: 4) {
    var sums = InlineArray<16, floats16>(repeating: .zero)
    for j in Swift.stride(from: 0, to: count, by: keyBlock) {
      for row in 0..<4 {
        let p = load16(rows + row * stride + j)
        for e in 0..<4 {
          let x = load16(m + (d + e) * stride + j)
          sums[4 * row + e] = multiply_add16(p, x, sums[4 * row + e])
        }
      }
    }
    // Neighbours are added, within vectors and between them, until one vector holds all sixteen sums.
    for half in [8, 4, 2, 1] {
      for i in 0..<half {
        let (x, y) = (sums[2 * i], sums[2 * i + 1])
        sums[i] = even16(x, y) + odd16(x, y)
      }
    }
    for row in 0..<4 {
      for e in 0..<4 { r[row * depth + d + e] = sums[0][4 * row + e] }
    }
  }
}

/// x ← eˣ⁻ᵃ
@inline(__always)
func exponentials(_ x: Floats, minus a: Float, count: Int) {
  for j in Swift.stride(from: 0, to: count, by: keyBlock) {
    // As many turns as a vector has elements: the compiler leaves no remainder.
    for i in j..<j + keyBlock { x[i] = exponential(x[i] - a) }
  }
}

/// Puts `rest` after the first n of x, all but at most 15 of `count`.
@inline(__always)
func keepFirst(_ n: Int, of x: Floats, count: Int, rest: Float) {
  let last = count - keyBlock
  store16(first16(load16(x + last), Int32(n - last), rest), x + last)
}

/// The greatest of x, none of which may be NaN.
@inline(__always)
func greatest16(_ x: Floats, count: Int) -> Float {
  var top = load16(x)
  for j in Swift.stride(from: keyBlock, to: count, by: keyBlock) { top = greater16(top, load16(x + j)) }
  return greatest16(top)
}

/// The sum of x.
@inline(__always)
func sum16(_ x: Floats, count: Int) -> Float {
  var sum = load16(x)
  for j in Swift.stride(from: keyBlock, to: count, by: keyBlock) { sum += load16(x + j) }
  return sum16(sum)
}

/// Sixteen rows of four, one after another: four rows to a vector. Or four rows of sixteen.
typealias Tile = (floats16, floats16, floats16, floats16)

/// The elements at even places, then those at odd ones. Twice turns 16 rows of 4 into 4 of 16; four times turns back.
@inline(__always)
func unzip(_ x: Tile) -> Tile { (even16(x.0, x.1), even16(x.2, x.3), odd16(x.0, x.1), odd16(x.2, x.3)) }
