import CBLAS

// The products of causal attention. Sixteen positions occupy the lanes of a vector; the rows of all
// others are read element by element where they are. So no sum runs across lanes, and no operand is copied first: at
// toy widths this beats a general matrix product. In the names below x (D, 16) is element d of the sixteen positions,
// y_j (D) the row of position j, `step` apart from the next, and s (n, 16) a number for each pair of the two.
// They stay functions of their own, since inlined into one another they run out of registers.

/// The positions that are worked on together.
let laneCount = 16

/// s_j ← Σ_d y_jd·x_d − a_j
@inline(never)
func score(
  _ x: Floats, _ y: Floats, step: Int, depth: Int, count: Int, minus a: Floats? = nil, into s: Floats
) {
  var j = 0
  while j + 8 <= count {
    let rows = eightRows(y + j * step, step: step)
    var sums = InlineArray<8, floats16>(repeating: .zero)
    if let a { for r in 0..<8 { sums[r] = floats16(repeating: -a[j + r]) } }
    for d in 0..<depth {
      let x = load16(x + d * laneCount)
      for r in 0..<8 { sums[r] = scale_add16(rows[r][d], x, sums[r]) }
    }
    for r in 0..<8 { store16(sums[r], s + (j + r) * laneCount) }
    j += 8
  }
  while j < count {
    var sum = floats16(repeating: a.map { -$0[j] } ?? 0)
    for d in 0..<depth { sum = scale_add16(y[j * step + d], load16(x + d * laneCount), sum) }
    store16(sum, s + j * laneCount)
    j += 1
  }
}

/// x_d ← x_d + Σ_j y_jd·s_j; D is a multiple of 4.
@inline(never)
func mix(_ s: Floats, _ y: Floats, step: Int, depth: Int, count: Int, into x: Floats) {
  for d in stride(from: 0, to: depth, by: 4) {
    // Of even and of odd rows, so that a sum need not wait for the one before.
    var even = InlineArray<4, floats16>(repeating: .zero)
    var odd = InlineArray<4, floats16>(repeating: .zero)
    var j = 0
    while j + 2 <= count {
      let (s0, s1) = (load16(s + j * laneCount), load16(s + (j + 1) * laneCount))
      let row0 = y + j * step + d
      let row1 = row0 + step
      for e in 0..<4 {
        even[e] = scale_add16(row0[e], s0, even[e])
        odd[e] = scale_add16(row1[e], s1, odd[e])
      }
      j += 2
    }
    if j < count {
      let s0 = load16(s + j * laneCount)
      for e in 0..<4 { even[e] = scale_add16(y[j * step + d + e], s0, even[e]) }
    }
    for e in 0..<4 {
      let column = x + (d + e) * laneCount
      store16(load16(column) + (even[e] + odd[e]), column)
    }
  }
}

/// y_j ← y_j + Σ_l s_jl·k_l over the lanes l; k (16, D) and y (n, D) hold whole vectors: D is a multiple of 16.
@inline(never)
func blend(_ s: Floats, _ k: Floats, depth: Int, count: Int, into y: Floats) {
  for d in stride(from: 0, to: depth, by: laneCount) {
    var j = 0
    while j + 8 <= count {
      var sums = InlineArray<8, floats16>(repeating: .zero)
      let rows = eightRows(s + j * laneCount, step: laneCount)
      for l in 0..<laneCount {
        let k = load16(k + l * depth + d)
        for r in 0..<8 { sums[r] = scale_add16(rows[r][l], k, sums[r]) }
      }
      for r in 0..<8 {
        let place = y + (j + r) * depth + d
        store16(load16(place) + sums[r], place)
      }
      j += 8
    }
    while j < count {
      var sum = load16(y + j * depth + d)
      for l in 0..<laneCount { sum = scale_add16(s[j * laneCount + l], load16(k + l * depth + d), sum) }
      store16(sum, y + j * depth + d)
      j += 1
    }
  }
}

/// Pointers to eight rows: with these, no index is computed, and checked for overflow, in a loop.
@inline(__always)
private func eightRows(_ first: Floats, step: Int) -> InlineArray<8, Floats> {
  InlineArray<8, Floats> { first + $0 * step }
}

