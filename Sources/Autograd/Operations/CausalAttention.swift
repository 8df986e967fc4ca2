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
  /// Two blocks of rows (4, T), keys, values and their gradients (D, T), and four blocks of vectors (4, D).
  var scratch: Int { 2 * queryBlock * padded + 4 * headDimension * padded + 4 * queryBlock * headDimension }
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
  private var padded: Int { roundedToCacheLine(context) }

  func forward(_ memory: Frame) {
    let (width, depth, stride) = (output.columns, headDimension, padded)
    let rows = memory.scratch
    let keys = rows + 2 * queryBlock * stride
    let values = keys + depth * stride
    let queries = values + depth * stride
    let results = queries + queryBlock * depth
    let sums = results + queryBlock * depth
    for window in 0..<x.rows / context {
      for head in 0..<heads {
        let q = memory.value(x) + window * context * 3 * width + head * depth
        let o = memory.value(output) + window * context * width + head * depth
        let logSums = memory.value(self.logSums) + (window * heads + head) * context
        gather(q + width, into: keys)
        gather(q + 2 * width, into: values)
        for first in Swift.stride(from: 0, to: context, by: queryBlock) {
          let block = first..<min(first + queryBlock, context)
          let count = roundedToCacheLine(block.upperBound)
          copyRows(block, of: q, step: 3 * width, scale: scale, into: queries)
          combine(queries, keys, stride: stride, depth: depth, count: count, into: rows)
          for i in block {
            let row = rows + (i - first) * stride
            keepFirst(i + 1, of: row, count: count, rest: -.greatestFiniteMagnitude)
            let top = greatest16(row, count: count)
            exponentials(row, minus: top, count: count)
            keepFirst(i + 1, of: row, count: count, rest: 0)
            let sum = sum16(row, count: count)
            logSums[i] = top + log(sum)
            sums[i - first] = sum
          }
          project(rows, values, stride: stride, depth: depth, count: count, into: results)
          for i in block {
            let (from, to, inverse) = (results + (i - first) * depth, o + i * width, 1 / sums[i - first])
            for d in 0..<depth { to[d] = inverse * from[d] }
          }
        }
      }
    }
  }

  func backward(_ memory: Frame) {
    let (width, depth, stride) = (output.columns, headDimension, padded)
    let (p, e) = (memory.scratch, memory.scratch + queryBlock * stride)
    let keys = e + queryBlock * stride
    let values = keys + depth * stride
    let dkeys = values + depth * stride
    let dvalues = dkeys + depth * stride
    let queries = dvalues + depth * stride
    let dqueries = queries + queryBlock * depth
    let doutputs = dqueries + queryBlock * depth
    let adding = memory.accumulates(0)
    for window in 0..<x.rows / context {
      for head in 0..<heads {
        let q = memory.value(x) + window * context * 3 * width + head * depth
        let dq = memory.gradient(x) + window * context * 3 * width + head * depth
        let o = memory.value(output) + window * context * width + head * depth
        let dout = memory.gradient(output) + window * context * width + head * depth
        let logSums = memory.value(self.logSums) + (window * heads + head) * context
        gather(q + width, into: keys)
        gather(q + 2 * width, into: values)
        dkeys.update(repeating: 0, count: 2 * depth * stride)
        for first in Swift.stride(from: 0, to: context, by: queryBlock) {
          let block = first..<min(first + queryBlock, context)
          let count = roundedToCacheLine(block.upperBound)
          copyRows(block, of: q, step: 3 * width, scale: scale, into: queries)
          copyRows(block, of: dout, step: width, scale: 1, into: doutputs)
          combine(queries, keys, stride: stride, depth: depth, count: count, into: p)
          combine(doutputs, values, stride: stride, depth: depth, count: count, into: e)
          for i in block {
            let (p, e) = (p + (i - first) * stride, e + (i - first) * stride)
            let (logSum, inner) = (logSums[i], dot(o + i * width, dout + i * width, count: depth))
            exponentials(p, minus: logSum, count: count)
            keepFirst(i + 1, of: p, count: count, rest: 0)
            for j in Swift.stride(from: 0, to: count, by: keyBlock) {
              store16(load16(p + j) * (load16(e + j) - inner), e + j)
            }
          }
          // Rows of the block beyond the last query count for nothing: their vectors are zero.
          spread(doutputs, p, stride: stride, depth: depth, count: count, into: dvalues)
          spread(queries, e, stride: stride, depth: depth, count: count, into: dkeys)
          project(e, keys, stride: stride, depth: depth, count: count, into: dqueries)
          for i in block {
            let (from, to) = (dqueries + (i - first) * depth, dq + i * 3 * width)
            for d in 0..<depth { to[d] = adding ? to[d] + scale * from[d] : scale * from[d] }
          }
        }
        scatter(dkeys, into: dq + width, adding: adding)
        scatter(dvalues, into: dq + 2 * width, adding: adding)
      }
    }
  }

  /// The vectors (D) of a block of positions, `step` apart, times `scale`, as (4, D); zero beyond the block.
  private func copyRows(_ block: Range<Int>, of from: Floats, step: Int, scale: Float, into to: Floats) {
    let depth = headDimension
    for r in 0..<queryBlock {
      let isThere = r < block.count
      for d in 0..<depth { to[r * depth + d] = isThere ? scale * from[(block.lowerBound + r) * step + d] : 0 }
    }
  }

  /// One head's keys or values (T, D), rows 3·H·D apart, as (D, T); beyond T the last position's again.
  private func gather(_ from: Floats, into to: Floats) {
    let (depth, stride, step) = (headDimension, padded, 3 * output.columns)
    for t in Swift.stride(from: 0, to: context, by: keyBlock) {
      for d in Swift.stride(from: 0, to: depth, by: 4) {
        func row(_ i: Int) -> Floats { from + min(t + i, context - 1) * step + d }
        func rows(_ i: Int) -> floats16 { load4x4(row(i), row(i + 1), row(i + 2), row(i + 3)) }
        let turned = unzip(unzip((rows(0), rows(4), rows(8), rows(12))))
        let column = to + d * stride + t
        store16(turned.0, column)
        store16(turned.1, column + stride)
        store16(turned.2, column + 2 * stride)
        store16(turned.3, column + 3 * stride)
      }
    }
  }

  /// The way back: (D, T) to rows 3·H·D apart.
  private func scatter(_ from: Floats, into to: Floats, adding: Bool) {
    let (depth, stride, step) = (headDimension, padded, 3 * output.columns)
    for t in Swift.stride(from: 0, to: context, by: keyBlock) {
      for d in Swift.stride(from: 0, to: depth, by: 4) {
        let column = from + d * stride + t
        let x = (load16(column), load16(column + stride))
        let y = (load16(column + 2 * stride), load16(column + 3 * stride))
        let turned = unzip(unzip(unzip(unzip((x.0, x.1, y.0, y.1)))))
        func put(_ rows: floats16, at first: Int) {
          for r in 0..<4 where first + r < context {
            let row = to + (first + r) * step + d
            for e in 0..<4 { row[e] = adding ? row[e] + rows[4 * r + e] : rows[4 * r + e] }
          }
        }
        put(turned.0, at: t)
        put(turned.1, at: t + 4)
        put(turned.2, at: t + 8)
        put(turned.3, at: t + 12)
      }
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
