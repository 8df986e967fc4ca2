import CBLAS

/// o_i = Σ_{j ≤ i} a_ij·v_j / n_i with a_ij = q_i·k_j and n_i = Σ_{j ≤ i} a_ij, for features q and k above 0
/// (Katharopoulos et al. 2020)
///
///     g_i = do_i/n_i    e_ij = g_i·v_j − g_i·o_i    dq_i = Σ_{j ≤ i} e_ij·k_j    dk_j = Σ_{i ≥ j} e_ij·q_i
///     dv_j = Σ_{i ≥ j} a_ij·g_i
///
/// q (B·T, H·F), k (B·T, G·F), v (B·T, G·D), o (B·T, H·D), which may be columns of one tensor. The statistic is n.
///
/// Pairs within a block of sixteen positions are computed as in attention. For all pairs with earlier blocks, o and dq
/// need only the sum S = Σ k_j·v_jᵀ, and for those with later blocks, dk and dv need only R = Σ q_i·g_iᵀ. So time grows
/// with T, and scratch memory does not. A value has a one after it and g has −g·o, so that the same products make n and e.
struct LinearAttention: Operation {
  let heads: LinearHeads
  let context: Int
  let norms: Tensor
  let output: Tensor
  private let viewed: ViewedTensors

  /// The least n, which keeps outputs finite where all products underflow.
  static var leastNorm: Float { 1e-30 }

  init(_ heads: LinearHeads, context: Int, norms: Tensor, output: Tensor) {
    (self.heads, self.context, self.norms, self.output) = (heads, context, norms, output)
    viewed = ViewedTensors(heads.views)
  }

  var inputs: [Tensor] { viewed.tensors }
  var statistics: [Tensor] { [norms] }
  var saved: [Tensor] { inputs + [output] }
  var scratch: Int { Block.size(heads, backward: output.needsGradient) }

  /// What makes the sums n is not counted, as for a softmax.
  var flops: Flops {
    let (h, g) = (Double(heads.count), Double(heads.keyCount))
    let (f, d) = (Double(heads.features), Double(heads.depth))
    let (blocks, rest) = context.quotientAndRemainder(dividingBy: laneCount)
    let pairs = Double((blocks * laneCount * (laneCount + 1) + rest * (rest + 1)) / 2)
    // The positions with a block before theirs, whose queries read a sum, and with one after it, whose keys join one.
    let readers = Double(max(0, context - laneCount))
    let read = Double(max(0, context - (rest > 0 ? rest : laneCount)))
    let forward = Double(output.rows / context) * 2 * (h * pairs * (f + d) + f * d * (h * readers + g * read))
    return Flops(forward: forward, backward: 2 * forward)
  }

  /// Of whole blocks.
  var products: [Product] {
    let (f, d, n) = (heads.features, heads.depth, laneCount)
    let blocks = output.rows / context * quotient(context, n)
    let (ofQueries, ofKeys) = (blocks * heads.count, blocks * heads.keyCount)
    let forward = [
      Product(rows: n, columns: n, inner: f, count: ofQueries),
      Product(rows: n, columns: d, inner: n, count: ofQueries),
      Product(rows: n, columns: d, inner: f, count: ofQueries),
      Product(rows: f, columns: d, inner: n, count: ofKeys),
    ]
    guard output.needsGradient else { return forward }
    return forward + [
      Product(rows: n, columns: n, inner: d, count: ofQueries),
      Product(rows: n, columns: f, inner: n, count: 2 * ofQueries),
      Product(rows: n, columns: d, inner: n, count: ofQueries),
      Product(rows: n, columns: f, inner: d, count: ofQueries + ofKeys),
      Product(rows: f, columns: d, inner: n, count: ofQueries),
      Product(rows: n, columns: d, inner: f, count: ofKeys),
    ]
  }

