import CBLAS

// The three products of causal attention for one query against the keys before it. A matrix here is (D, n): the
// element d of all keys side by side, so that every inner loop runs along the keys, and stops where the query
// stands. At toy widths these beat a general matrix product, which must copy its operands first.
// `count` is a multiple of 16, and D of 4.

/// row_j ← Σ_d a_d·M_dj
@inline(__always)
func combine(_ a: UnsafePointer<Float>, _ m: Floats, stride: Int, depth: Int, count: Int, into row: Floats) {
  for d in Swift.stride(from: 0, to: depth, by: 4) {
    let (a0, a1, a2, a3) = (a[d], a[d + 1], a[d + 2], a[d + 3])
    let m0 = m + d * stride
    let (m1, m2, m3) = (m0 + stride, m0 + 2 * stride, m0 + 3 * stride)
    if d == 0 {
      for j in 0..<count {
        row[j] = fused_multiply_add(a3, m3[j], fused_multiply_add(a2, m2[j], fused_multiply_add(a1, m1[j], a0 * m0[j])))
      }
    } else {
      for j in 0..<count {
        let sum = fused_multiply_add(a1, m1[j], fused_multiply_add(a0, m0[j], row[j]))
        row[j] = fused_multiply_add(a3, m3[j], fused_multiply_add(a2, m2[j], sum))
      }
    }
  }
}

/// r_d ← s·Σ_j row_j·M_dj
@inline(__always)
func project(
  _ row: UnsafePointer<Float>, _ m: Floats, stride: Int, depth: Int, count: Int, scale: Float, into r: Floats
) {
  for d in Swift.stride(from: 0, to: depth, by: 4) {
    let m0 = m + d * stride
    let (m1, m2, m3) = (m0 + stride, m0 + 2 * stride, m0 + 3 * stride)
    var (s0, s1, s2, s3): (Float, Float, Float, Float) = (0, 0, 0, 0)
    for j in 0..<count {
      s0 = relaxed_multiply_add(row[j], m0[j], s0)
      s1 = relaxed_multiply_add(row[j], m1[j], s1)
      s2 = relaxed_multiply_add(row[j], m2[j], s2)
      s3 = relaxed_multiply_add(row[j], m3[j], s3)
    }
    (r[d], r[d + 1], r[d + 2], r[d + 3]) = (scale * s0, scale * s1, scale * s2, scale * s3)
  }
}

/// M_dj ← M_dj + a_d·row_j
@inline(__always)
func spread(_ a: UnsafePointer<Float>, _ row: UnsafePointer<Float>, stride: Int, depth: Int, count: Int, into m: Floats) {
  for d in Swift.stride(from: 0, to: depth, by: 4) {
    let (a0, a1, a2, a3) = (a[d], a[d + 1], a[d + 2], a[d + 3])
    let m0 = m + d * stride
    let (m1, m2, m3) = (m0 + stride, m0 + 2 * stride, m0 + 3 * stride)
    for j in 0..<count {
      m0[j] = fused_multiply_add(a0, row[j], m0[j])
      m1[j] = fused_multiply_add(a1, row[j], m1[j])
      m2[j] = fused_multiply_add(a2, row[j], m2[j])
      m3[j] = fused_multiply_add(a3, row[j], m3[j])
    }
  }
}
