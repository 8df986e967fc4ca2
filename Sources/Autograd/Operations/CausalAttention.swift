import CBLAS
import Foundation

/// o_i = Σ_{i − w < j ≤ i} p_ij·v_j with p_i = softmax_j(s·q_i·k_j): each position looks back   (Vaswani et al. 2017)
/// at the w positions of its window, the last of which is its own   (Beltagy et al. 2020)
///
///     dv_j = Σ_i p_ij·do_i    e_ij = p_ij·(do_i·v_j − do_i·o_i)    dq_i = s·Σ_j e_ij·k_j    dk_j = s·Σ_i e_ij·q_i
///
/// q and o (B·T, H·D), k and v (B·T, G·D), which may be columns of one tensor (`AttentionHeads`). The statistic is the
/// logarithm of each softmax's sum, from which backward computes a row of p again: memory grows with T, not T². Pairs
/// outside all windows of a block of sixteen positions are not computed: time grows with T·w.
struct CausalAttention<Kernel: AttentionKernel>: Operation {
  let heads: AttentionHeads
  let context: Int
  /// The number w of positions that a position sees, itself included: at most the context.
  let window: Int
  let scale: Float
  let logSums: Tensor
  let output: Tensor
  private let viewed: ViewedTensors

  init(
    _ heads: AttentionHeads, context: Int, window: Int, scale: Float, logSums: Tensor, output: Tensor
  ) {
    (self.heads, self.context, self.window, self.scale) = (heads, context, window, scale)
    (self.logSums, self.output) = (logSums, output)
    viewed = ViewedTensors(heads.views)
  }

  var inputs: [Tensor] { viewed.tensors }
  var statistics: [Tensor] { [logSums] }
  var saved: [Tensor] { inputs + [output] }
  /// Unless gradients of other columns must be cleared first.
  var isShared: Bool { viewed.seesAllColumns }
  /// Forward: a score for each visible key and lane, two blocks (D, 16), and the packed keys and values of a head. Backward: two
  /// numbers for each query of a chunk and lane, a packed one, five blocks, the gradients of all queries, a number for
  /// each query, and the packed queries and gradients of the output of a head.
  var scratch: Int {
    let rows = Kernel.rowCount(context, depth: heads.depth)
    let pairs = Kernel.pairCount(context, depth: heads.depth)
    let forward = laneCount * mostKeys + 2 * block + rows + pairs
    let backward =
      2 * laneCount * chunk + 5 * block + context * paddedDepth + roundedToCacheLine(context)
      + 2 * (rows + pairs) + (rows > 0 ? laneCount * chunk : 0)
    return max(forward, output.needsGradient ? backward : 0)
  }

  var flops: Flops {
    // Two products forward, four backward, over the pairs i − w < j ≤ i.
    let pairs = Double(window) * (Double(window + 1) / 2 + Double(context - window))
    let product = 2 * Double(output.rows / context) * Double(output.columns) * pairs
    return Flops(forward: 2 * product, backward: 4 * product)
  }

  /// Full squares of scores, as a library without causal masks computes them. With windows, each block of w queries
  /// against the w keys before it and its own.
  var products: [Product] {
    let (d, w, count) = (heads.depth, window, output.rows / context * heads.count * quotient(context, window))
    let keys = min(2 * w, context)
    let square = Product(rows: w, columns: keys, inner: d, count: count)
    let narrow = Product(rows: w, columns: d, inner: keys, count: count)
    return output.needsGradient ? [square, narrow, square, narrow, narrow, narrow] : [square, narrow]
  }

  private var paddedDepth: Int { roundedToCacheLine(heads.depth) }
  /// The size of a vector of `laneCount` positions, its rows whole vectors.
  private var block: Int { laneCount * paddedDepth }
  /// The number of queries that backward processes together, so that their data stay in the L1 cache.
  private var chunk: Int { min(context, 128) }
  /// The most keys that sixteen queries see, and one more, because the first is even.
  private var mostKeys: Int { min(context, window + laneCount) }