  /// Sixteen queries of all heads at a time.
  func forward(_ memory: Frame) {
    let block = Block(memory.scratch, heads)
    let (depth, features, wide) = (heads.depth, heads.features, heads.wide)
    let (norms, outputs) = (memory.value(norms), memory.value(output))
    block.clearValues()
    for sequence in 0..<output.rows / context {
      block.clearSums()
      for first in stride(from: 0, to: context, by: laneCount) {
        let (row, here) = (sequence * context + first, min(laneCount, context - first))
        for head in 0..<heads.count {
          let keyHead = head / heads.group
          let sums = block.sums(keyHead)
          let keys = heads.features(of: heads.keys, memory.value(heads.keys.tensor), row, keyHead)
          loadValues(memory, row, keyHead, count: here, into: block.values)
          gatherFeatures(of: heads.queries, memory, row, head, count: here, into: block.queries)
          score(
            block.queries, keys, step: heads.keys.stride, depth: features, count: here, into: block.weights)
          hideLater(in: block.weights, count: here)
          block.results.update(repeating: 0, count: heads.extended * laneCount)
          mix(
            block.weights, block.values, step: wide, depth: heads.extended, count: here, into: block.results)
          if first > 0 {
            mix(block.queries, sums, step: wide, depth: heads.extended, count: features, into: block.results)
          }
          let norm = greater16(
            load16(block.results + depth * laneCount), floats16(repeating: Self.leastNorm))
          scatter(
            block.results, scale: 1 / norm, count: here, step: output.columns, depth: depth,
            into: outputs + row * output.columns + head * depth, adding: false)
          store16(norm, block.weights)
          for r in 0..<here { norms[(row + r) * heads.count + head] = block.weights[r] }
          if isLast(head), first + laneCount < context { addKeys(memory, row, keyHead, to: sums, block) }
        }
      }
    }
  }

  func backward(_ memory: Frame) {
    let block = Block(memory.scratch, heads)
    block.clearValues()
    block.clearGradients()
    viewed.clearOtherColumns(memory)
    let dq = viewed.gradient(of: heads.queries, memory)
    let dk = viewed.gradient(of: heads.keys, memory)
    let dv = viewed.gradient(of: heads.values, memory)
    for start in stride(from: 0, to: output.rows, by: context) {
      if let dq { backwardOfQueries(memory, start, dq, block) }
      if dk != nil || dv != nil { backwardOfKeys(memory, start, dk, dv, block) }
    }
  }

  /// Sixteen queries of all heads at a time, from the first block, to sum S on the way.
  private func backwardOfQueries(_ memory: Frame, _ start: Int, _ dq: ViewedGradient, _ block: Block) {
    let (features, wide) = (heads.features, heads.wide)
    block.clearSums()
    for first in stride(from: 0, to: context, by: laneCount) {
      let (row, here) = (start + first, min(laneCount, context - first))
      for head in 0..<heads.count {
        let keyHead = head / heads.group
        let sums = block.sums(keyHead)
        let keys = heads.features(of: heads.keys, memory.value(heads.keys.tensor), row, keyHead)
        loadValues(memory, row, keyHead, count: here, into: block.values)
        loadGradients(memory, row, head, count: here, into: block.gradients)
        gather(
          block.gradients, count: laneCount, step: wide, depth: heads.extended, scale: 1,
          into: block.extended)
        score(
          block.extended, block.values, step: wide, depth: heads.depth + 1, count: here, into: block.slopes)
        hideLater(in: block.slopes, count: here)
        if first > 0 {
          score(
            block.extended, sums, step: wide, depth: heads.depth + 1, count: features, into: block.dfeatures)
        } else {
          block.dfeatures.update(repeating: 0, count: features * laneCount)
        }
        mix(block.slopes, keys, step: heads.keys.stride, depth: features, count: here, into: block.dfeatures)
        scatter(
          block.dfeatures, scale: floats16(repeating: 1), count: here, step: heads.queries.stride,
          depth: features, into: heads.features(of: heads.queries, dq.start, row, head), adding: dq.adding)
        if isLast(head), first + laneCount < context { addKeys(memory, row, keyHead, to: sums, block) }
      }
    }
  }

