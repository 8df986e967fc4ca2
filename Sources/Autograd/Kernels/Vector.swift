import CBLAS

/// A run of floats in memory.
package typealias Floats = UnsafeMutablePointer<Float>

/// eˣ to about one unit in the last place, in a form that the compiler vectorises.
///
/// x = k·ln 2 + r with |r| ≤ ln 2 / 2, and eˣ = 2ᵏ·eʳ. Adding 1.5·2²³ rounds to a whole number, which is then
/// in the low bits. Arguments are held to ±87, where floats end.
@inline(__always)
func exponential(_ x: Float) -> Float {
  let magic: Float = 12_582_912
  let bounded = x < -87 ? -87 : (x > 87 ? 87 : x)
  let shifted = fused_multiply_add(bounded, 1.442_695_04, magic)
  let k = shifted - magic
  let r = fused_multiply_add(k, -1.428_606_8e-6, fused_multiply_add(k, -0.693_145_75, bounded))
  var p: Float = 1.388_888_9e-3
  p = fused_multiply_add(p, r, 8.333_333_4e-3)
  p = fused_multiply_add(p, r, 4.166_666_7e-2)
  p = fused_multiply_add(p, r, 1.666_666_7e-1)
  p = fused_multiply_add(p, r, 0.5)
  p = fused_multiply_add(p, r, 1)
  p = fused_multiply_add(p, r, 1)
  return Float(bitPattern: p.bitPattern &+ (shifted.bitPattern &<< 23))
}

/// log x of a positive number, to about one unit in the last place, in a form that the compiler vectorises.
///
/// x = 2ᵏ·(1 + r) with √½ ≤ 1 + r < √2, and log(1 + r) = r − r²/2 + r³·p(r). The polynomial is that of Moshier's
/// Cephes library (logf). What is not finite stays as it is.
@inline(__always)
func logarithm(_ x: Float) -> Float {
  // Counted from √½, so that the exponent's bits change where 1 + r does.
  let shifted = x.bitPattern &- 0x3F35_04F3
  let k = Float(Int32(bitPattern: shifted) >> 23)
  let r = Float(bitPattern: (shifted & 0x007F_FFFF) &+ 0x3F35_04F3) - 1
  var p: Float = 7.037_683_6e-2
  p = fused_multiply_add(p, r, -1.151_461_03e-1)
  p = fused_multiply_add(p, r, 1.167_699_87e-1)
  p = fused_multiply_add(p, r, -1.242_014_08e-1)
  p = fused_multiply_add(p, r, 1.424_932_28e-1)
  p = fused_multiply_add(p, r, -1.666_805_77e-1)
  p = fused_multiply_add(p, r, 2.000_071_48e-1)
  p = fused_multiply_add(p, r, -2.499_999_4e-1)
  p = fused_multiply_add(p, r, 3.333_333_1e-1)
  let square = r * r
  let tail = fused_multiply_add(k, -2.121_944_4e-4, fused_multiply_add(-0.5, square, p * (r * square)))
  let result = fused_multiply_add(k, 0.693_359_375, r + tail)
  return x < .infinity ? result : x
}

/// 1 / (1 + e⁻ˣ)
@inline(__always)
func sigmoid(_ x: Float) -> Float { 1 / (1 + exponential(-x)) }

/// log(1 + eˣ), to about one unit in the last place
@inline(__always)
func softplus(_ x: Float) -> Float {
  let e = exponential(x < 0 ? x : -x)
  // The logarithm is that of the rounded sum: the quotient makes up for what rounding lost.
  let sum = 1 + e
  let rest = sum - 1
  return (x < 0 ? 0 : x) + (rest > 0 ? logarithm(sum) * (e / rest) : e)
}

/// y ← x, or y ← y + x
@inline(__always)
func store(_ x: UnsafePointer<Float>, in y: Floats, adding: Bool, count: Int) {
  if adding {
    for i in 0..<count { y[i] += x[i] }
  } else {
    y.update(from: x, count: count)
  }
}

/// y ← y + a·x
@inline(__always)
func addScaled(_ a: Float, _ x: UnsafePointer<Float>, to y: Floats, count: Int) {
  for i in 0..<count { y[i] = fused_multiply_add(a, x[i], y[i]) }
}

/// y ← y + a·b, element by element
@inline(__always)
func addProducts(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, to y: Floats, count: Int) {
  for i in 0..<count { y[i] = fused_multiply_add(a[i], b[i], y[i]) }
}

/// The sum of the products of x and y.
@inline(__always)
func dot(_ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, count: Int) -> Float {
  var sum: Float = 0
  for i in 0..<count { sum = relaxed_multiply_add(x[i], y[i], sum) }
  return sum
}

/// The greatest of x, none of which may be NaN.
///
/// Floats are compared as whole numbers of the same order, because a maximum of floats is not vectorised: its
/// result would depend on the order if there were a NaN.
@inline(__always)
func greatest(_ x: UnsafePointer<Float>, count: Int) -> Float {
  func ordered(_ bits: Int32) -> Int32 { bits ^ ((bits >> 31) & 0x7FFF_FFFF) }
  var top = Int32.min
  for i in 0..<count {
    let rank = ordered(Int32(bitPattern: x[i].bitPattern))
    top = rank > top ? rank : top
  }
  return Float(bitPattern: UInt32(bitPattern: ordered(top)))
}

/// The sum of each column of `x` (rows, columns) in a range, stored in `sums` (columns) or added to it.
func sumColumns(
  _ range: Range<Int>, of x: UnsafePointer<Float>, rows: Int, columns: Int, into sums: Floats, adding: Bool
) {
  sumRows(range, rows: rows, into: sums, adding: adding) { sum, row, column in
    sum + load16(x + (row * columns + column))
  } one: { sum, row, column in
    sum + x[row * columns + column]
  }
}

/// Sums terms of each row, one row after another, for every column in a range, and stores the sums or adds them to
/// `sums`.
///
/// - Parameters:
///   - sixteen: Adds the terms of a row to the sums of sixteen columns, of which `column` is the first.
///   - one: Adds the term of a row to the sum of one column.
@inline(__always)
func sumRows(
  _ range: Range<Int>, rows: Int, into sums: Floats, adding: Bool,
  sixteen: (_ sum: floats16, _ row: Int, _ column: Int) -> floats16,
  one: (_ sum: Float, _ row: Int, _ column: Int) -> Float
) {
  if !adding { (sums + range.lowerBound).update(repeating: 0, count: range.count) }
  var column = range.lowerBound
  // Sums stay in registers, four vectors at a time: additions to one of them need not wait for those to another.
  while column + 4 * laneCount <= range.upperBound {
    var four = InlineArray<4, floats16> { load16(sums + column + $0 * laneCount) }
    for row in 0..<rows {
      for v in 0..<4 { four[v] = sixteen(four[v], row, column + v * laneCount) }
    }
    for v in 0..<4 { store16(four[v], sums + column + v * laneCount) }
    column += 4 * laneCount
  }
  while column + laneCount <= range.upperBound {
    var sum = load16(sums + column)
    for row in 0..<rows { sum = sixteen(sum, row, column) }
    store16(sum, sums + column)
    column += laneCount
  }
  for row in 0..<(column < range.upperBound ? rows : 0) {
    for column in column..<range.upperBound { sums[column] = one(sums[column], row, column) }
  }
}
