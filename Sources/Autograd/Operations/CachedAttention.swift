import CBLAS

/// o_i = Σ_{i − w < j ≤ i} p_ij·v_j with p_i = softmax_j(s·q_i·k_j): causal attention of new positions, whose keys and
/// values join those of the earlier ones in a cache   (Vaswani et al. 2017)
///
/// q and o (S·N, H·D), k and v (S·N, G·D), which may be columns of one tensor (`AttentionHeads`). Padding rows of o are
/// 0. The operation has no gradient: programs with states cannot run backward.
///
/// The cache of a sequence and head holds keys in blocks of sixteen positions, (blocks, D, 16), so that one vector
/// holds the scores of a block, and values in rows padded to whole vectors. It has room for the w positions that one
/// position sees; a later one takes the place of that which leaves the window. A row of o depends only on its own
/// sequence, and the order of its sums only on its position. Its bits are the same however many sequences and rows a
/// replay continues.
struct CachedAttention: Operation {
  let heads: AttentionHeads
  /// The number T of positions of a sequence.
  let context: Int
  /// The number w of positions that the cache has room for, at most the context.
  let window: Int
  let scale: Float
  let positions: Continuation
  let keyCache: Tensor
  let valueCache: Tensor
  let output: Tensor

  var inputs: [Tensor] { heads.views.map(\.tensor) }
  /// A query, a score for each key, and a result.
  var scratch: Int { 2 * paddedDepth + roundedToCacheLine(window) }
  /// As if the cache were full.
  var flops: Flops { Flops(forward: 4 * Double(output.count) * Double(window)) }

  private var depth: Int { heads.depth }
  private var paddedDepth: Int { roundedToCacheLine(depth) }

  func forward(_ memory: Frame) {
    let slots = memory.integers(positions.slots)
    let starts = memory.integers(positions.starts)
    let counts = memory.integers(positions.counts)
    for sequence in 0..<positions.sequences {
      let (first, count) = (Int(starts[sequence]), Int(counts[sequence]))
      let cache = Cache(self, memory, slot: Int(slots[sequence]))
      for i in 0..<positions.rows {
        let row = sequence * positions.rows + i
        let o = memory.value(output) + row * output.columns
        guard i < count else {
          o.update(repeating: 0, count: output.columns)
          continue
        }
        cache.append(
          heads.start(of: heads.keys, in: memory.value(heads.keys.tensor), row: row),
          heads.start(of: heads.values, in: memory.value(heads.values.tensor), row: row), at: first + i)
        let queries = memory.value(heads.queries.tensor)
        for head in 0..<heads.count {
          attend(
            heads.start(of: heads.queries, in: queries, row: row, head: head), cache,
            head: head / heads.group, count: min(first + i + 1, window), into: o + head * depth,
            scratch: memory.scratch)
        }
      }
    }
  }

  func backward(_ memory: Frame) { preconditionFailure("cachedAttention has no gradient") }

  /// One query against the first `count` keys of a head in the cache.
  private func attend(
    _ q: Floats, _ cache: Cache, head: Int, count: Int, into o: Floats, scratch: Floats
  ) {
    let query = scratch
    let result = query + paddedDepth
    let weights = result + paddedDepth
    for d in 0..<depth { query[d] = scale * q[d] }
    let blocks = (count + laneCount - 1) / laneCount
    let last = weights + (blocks - 1) * laneCount
    let inLast = Int32(count - (blocks - 1) * laneCount)
    scoreBlocks(query, cache.keys(of: head), depth: depth, count: blocks, into: weights)
    store16(first16(load16(last), inLast, -.greatestFiniteMagnitude), last)
    let top = greatest(weights, count: count)
    for j in 0..<blocks * laneCount { weights[j] = exponential(weights[j] - top) }
    store16(first16(load16(last), inLast, 0), last)
    var sum: Float = 0
    for j in 0..<blocks * laneCount { sum = relaxed_add(sum, weights[j]) }
    mixRows(weights, cache.values(of: head), depth: paddedDepth, count: count, into: result)
    let factor = 1 / sum
    for d in 0..<depth { o[d] = factor * result[d] }
  }

  /// The cached keys and values of one sequence.
  private struct Cache {
    private let keys: Floats
    private let values: Floats
    private let heads: Int
    private let depth: Int
    private let paddedDepth: Int
    private let context: Int
    private let window: Int