  /// Sixteen keys of all heads at a time, from the last block, to sum R on the way.
  private func backwardOfKeys(
    _ memory: Frame, _ start: Int, _ dk: ViewedGradient?, _ dv: ViewedGradient?, _ block: Block
  ) {
    let (depth, features, wide) = (heads.depth, heads.features, heads.wide)
    let one = floats16(repeating: 1)
    block.clearSums()
    for first in stride(from: 0, to: context, by: laneCount).reversed() {
      let (row, here) = (start + first, min(laneCount, context - first))
      for keyHead in 0..<heads.keyCount {
        let sums = block.sums(keyHead)
        gatherFeatures(of: heads.keys, memory, row, keyHead, count: here, into: block.keys)
        loadValues(memory, row, keyHead, count: here, into: block.values)
        gather(
          block.values, count: laneCount, step: wide, depth: heads.extended, scale: 1, into: block.extended)
        block.results.update(repeating: 0, count: depth * laneCount)
        if first + laneCount < context {
          mix(block.keys, sums, step: wide, depth: depth, count: features, into: block.results)
          score(block.extended, sums, step: wide, depth: depth + 1, count: features, into: block.dfeatures)
        } else {
          block.dfeatures.update(repeating: 0, count: features * laneCount)
        }
        for head in keyHead * heads.group..<(keyHead + 1) * heads.group {
          let queries = heads.features(of: heads.queries, memory.value(heads.queries.tensor), row, head)
          loadGradients(memory, row, head, count: here, into: block.gradients)
          score(
            block.keys, queries, step: heads.queries.stride, depth: features, count: here,
            into: block.weights)
          score(
            block.extended, block.gradients, step: wide, depth: depth + 1, count: here, into: block.slopes)
          hideEarlier(in: block.weights, count: here)
          hideEarlier(in: block.slopes, count: here)
          mix(block.weights, block.gradients, step: wide, depth: depth, count: here, into: block.results)
          mix(
            block.slopes, queries, step: heads.queries.stride, depth: features, count: here,
            into: block.dfeatures)
          if first > 0 {
            gatherFeatures(of: heads.queries, memory, row, head, count: here, into: block.queries)
            blend(block.queries, block.gradients, depth: wide, count: features, into: sums)
          }
        }
        if let dk {
          scatter(
            block.dfeatures, scale: one, count: here, step: heads.keys.stride, depth: features,
            into: heads.features(of: heads.keys, dk.start, row, keyHead), adding: dk.adding)
        }
        if let dv {
          scatter(
            block.results, scale: one, count: here, step: heads.values.stride, depth: depth,
            into: heads.value(dv.start, row, keyHead), adding: dv.adding)
        }
      }
    }
  }

  /// Whether no later head of queries has the same keys.
  private func isLast(_ head: Int) -> Bool { (head + 1).isMultiple(of: heads.group) }

  /// S ← S + Σ k_j·v_jᵀ over the whole block from `row` on, whose values are loaded.
  private func addKeys(_ memory: Frame, _ row: Int, _ keyHead: Int, to sums: Floats, _ block: Block) {
    gatherFeatures(of: heads.keys, memory, row, keyHead, count: laneCount, into: block.keys)
    blend(block.keys, block.values, depth: heads.wide, count: heads.features, into: sums)
  }

  private func gatherFeatures(
    of view: ColumnView, _ memory: Frame, _ row: Int, _ head: Int, count: Int, into lanes: Floats
  ) {
    gather(
      heads.features(of: view, memory.value(view.tensor), row, head), count: count, step: view.stride,
      depth: heads.features, scale: 1, into: lanes)
  }

  /// Rows of values, each with a one.
  private func loadValues(_ memory: Frame, _ row: Int, _ keyHead: Int, count: Int, into rows: Floats) {
    for r in 0..<count {
      let place = rows + r * heads.wide
      place.update(from: heads.value(memory.value(heads.values.tensor), row + r, keyHead), count: heads.depth)
      place[heads.depth] = 1
    }
  }

  /// Rows of g, each with −g·o.
  private func loadGradients(_ memory: Frame, _ row: Int, _ head: Int, count: Int, into rows: Floats) {
    let (depth, norms) = (heads.depth, memory.value(norms))
    for r in 0..<count {
      let place = rows + r * heads.wide
      let from = (row + r) * output.columns + head * depth
      let (o, dout) = (memory.value(output) + from, memory.gradient(output) + from)
      let factor = 1 / norms[(row + r) * heads.count + head]
      for d in 0..<depth { place[d] = factor * dout[d] }
      place[depth] = -dot(place, o, count: depth)
    }
  }

