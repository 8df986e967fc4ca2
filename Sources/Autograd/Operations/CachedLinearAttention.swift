import CBLAS

/// o_i = Sᵀ·q_i / z·q_i with S = Σ_{j ≤ i} k_j·v_jᵀ and z = Σ_{j ≤ i} k_j: linear attention of new positions, whose keys
/// and values join the sums of the earlier ones   (Katharopoulos et al. 2020)
///
/// q (S·N, H·F), k (S·N, G·F), v (S·N, G·D), o (S·N, H·D), which may be columns of one tensor (`LinearHeads`). Padding
/// rows of o are 0. The operation has no gradient: programs with states cannot run backward.
///
/// The state of a sequence and head is S with z as a column after it, in rows padded to whole vectors. A position is
/// added before the next one is read, so that the bits of o are the same however many rows a replay continues.
struct CachedLinearAttention: Operation {
  let heads: LinearHeads
  let positions: Continuation
  let sums: Tensor
  let output: Tensor

  var inputs: [Tensor] { heads.views.map(\.tensor) }
  /// A value with a one, or a result.
  var scratch: Int { heads.wide }
  var flops: Flops {
    Flops(
      forward: 2 * Double(output.rows * heads.features * heads.depth) * Double(heads.count + heads.keyCount))
  }

  func forward(_ memory: Frame) {
    let slots = memory.integers(positions.slots)
    let starts = memory.integers(positions.starts)
    let counts = memory.integers(positions.counts)
    for sequence in 0..<positions.sequences {
      let (count, size) = (Int(counts[sequence]), sums.count / positions.capacity)
      let state = memory.value(sums) + Int(slots[sequence]) * size
      // A new sequence: the state may hold another.
      if starts[sequence] == 0 && count > 0 { state.update(repeating: 0, count: size) }
      for i in 0..<positions.rows {
        let row = sequence * positions.rows + i
        let o = memory.value(output) + row * output.columns
        if i < count {
          step(memory, row, state, into: o)
        } else {
          o.update(repeating: 0, count: output.columns)
        }
      }
    }
  }

  func backward(_ memory: Frame) { preconditionFailure("cachedLinearAttention has no gradient") }

  /// One position: its keys and values join the sums, which its queries read.
  private func step(_ memory: Frame, _ row: Int, _ state: Floats, into o: Floats) {
    let (depth, features, wide) = (heads.depth, heads.features, heads.wide)
    let extended = memory.scratch
    for keyHead in 0..<heads.keyCount {
      let sums = state + keyHead * features * wide
      let key = heads.features(of: heads.keys, memory.value(heads.keys.tensor), row, keyHead)
      extended.update(repeating: 0, count: wide)
      extended.update(from: heads.value(memory.value(heads.values.tensor), row, keyHead), count: depth)
      extended[depth] = 1
      for f in 0..<features { addScaled(key[f], extended, to: sums + f * wide, count: wide) }
      for head in keyHead * heads.group..<(keyHead + 1) * heads.group {
        let query = heads.features(of: heads.queries, memory.value(heads.queries.tensor), row, head)
        mixRows(query, sums, depth: wide, count: features, into: extended)
        let factor = 1 / max(extended[depth], LinearAttention.leastNorm)
        for d in 0..<depth { o[head * depth + d] = factor * extended[d] }
      }
    }
  }
}

extension Recorder {
  /// Linear attention of new positions to themselves and to all earlier ones, of which only sums are kept: queries
  /// (S·N, H·F) and keys (S·N, G·F), above 0, and values (S·N, G·D), each used by H/G neighbouring heads of queries →
  /// (S·N, H·D). F and D must be multiples of 4.
  public func cachedLinearAttention(
    queries: ColumnView, keys: ColumnView, values: ColumnView, heads: Int, _ positions: Continuation
  ) -> Tensor {
    let all = LinearHeads("cachedLinearAttention", queries: queries, keys: keys, values: values, count: heads)
    precondition(
      all.rows == positions.sequences * positions.rows,
      "cachedLinearAttention: \(all.rows) rows for \(positions.sequences) sequences of \(positions.rows) rows"
    )
    return record(
      CachedLinearAttention(
        heads: all, positions: positions,
        sums: state([positions.capacity, all.keyCount, all.features, all.wide]),
        output: tensor([all.rows, all.columns], from: all.views.map(\.tensor))))
  }
}