    init(_ operation: CachedAttention, _ memory: Frame, slot: Int) {
      let capacity = operation.positions.capacity
      keys = memory.value(operation.keyCache) + slot * (operation.keyCache.count / capacity)
      values = memory.value(operation.valueCache) + slot * (operation.valueCache.count / capacity)
      (heads, context, window) = (operation.heads.keyCount, operation.context, operation.window)
      (depth, paddedDepth) = (operation.depth, operation.paddedDepth)
    }

    func keys(of head: Int) -> Floats { keys + head * roundedToCacheLine(window) * depth }
    func values(of head: Int) -> Floats { values + head * window * paddedDepth }

    /// Stores the keys and values of one position, given with heads side by side.
    func append(_ k: Floats, _ v: Floats, at position: Int) {
      precondition(position < context, "cachedAttention: position \(position) of \(context)")
      let place = position % window
      let (block, lane) = place.quotientAndRemainder(dividingBy: laneCount)
      for head in 0..<heads {
        let key = keys(of: head) + block * depth * laneCount + lane
        for d in 0..<depth { key[d * laneCount] = k[head * depth + d] }
        (values(of: head) + place * paddedDepth).update(from: v + head * depth, count: depth)
      }
    }
  }
}

/// s_b ← Σ_d q_d·k_bd for `count` blocks k_b (D, 16) of keys; D is a multiple of 4.
@inline(never)
private func scoreBlocks(_ q: Floats, _ k: Floats, depth: Int, count: Int, into s: Floats) {
  for block in 0..<count {
    let k = k + block * depth * laneCount
    // Four sums, so that none waits for the one before.
    var sums = InlineArray<4, floats16>(repeating: .zero)
    for d in stride(from: 0, to: depth, by: 4) {
      for e in 0..<4 { sums[e] = scale_add16(q[d + e], load16(k + (d + e) * laneCount), sums[e]) }
    }
    store16((sums[0] + sums[1]) + (sums[2] + sums[3]), s + block * laneCount)
  }
}

/// y ← Σ_j p_j·v_j over `count` rows (D) of values; D is a multiple of 16.
@inline(never)
func mixRows(_ p: Floats, _ v: Floats, depth: Int, count: Int, into y: Floats) {
  // Four sums, as above, of two vectors, which share the loads of p.
  for d in stride(from: 0, to: depth, by: 2 * laneCount) {
    let other = d + laneCount < depth ? laneCount : 0
    var sums = InlineArray<8, floats16>(repeating: .zero)
    var j = 0
    while j + 4 <= count {
      for r in 0..<4 {
        let row = v + (j + r) * depth + d
        sums[r] = scale_add16(p[j + r], load16(row), sums[r])
        sums[4 + r] = scale_add16(p[j + r], load16(row + other), sums[4 + r])
      }
      j += 4
    }
    while j < count {
      let row = v + j * depth + d
      sums[0] = scale_add16(p[j], load16(row), sums[0])
      sums[4] = scale_add16(p[j], load16(row + other), sums[4])
      j += 1
    }
    store16((sums[0] + sums[1]) + (sums[2] + sums[3]), y + d)
    if other > 0 { store16((sums[4] + sums[5]) + (sums[6] + sums[7]), y + d + other) }
  }
}

extension Recorder {
  /// Causal attention of new positions to themselves and to those in a cache, which they join: queries (S·N, H·D), keys and values (S·N, G·D), each used by H/G neighbouring heads of queries → (S·N, H·D).
  /// `scale` multiplies the scores. D must be a multiple of 4. Every position must be below `context`.
  ///
  /// - Parameter window: The number of positions that a position sees, from its own back, for which the cache has room;
  ///   nil for all.
  public func cachedAttention(
    queries: ColumnView, keys: ColumnView, values: ColumnView, heads: Int, context: Int, window: Int? = nil,
    scale: Float, _ positions: Continuation
  ) -> Tensor {
    let all = AttentionHeads("cachedAttention", queries: queries, keys: keys, values: values, count: heads)
    precondition(
      all.rows == positions.sequences * positions.rows,
      "cachedAttention: \(all.rows) rows for \(positions.sequences) sequences of \(positions.rows) rows")
    let window = min(window ?? context, context)
    precondition(window > 0, "cachedAttention: a window of \(window) positions")
    let (sequences, depth) = (positions.capacity, all.depth)
    return record(
      CachedAttention(
        heads: all, context: context, window: window, scale: scale, positions: positions,
        keyCache: state([sequences, all.keyCount, roundedToCacheLine(window) / laneCount, depth, laneCount]),
        valueCache: state([sequences, all.keyCount, window, roundedToCacheLine(depth)]),
        output: tensor([all.rows, all.columns], from: all.views.map(\.tensor))))
  }
}