  /// Sixteen queries at a time against all keys in their windows.
  func forward(_ memory: Frame) {
    let (width, depth, group) = (output.columns, heads.depth, heads.group)
    let (qStep, kStep, vStep) = (heads.queries.stride, heads.keys.stride, heads.values.stride)
    let weights = memory.scratch
    let queries = weights + laneCount * mostKeys
    let results = queries + block
    let packedKeys = results + block
    let packedValues = packedKeys + Kernel.rowCount(context, depth: depth)
    for unit in memory.share(of: output.rows / context * heads.keyCount) {
      let (sequence, keyHead) = unit.quotientAndRemainder(dividingBy: heads.keyCount)
      for head in keyHead * group..<(keyHead + 1) * group {
        let q = start(of: heads.queries, in: memory.value(heads.queries.tensor), sequence, head)
        let k = start(of: heads.keys, in: memory.value(heads.keys.tensor), sequence, keyHead)
        let v = start(of: heads.values, in: memory.value(heads.values.tensor), sequence, keyHead)
        let o = memory.value(output) + sequence * context * width + head * depth
        let logSums = memory.value(self.logSums) + (sequence * heads.count + head) * context
        let keys = Kernel.packRows(
          AttentionRows(start: k, step: kStep), depth: depth, count: context, to: packedKeys)
        let values = Kernel.packPairs(
          AttentionRows(start: v, step: vStep), depth: depth, count: context, to: packedValues)
        for first in stride(from: 0, to: context, by: laneCount) {
          let end = min(first + laneCount, context)
          // Even, because packed rows may hold two.
          let begin = max(0, first - window + 1) & ~1
          gather(
            q + first * qStep, count: end - first, step: qStep, depth: depth,
            scale: Kernel.scalesOperands ? scale : 1, into: queries)
          Kernel.packLanes(queries, depth: depth)
          let count = end - begin
          Kernel.score(
            queries, keys.from(begin), depth: depth, count: count, scale: scale, minus: nil, into: weights)
          hide(begin..<end, from: first, in: weights, as: -.greatestFiniteMagnitude)
          let top = reduce(weights, count: count, greater16)
          for j in 0..<count { store16(load16(weights + j * laneCount) - top, weights + j * laneCount) }
          exponentials(weights, count: count)
          hide(begin..<end, from: first, in: weights, as: 0)
          let sum = reduce(weights, count: count, add16)
          results.update(repeating: 0, count: depth * laneCount)
          Kernel.packWeights(weights, count: count)
          Kernel.mix(weights, values.from(begin), depth: depth, count: count, into: results)
          scatter(
            results, scale: floats16(repeating: 1) / sum, count: end - first, step: width, depth: depth,
            into: o + first * width, adding: false)
          // The scores are done with: the first row holds the statistic of all lanes.
          store16(sum, weights)
          for lane in 0..<laneCount { weights[lane] = logarithm(weights[lane]) }
          store16(load16(weights) + top, weights)
          (logSums + first).update(from: weights, count: end - first)
        }
      }
    }
  }