  /// Clears what belongs to keys, rows, after the query, a lane.
  private func hideLater(in weights: Floats, count: Int) {
    for j in 0..<count {
      store16(after16(load16(weights + j * laneCount), Int32(j), 0), weights + j * laneCount)
    }
  }

  /// Clears what belongs to queries, rows, before the key, a lane.
  private func hideEarlier(in weights: Floats, count: Int) {
    for i in 0..<count {
      store16(first16(load16(weights + i * laneCount), Int32(i + 1), 0), weights + i * laneCount)
    }
  }
}

/// The scratch memory of linear attention: sums over blocks, and what belongs to one block of sixteen positions.
private struct Block {
  /// S or R of all heads of keys (G, F, wide).
  private let sums: Floats
  /// Values, each with a one (16, wide).
  let values: Floats
  /// Lanes of results (wide, 16): of o and n, and backward of dv.
  let results: Floats
  /// Lanes of features (F, 16).
  let queries: Floats
  let keys: Floats
  /// a of pairs (16, 16).
  let weights: Floats
  /// Backward: g, each with −g·o (16, wide), lanes of these or of values (wide, 16), lanes of dq or dk (F, 16), and e of
  /// pairs (16, 16).
  let gradients: Floats
  let extended: Floats
  let dfeatures: Floats
  let slopes: Floats
  private let row: Int
  private let sumSize: Int
  private let sumCount: Int

  init(_ start: Floats, _ heads: LinearHeads) {
    row = laneCount * heads.wide
    let features = laneCount * heads.features
    sumSize = heads.features * heads.wide
    sumCount = heads.keyCount * sumSize
    sums = start
    values = sums + sumCount
    results = values + row
    queries = results + row
    keys = queries + features
    weights = keys + features
    gradients = weights + laneCount * laneCount
    extended = gradients + row
    dfeatures = extended + row
    slopes = dfeatures + features
  }

  /// The floats of a block.
  static func size(_ heads: LinearHeads, backward: Bool) -> Int {
    let (row, features, pairs) = (laneCount * heads.wide, laneCount * heads.features, laneCount * laneCount)
    return heads.keyCount * heads.features * heads.wide + 2 * row + 2 * features + pairs
      + (backward ? 2 * row + features + pairs : 0)
  }

  /// S or R (F, wide) of a head.
  func sums(_ keyHead: Int) -> Floats { sums + keyHead * sumSize }

  func clearSums() { sums.update(repeating: 0, count: sumCount) }

  /// Clears what is behind values, which stays so, and rows that no position fills, so that products with them are 0.
  func clearValues() { values.update(repeating: 0, count: row) }
  func clearGradients() { gradients.update(repeating: 0, count: row) }
}

extension Recorder {
  /// Causal attention within sequences of `context` positions, whose weights are the products of features: queries
  /// (B·T, H·F) and keys (B·T, G·F), above 0, and values (B·T, G·D), each used by H/G neighbouring heads of queries →
  /// (B·T, H·D). The views may be columns of one tensor, but must not overlap. F and D must be multiples of 4.
  public func linearAttention(
    queries: ColumnView, keys: ColumnView, values: ColumnView, heads: Int, context: Int
  ) -> Tensor {
    let all = LinearHeads("linearAttention", queries: queries, keys: keys, values: values, count: heads)
    precondition(
      all.rows.isMultiple(of: context), "linearAttention: \(all.rows) rows for \(context) positions")
    for (a, b) in [(queries, keys), (keys, values), (queries, values)] where a.tensor == b.tensor {
      precondition(!a.range.overlaps(b.range), "linearAttention: columns \(a.range) and \(b.range) overlap")
    }
    return record(
      LinearAttention(
        all, context: context, norms: tensor([all.rows * heads]),
        output: tensor([all.rows, all.columns], from: all.views.map(\.tensor))))
  }
}
