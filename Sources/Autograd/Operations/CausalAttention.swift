import CBLAS
import Foundation

/// o_i = Σ_{j ≤ i} p_ij·v_j with p_i = softmax_j(s·q_i·k_j): each position looks back   (Vaswani et al. 2017)
///
///     dv_j = Σ_i p_ij·do_i    e_ij = p_ij·(do_i·v_j − do_i·o_i)    dq_i = s·Σ_j e_ij·k_j    dk_j = s·Σ_i e_ij·q_i
///
/// x (B·T, 3·H·D) holds queries, keys and values, heads within each; o (B·T, H·D). The statistic is the logarithm
/// of each softmax's sum, from which backward computes a row of p again: memory grows with T, not T².
struct CausalAttention: Operation {
  let x: Tensor
  let heads: Int
  let context: Int
  let scale: Float
  let logSums: Tensor
  let output: Tensor

  var inputs: [Tensor] { [x] }
  var statistics: [Tensor] { [logSums] }
  var saved: [Tensor] { [x, output] }
  /// Forward a score for each key and lane, and two blocks (D, 16); backward, which needs more, two numbers for each
  /// query of a chunk and lane, five blocks, the gradients of all queries and a number for each query.
  var scratch: Int {
    let forward = laneCount * context + 2 * block
    let backward = 2 * laneCount * chunk + 5 * block + context * paddedDepth + roundedToCacheLine(context)
    return max(forward, x.needsGradient ? backward : 0)
  }
  var flops: Flops {
    // Two products forward, four backward, over the pairs j ≤ i.
    let pairs = Double(context) * Double(context + 1) / 2
    let product = 2 * Double(x.rows / context) * Double(output.columns) * pairs
    return Flops(forward: 2 * product, backward: 4 * product)
  }

  /// Whole squares of scores, as a library that knows nothing of causality computes them.
  var products: [Product] {
    let (d, t, count) = (headDimension, context, x.rows / context * heads)
    let square = Product(rows: t, columns: t, inner: d, count: count)
    let narrow = Product(rows: t, columns: d, inner: t, count: count)
    return x.needsGradient ? [square, narrow, square, narrow, narrow, narrow] : [square, narrow]
  }

  private var headDimension: Int { output.columns / heads }
  private var paddedDepth: Int { roundedToCacheLine(headDimension) }
  /// The size of a vector of `laneCount` positions, its rows whole vectors.
  private var block: Int { laneCount * paddedDepth }
  /// The queries that backward looks at together: their numbers stay in the first-level cache.
  private var chunk: Int { min(context, 128) }