  /// Sixteen keys at a time against all queries that have them in their windows.
  func backward(_ memory: Frame) {
    let (width, depth, paddedDepth, group) = (output.columns, heads.depth, paddedDepth, heads.group)
    let (qStep, kStep, vStep) = (heads.queries.stride, heads.keys.stride, heads.values.stride)
    viewed.clearOtherColumns(memory)
    let (p, e) = (memory.scratch, memory.scratch + laneCount * chunk)
    let keys = e + laneCount * chunk
    let values = keys + block
    let dkeys = values + block
    let dvalues = dkeys + block
    let keyRows = dvalues + block
    let dqueries = keyRows + block
    let inner = dqueries + context * paddedDepth
    let queryRows = inner + roundedToCacheLine(context)
    let queryPairs = queryRows + Kernel.rowCount(context, depth: depth)
    let outRows = queryPairs + Kernel.pairCount(context, depth: depth)
    let outPairs = outRows + Kernel.rowCount(context, depth: depth)
    let blended = outPairs + Kernel.pairCount(context, depth: depth)
    let dq = viewed.gradient(of: heads.queries, memory)
    let dk = viewed.gradient(of: heads.keys, memory)
    let dv = viewed.gradient(of: heads.values, memory)
    let one = floats16(repeating: 1)
    for unit in memory.share(of: output.rows / context * heads.keyCount) {
      let (sequence, keyHead) = unit.quotientAndRemainder(dividingBy: heads.keyCount)
      for head in keyHead * group..<(keyHead + 1) * group {
        let q = start(of: heads.queries, in: memory.value(heads.queries.tensor), sequence, head)
        let k = start(of: heads.keys, in: memory.value(heads.keys.tensor), sequence, keyHead)
        let v = start(of: heads.values, in: memory.value(heads.values.tensor), sequence, keyHead)
        let o = memory.value(output) + sequence * context * width + head * depth
        let dout = memory.gradient(output) + sequence * context * width + head * depth
        let logSums = memory.value(self.logSums) + (sequence * heads.count + head) * context
        for i in 0..<context { inner[i] = dot(o + i * width, dout + i * width, count: depth) }
        dqueries.update(repeating: 0, count: context * paddedDepth)
        let queries = AttentionRows(start: q, step: qStep)
        let scoredQueries = Kernel.packRows(queries, depth: depth, count: context, to: queryRows)
        let mixedQueries = Kernel.packPairs(queries, depth: depth, count: context, to: queryPairs)
        let outs = AttentionRows(start: dout, step: width)
        let scoredOuts = Kernel.packRows(outs, depth: depth, count: context, to: outRows)
        let mixedOuts = Kernel.packPairs(outs, depth: depth, count: context, to: outPairs)
        for first in stride(from: 0, to: context, by: laneCount) {
          let here = min(laneCount, context - first)
          let end = min(context, first + here - 1 + window)
          gather(
            k + first * kStep, count: here, step: kStep, depth: depth,
            scale: Kernel.scalesOperands ? scale : 1, into: keys)
          gather(v + first * vStep, count: here, step: vStep, depth: depth, scale: 1, into: values)
          keyRows.update(repeating: 0, count: block)
          for j in 0..<here {
            for d in 0..<depth { keyRows[j * paddedDepth + d] = scale * k[(first + j) * kStep + d] }
          }
          Kernel.packLanes(keys, depth: depth)
          Kernel.packLanes(values, depth: depth)
          Kernel.packKeys(keyRows, depth: paddedDepth)
          dkeys.update(repeating: 0, count: 2 * block)
          for start in stride(from: first, to: end, by: chunk) {
            let count = min(chunk, end - start)
            Kernel.score(
              keys, scoredQueries.from(start), depth: depth, count: count, scale: scale,
              minus: logSums + start, into: p)
            Kernel.score(
              values, scoredOuts.from(start), depth: depth, count: count, scale: 1,
              minus: inner + start, into: e)
            exponentials(p, count: count)
            // A query sees no key that comes after it.
            for i in start..<max(start, min(start + count, first + laneCount)) {
              let row = p + (i - start) * laneCount
              store16(first16(load16(row), Int32(i - first + 1), 0), row)
            }
            // Nor one that is before its window.
            for i in min(start + count, max(start, first + window))..<start + count {
              let row = p + (i - start) * laneCount
              store16(after16(load16(row), Int32(i - first - window + 1), 0), row)
            }
            for i in 0..<count {
              let row = e + i * laneCount
              store16(load16(p + i * laneCount) * load16(row), row)
            }
            Kernel.packWeights(p, count: count)
            Kernel.mix(p, mixedOuts.from(start), depth: depth, count: count, into: dvalues)
            Kernel.blend(
              Kernel.packBlended(e, count: count, to: blended), keyRows, depth: paddedDepth, count: count,
              into: dqueries + start * paddedDepth)
            Kernel.packWeights(e, count: count)
            Kernel.mix(e, mixedQueries.from(start), depth: depth, count: count, into: dkeys)
          }
          // The first head of a group stores its gradient, the others add theirs.
          if let dk {
            scatter(
              dkeys, scale: floats16(repeating: scale), count: here, step: kStep, depth: depth,
              into: start(of: heads.keys, in: dk.start, sequence, keyHead) + first * kStep,
              adding: dk.adding || head % group > 0)
          }
          if let dv {
            scatter(
              dvalues, scale: one, count: here, step: vStep, depth: depth,
              into: start(of: heads.values, in: dv.start, sequence, keyHead) + first * vStep,
              adding: dv.adding || head % group > 0)
          }
        }
        guard let dq else { continue }
        let rows = start(of: heads.queries, in: dq.start, sequence, head)
        for i in 0..<context {
          store(dqueries + i * paddedDepth, in: rows + i * qStep, adding: dq.adding, count: depth)
        }
      }
    }
  }

