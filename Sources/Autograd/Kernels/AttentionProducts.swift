import CBLAS

// The three products of causal attention, for four queries at a time against the keys before them. A matrix M here
// is (D, n): element d of all keys side by side; the four rows are (4, n). So every inner loop runs along the keys,
// stops where the queries stand, and holds a 4 × 4 tile of coefficients in registers. At toy widths this beats a
// general matrix product, which must copy its operands first. `count` is a multiple of 16, and D of 4.

/// The queries that are worked on together.
let queryBlock = 4

/// rows_rj ← Σ_d a_rd·M_dj, with a (4, D)
@inline(__always)
func combine(_ a: Floats, _ m: Floats, stride: Int, depth: Int, count: Int, into rows: Floats) {
  let (r0, r1, r2, r3) = (rows, rows + stride, rows + 2 * stride, rows + 3 * stride)
  for d in Swift.stride(from: 0, to: depth, by: 4) {
    let (m0, m1, m2, m3) = (m + d * stride, m + (d + 1) * stride, m + (d + 2) * stride, m + (d + 3) * stride)
    let (a0, a1, a2, a3) = (a + d, a + depth + d, a + 2 * depth + d, a + 3 * depth + d)
    let (a00, a01, a02, a03) = (a0[0], a0[1], a0[2], a0[3])
    let (a10, a11, a12, a13) = (a1[0], a1[1], a1[2], a1[3])
    let (a20, a21, a22, a23) = (a2[0], a2[1], a2[2], a2[3])
    let (a30, a31, a32, a33) = (a3[0], a3[1], a3[2], a3[3])
    if d == 0 { for r in 0..<queryBlock { (rows + r * stride).update(repeating: 0, count: count) } }
    for j in 0..<count {
      let (x0, x1, x2, x3) = (m0[j], m1[j], m2[j], m3[j])
      r0[j] = tile(x0, x1, x2, x3, a00, a01, a02, a03, r0[j])
      r1[j] = tile(x0, x1, x2, x3, a10, a11, a12, a13, r1[j])
      r2[j] = tile(x0, x1, x2, x3, a20, a21, a22, a23, r2[j])
      r3[j] = tile(x0, x1, x2, x3, a30, a31, a32, a33, r3[j])
    }
  }
}

/// M_dj ← M_dj + Σ_r a_rd·rows_rj, with a (4, D)
@inline(__always)
func spread(_ a: Floats, _ rows: Floats, stride: Int, depth: Int, count: Int, into m: Floats) {
  let (r0, r1, r2, r3) = (rows, rows + stride, rows + 2 * stride, rows + 3 * stride)
  for d in Swift.stride(from: 0, to: depth, by: 4) {
    let (m0, m1, m2, m3) = (m + d * stride, m + (d + 1) * stride, m + (d + 2) * stride, m + (d + 3) * stride)
    let (a0, a1, a2, a3) = (a + d, a + depth + d, a + 2 * depth + d, a + 3 * depth + d)
    let (a00, a01, a02, a03) = (a0[0], a0[1], a0[2], a0[3])
    let (a10, a11, a12, a13) = (a1[0], a1[1], a1[2], a1[3])
    let (a20, a21, a22, a23) = (a2[0], a2[1], a2[2], a2[3])
    let (a30, a31, a32, a33) = (a3[0], a3[1], a3[2], a3[3])
    for j in 0..<count {
      let (x0, x1, x2, x3) = (r0[j], r1[j], r2[j], r3[j])
      m0[j] = tile(x0, x1, x2, x3, a00, a10, a20, a30, m0[j])
      m1[j] = tile(x0, x1, x2, x3, a01, a11, a21, a31, m1[j])
      m2[j] = tile(x0, x1, x2, x3, a02, a12, a22, a32, m2[j])
      m3[j] = tile(x0, x1, x2, x3, a03, a13, a23, a33, m3[j])
    }
  }
}

/// r_rd ← Σ_j rows_rj·M_dj, with r (4, D)
@inline(__always)
func project(_ rows: Floats, _ m: Floats, stride: Int, depth: Int, count: Int, into r: Floats) {
  for row in Swift.stride(from: 0, to: queryBlock, by: 2) {
    let (p, q) = (rows + row * stride, rows + (row + 1) * stride)
    for d in Swift.stride(from: 0, to: depth, by: 4) {
      let (m0, m1, m2, m3) = (
        m + d * stride, m + (d + 1) * stride, m + (d + 2) * stride, m + (d + 3) * stride
      )
      var (p0, p1, p2, p3): (Float, Float, Float, Float) = (0, 0, 0, 0)
      var (q0, q1, q2, q3): (Float, Float, Float, Float) = (0, 0, 0, 0)
      for j in 0..<count {
        let (x0, x1, x2, x3) = (m0[j], m1[j], m2[j], m3[j])
        (p0, p1) = (relaxed_multiply_add(p[j], x0, p0), relaxed_multiply_add(p[j], x1, p1))
        (p2, p3) = (relaxed_multiply_add(p[j], x2, p2), relaxed_multiply_add(p[j], x3, p3))
        (q0, q1) = (relaxed_multiply_add(q[j], x0, q0), relaxed_multiply_add(q[j], x1, q1))
        (q2, q3) = (relaxed_multiply_add(q[j], x2, q2), relaxed_multiply_add(q[j], x3, q3))
      }
      let (a, b) = (r + row * depth + d, r + (row + 1) * depth + d)
      (a[0], a[1], a[2], a[3]) = (p0, p1, p2, p3)
      (b[0], b[1], b[2], b[3]) = (q0, q1, q2, q3)
    }
  }
}

/// y + Σ_i a_i·x_i
@inline(__always)
private func tile(
  _ x0: Float, _ x1: Float, _ x2: Float, _ x3: Float, _ a0: Float, _ a1: Float, _ a2: Float, _ a3: Float,
  _ y: Float
) -> Float {
  fused_multiply_add(
    a3, x3, fused_multiply_add(a2, x2, fused_multiply_add(a1, x1, fused_multiply_add(a0, x0, y))))
}