/// s ← eˢ for `count` rows.
@inline(__always)
func exponentials(_ s: Floats, count: Int) {
  for i in 0..<count * laneCount { s[i] = exponential(s[i]) }
}

/// All rows of s taken together by `operation`, lane by lane, in an order that depends on their number alone.
@inline(__always)
func reduce(_ s: Floats, count: Int, _ operation: (floats16, floats16) -> floats16) -> floats16 {
  // Four at a time, so that none waits for the one before.
  var parts = InlineArray<4, floats16>(repeating: load16(s))
  guard count >= 8 else {
    for j in 1..<max(count, 1) { parts[0] = operation(parts[0], load16(s + j * laneCount)) }
    return parts[0]
  }
  for r in 1..<4 { parts[r] = load16(s + r * laneCount) }
  var j = 4
  while j + 4 <= count {
    for r in 0..<4 { parts[r] = operation(parts[r], load16(s + (j + r) * laneCount)) }
    j += 4
  }
  while j < count {
    parts[0] = operation(parts[0], load16(s + j * laneCount))
    j += 1
  }
  return operation(operation(parts[0], parts[1]), operation(parts[2], parts[3]))
}

/// The rows (D) of up to sixteen positions, `step` apart, times `scale`, as (D, 16); zero for what is not there.
func gather(_ rows: Floats, count: Int, step: Int, depth: Int, scale: Float, into x: Floats) {
  if count < laneCount { x.update(repeating: 0, count: depth * laneCount) }
  guard count == laneCount else {
    for r in 0..<count {
      for d in 0..<depth { x[d * laneCount + r] = scale * rows[r * step + d] }
    }
    return
  }
  let squares = depth / laneCount * laneCount
  for d in stride(from: 0, to: squares, by: laneCount) {
    transpose16(rows + d, step, x + d * laneCount, laneCount)
  }
  for i in 0..<squares * laneCount { x[i] *= scale }
  for d in stride(from: squares, to: depth, by: 4) {
    func four(_ r: Int) -> floats16 {
      let row = rows + r * step + d
      return load4x4(row, row + step, row + 2 * step, row + 3 * step)
    }
    let turned = unzip(unzip((four(0), four(4), four(8), four(12))))
    let column = x + d * laneCount
    store16(turned.0 * scale, column)
    store16(turned.1 * scale, column + laneCount)
    store16(turned.2 * scale, column + 2 * laneCount)
    store16(turned.3 * scale, column + 3 * laneCount)
  }
}

/// The way back: (D, 16) times `scale`, lane by lane, to the rows of up to sixteen positions, stored or added.
func scatter(_ x: Floats, scale: floats16, count: Int, step: Int, depth: Int, into rows: Floats, adding: Bool)
{
  for d in stride(from: 0, to: depth, by: 4) {
    let column = x + d * laneCount
    let (x0, x1) = (load16(column) * scale, load16(column + laneCount) * scale)
    let (x2, x3) = (load16(column + 2 * laneCount) * scale, load16(column + 3 * laneCount) * scale)
    let turned = unzip(unzip(unzip(unzip((x0, x1, x2, x3)))))
    func put(_ four: floats16, at first: Int) {
      guard first + 4 > count else {
        let row = rows + first * step + d
        let (r0, r1, r2, r3) = (row, row + step, row + 2 * step, row + 3 * step)
        store4x4(adding ? load4x4(r0, r1, r2, r3) + four : four, r0, r1, r2, r3)
        return
      }
      for r in 0..<4 where first + r < count {
        let row = rows + (first + r) * step + d
        for e in 0..<4 { row[e] = adding ? row[e] + four[4 * r + e] : four[4 * r + e] }
      }
    }
    put(turned.0, at: 0)
    put(turned.1, at: 4)
    put(turned.2, at: 8)
    put(turned.3, at: 12)
  }
}

/// Sixteen rows of four, one after another: four rows to a vector. Or four rows of sixteen.
private typealias Tile = (floats16, floats16, floats16, floats16)

/// The elements at even places, then those at odd ones. Twice turns 16 rows of 4 into 4 of 16; four times turns back.
@inline(__always)
private func unzip(_ x: Tile) -> Tile {
  (even16(x.0, x.1), even16(x.2, x.3), odd16(x.0, x.1), odd16(x.2, x.3))
}