  /// Where a head's first row of a sequence begins in the memory of a view's tensor.
  private func start(of view: ColumnView, in memory: Floats, _ sequence: Int, _ head: Int) -> Floats {
    heads.start(of: view, in: memory, row: sequence * context, head: head)
  }

  /// Puts `rest` where a query, a lane from `first` on, does not see the key, a row: where the key comes after it, or is
  /// before its window.
  @inline(__always)
  private func hide(_ keys: Range<Int>, from first: Int, in weights: Floats, as rest: Float) {
    for j in first..<keys.upperBound {
      let row = weights + (j - keys.lowerBound) * laneCount
      store16(after16(load16(row), Int32(j - first), rest), row)
    }
    for j in keys.prefix(max(0, first + laneCount - window - keys.lowerBound)) {
      let row = weights + (j - keys.lowerBound) * laneCount
      store16(first16(load16(row), Int32(j + window - first), rest), row)
    }
  }
}

extension Recorder {
  /// Causal attention within sequences of `context` positions: queries (B·T, H·D), keys and values (B·T, G·D), each used
  /// by H/G neighbouring heads of queries → (B·T, H·D). The views may be columns of one tensor, but must not overlap.
  /// `scale` multiplies the scores. D must be a multiple of 4.
  ///
  /// - Parameter window: The number of positions that a position sees, from its own back; nil for all.
  public func causalAttention(
    queries: ColumnView, keys: ColumnView, values: ColumnView, heads: Int, context: Int, window: Int? = nil,
    scale: Float
  ) -> Tensor {
    let all = AttentionHeads("causalAttention", queries: queries, keys: keys, values: values, count: heads)
    let window = min(window ?? context, context)
    precondition(
      all.rows.isMultiple(of: context) && window > 0,
      "causalAttention: \(all.rows) rows for \(context) positions, \(window) of which are visible")
    for (a, b) in [(queries, keys), (keys, values), (queries, values)] where a.tensor == b.tensor {
      precondition(!a.range.overlaps(b.range), "causalAttention: columns \(a.range) and \(b.range) overlap")
    }
    func attend<Kernel: AttentionKernel>(by _: Kernel.Type) -> Tensor {
      record(
        CausalAttention<Kernel>(
          all, context: context, window: window, scale: scale, logSums: tensor([all.rows * heads]),
          output: tensor([all.rows, all.columns], from: all.views.map(\.tensor))))
    }
    switch kernel {
    case .float32: return attend(by: FloatAttention.self)
    #if arch(x86_64)
      case .bfloat16(.amx), .bfloat16(.avx512): return attend(by: PairAttention.self)
    #endif
    case .bfloat16: return attend(by: RoundedAttention.self)
    }
  }
}