  /// Sixteen queries at a time against all keys before them.
  func forward(_ memory: Frame) {
    let (width, depth) = (output.columns, headDimension)
    let step = 3 * width
    let weights = memory.scratch
    let queries = weights + laneCount * context
    let results = queries + block
    for window in 0..<x.rows / context {
      for head in 0..<heads {
        let q = memory.value(x) + window * context * step + head * depth
        let (k, v) = (q + width, q + 2 * width)
        let o = memory.value(output) + window * context * width + head * depth
        let logSums = memory.value(self.logSums) + (window * heads + head) * context
        for first in stride(from: 0, to: context, by: laneCount) {
          let end = min(first + laneCount, context)
          gather(q + first * step, count: end - first, step: step, depth: depth, scale: scale, into: queries)
          score(queries, k, step: step, depth: depth, count: end, into: weights)
          keepLater(than: first, end, of: weights, rest: -.greatestFiniteMagnitude)
          let top = reduce(weights, count: end, greater16)
          for j in 0..<end { store16(load16(weights + j * laneCount) - top, weights + j * laneCount) }
          exponentials(weights, count: end)
          keepLater(than: first, end, of: weights, rest: 0)
          let sum = reduce(weights, count: end, add16)
          results.update(repeating: 0, count: depth * laneCount)
          mix(weights, v, step: step, depth: depth, count: end, into: results)
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

  /// Sixteen keys at a time against all queries after them.
  func backward(_ memory: Frame) {
    let (width, depth, paddedDepth) = (output.columns, headDimension, paddedDepth)
    let step = 3 * width
    let (p, e) = (memory.scratch, memory.scratch + laneCount * chunk)
    let keys = e + laneCount * chunk
    let values = keys + block
    let dkeys = values + block
    let dvalues = dkeys + block
    let keyRows = dvalues + block
    let dqueries = keyRows + block
    let inner = dqueries + context * paddedDepth
    let adding = memory.accumulates(0)
    let one = floats16(repeating: 1)
    for window in 0..<x.rows / context {
      for head in 0..<heads {
        let q = memory.value(x) + window * context * step + head * depth
        let (k, v) = (q + width, q + 2 * width)
        let dq = memory.gradient(x) + window * context * step + head * depth
        let o = memory.value(output) + window * context * width + head * depth
        let dout = memory.gradient(output) + window * context * width + head * depth
        let logSums = memory.value(self.logSums) + (window * heads + head) * context
        for i in 0..<context { inner[i] = dot(o + i * width, dout + i * width, count: depth) }
        dqueries.update(repeating: 0, count: context * paddedDepth)
        for first in stride(from: 0, to: context, by: laneCount) {
          let here = min(laneCount, context - first)
          gather(k + first * step, count: here, step: step, depth: depth, scale: scale, into: keys)
          gather(v + first * step, count: here, step: step, depth: depth, scale: 1, into: values)
          keyRows.update(repeating: 0, count: block)
          for j in 0..<here {
            for d in 0..<depth { keyRows[j * paddedDepth + d] = scale * k[(first + j) * step + d] }
          }
          dkeys.update(repeating: 0, count: 2 * block)
          for start in stride(from: first, to: context, by: chunk) {
            let count = min(chunk, context - start)
            let (q, dout) = (q + start * step, dout + start * width)
            score(keys, q, step: step, depth: depth, count: count, into: p)
            score(values, dout, step: width, depth: depth, count: count, into: e)
            for i in 0..<count {
              let row = p + i * laneCount
              store16(load16(row) - floats16(repeating: logSums[start + i]), row)
            }
            exponentials(p, count: count)
            // A query sees no key that comes after it.
            for i in start..<max(start, min(start + count, first + laneCount)) {
              let row = p + (i - start) * laneCount
              store16(first16(load16(row), Int32(i - first + 1), 0), row)
            }
            for i in 0..<count {
              let row = e + i * laneCount
              store16(load16(p + i * laneCount) * (load16(row) - floats16(repeating: inner[start + i])), row)
            }
            mix(p, dout, step: width, depth: depth, count: count, into: dvalues)
            mix(e, q, step: step, depth: depth, count: count, into: dkeys)
            blend(e, keyRows, depth: paddedDepth, count: count, into: dqueries + start * paddedDepth)
          }
          let (dk, dv) = (dq + width + first * step, dq + 2 * width + first * step)
          scatter(
            dkeys, scale: floats16(repeating: scale), count: here, step: step, depth: depth, into: dk,
            adding: adding)
          scatter(dvalues, scale: one, count: here, step: step, depth: depth, into: dv, adding: adding)
        }
        for i in 0..<context {
          store(dqueries + i * paddedDepth, in: dq + i * step, adding: adding, count: depth)
        }
      }
    }
  }

  /// Puts `rest` where the key, a row from `first` to `end`, comes after the query, a lane from `first` on.
  @inline(__always)
  private func keepLater(than first: Int, _ end: Int, of weights: Floats, rest: Float) {
    for j in first..<end {
      let row = weights + j * laneCount
      store16(after16(load16(row), Int32(j - first), rest), row)
    }
  }
}

extension Recorder {
  /// Causal attention within windows of `context` positions: x (B·T, 3·H·D) holds queries, keys and values of
  /// `heads` heads → (B·T, H·D). `scale` multiplies the scores. D must be a multiple of 4.
  public func causalAttention(_ x: Tensor, heads: Int, context: Int, scale: Float) -> Tensor {
    precondition(
      x.columns.isMultiple(of: 12 * heads) && x.rows.isMultiple(of: context),
      "causalAttention: x \(x.shape) with \(heads) heads and windows of \(context)")
    return record(
      CausalAttention(
        x: x, heads: heads, context: context, scale: scale, logSums: tensor([x.rows * heads]),
        output: tensor([x.rows, x.columns / 3], from: [x])))
  }
}
