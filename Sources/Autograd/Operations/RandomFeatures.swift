import CBLAS

/// Positive random features, whose inner products estimate exp(s·q·k)   (Choromanski et al. 2020), but for a factor of
/// each query, which the normalisation of linear attention cancels:
///
///     keys:    y_f = exp(w_f·x' − |x'|²/2) + ε    dz_f = dy_f·(y_f − ε)             dx' = Σ_f dz_f·(w_f − x')
///     queries: y_f = softmax_f(w_f·x')            dz_f = y_f·(dy_f − Σ_g dy_g·y_g)  dx' = Σ_f dz_f·w_f
///
///     x' = √s·x    dw_f = Σ dz_f·x'
///
/// x (R, columns), heads of width D; w (F, D); y (R, heads·F). As a softmax, features of queries cannot overflow. With
/// ε, the sum of a query's weights is never 0.
struct RandomFeatures: Operation {
  let x: ColumnView
  let weight: Tensor
  let side: AttentionSide
  /// √s
  let scale: Float
  let output: Tensor
  private let viewed: ViewedTensors

  /// ε
  private static var floor: Float { 1e-6 }

  init(_ x: ColumnView, _ weight: Tensor, _ side: AttentionSide, scale: Float, output: Tensor) {
    (self.x, self.weight, self.side, self.scale, self.output) = (x, weight, side, scale, output)
    viewed = ViewedTensors([x])
  }

  private var depth: Int { weight.columns }
  private var count: Int { weight.rows }
  private var heads: Int { x.count / depth }
  private var paddedDepth: Int { roundedToCacheLine(depth) }

  var inputs: [Tensor] { [x.tensor, weight] }
  var saved: [Tensor] { [x.tensor, weight, output] }
  /// Of sixteen rows x' and the gradient, in lanes, and features and theirs; rows x' and the gradient of w, in whole
  /// vectors.
  var scratch: Int {
    laneCount * (2 * depth + 2 * count) + (weight.needsGradient ? (laneCount + count) * paddedDepth : 0)
  }

  var flops: Flops {
    let product = 2 * Double(x.rows * x.count) * Double(count)
    return Flops(
      forward: product,
      backward: (x.tensor.needsGradient ? product : 0) + (weight.needsGradient ? product : 0))
  }

  var products: [Product] {
    let (r, d, f) = (x.rows, depth, count)
    let ofInput = x.tensor.needsGradient ? [Product(rows: r, columns: d, inner: f, count: heads)] : []
    let ofWeight = weight.needsGradient ? [Product(rows: f, columns: d, inner: r, count: heads)] : []
    return [Product(rows: r, columns: f, inner: d, count: heads)] + ofWeight + ofInput
  }

  /// Sixteen rows of a head at a time.
  func forward(_ memory: Frame) {
    let weights = memory.value(weight)
    let lanes = memory.scratch
    let features = lanes + laneCount * depth
    for first in stride(from: 0, to: x.rows, by: laneCount) {
      let here = min(laneCount, x.rows - first)
      for head in 0..<heads {
        gather(
          memory.value(x.tensor) + place(first, head), count: here, step: x.stride, depth: depth,
          scale: scale, into: lanes)
        score(lanes, weights, step: depth, depth: depth, count: count, into: features)
        let least =
          switch side {
          case .keys: halfSquares(lanes)
          case .queries: reduce(features, count: count, greater16)
          }
        for f in 0..<count { store16(load16(features + f * laneCount) - least, features + f * laneCount) }
        exponentials(features, count: count)
        var factor = floats16(repeating: 1)
        switch side {
        case .keys: for i in 0..<count * laneCount { features[i] += Self.floor }
        case .queries: factor = factor / reduce(features, count: count, add16)
        }
        scatter(
          features, scale: factor, count: here, step: output.columns, depth: count,
          into: memory.value(output) + outputPlace(first, head), adding: false)
      }
    }
  }

  func backward(_ memory: Frame) {
    let weights = memory.value(weight)
    let lanes = memory.scratch
    let dlanes = lanes + laneCount * depth
    let features = dlanes + laneCount * depth
    let slopes = features + laneCount * count
    let rows = slopes + laneCount * count
    let dweights = rows + laneCount * paddedDepth
    viewed.clearOtherColumns(memory)
    let dx = viewed.gradient(of: x, memory)
    if weight.needsGradient { rows.update(repeating: 0, count: (laneCount + count) * paddedDepth) }
    for first in stride(from: 0, to: x.rows, by: laneCount) {
      let here = min(laneCount, x.rows - first)
      for head in 0..<heads {
        let source = memory.value(x.tensor) + place(first, head)
        let made = outputPlace(first, head)
        gather(
          memory.value(output) + made, count: here, step: output.columns, depth: count, scale: 1,
          into: features)
        gather(
          memory.gradient(output) + made, count: here, step: output.columns, depth: count, scale: 1,
          into: slopes)
        switch side {
        case .keys: for i in 0..<count * laneCount { slopes[i] *= features[i] - Self.floor }
        case .queries:
          for i in 0..<count * laneCount { slopes[i] *= features[i] }
          let total = reduce(slopes, count: count, add16)
          for f in 0..<count {
            let slope = slopes + f * laneCount
            store16(load16(slope) - total * load16(features + f * laneCount), slope)
          }
        }
        if let dx {
          dlanes.update(repeating: 0, count: depth * laneCount)
          mix(slopes, weights, step: depth, depth: depth, count: count, into: dlanes)
          if side == .keys {
            gather(source, count: here, step: x.stride, depth: depth, scale: scale, into: lanes)
            let total = reduce(slopes, count: count, add16)
            for d in 0..<depth {
              let dlane = dlanes + d * laneCount
              store16(load16(dlane) - total * load16(lanes + d * laneCount), dlane)
            }
          }
          scatter(
            dlanes, scale: floats16(repeating: scale), count: here, step: x.stride, depth: depth,
            into: dx.start + place(first, head), adding: dx.adding)
        }
        if weight.needsGradient {
          for r in 0..<here {
            for d in 0..<depth { rows[r * paddedDepth + d] = scale * source[r * x.stride + d] }
          }
          blend(slopes, rows, depth: paddedDepth, count: count, into: dweights)
        }
      }
    }
    guard weight.needsGradient else { return }
    for f in 0..<count {
      store(
        dweights + f * paddedDepth, in: memory.gradient(weight) + f * depth, adding: memory.accumulates(1),
        count: depth)
    }
  }

  /// Where a row of a head begins in the memory of x.
  private func place(_ row: Int, _ head: Int) -> Int { row * x.stride + x.first + head * depth }

  /// Where a row of a head begins in the memory of the output.
  private func outputPlace(_ row: Int, _ head: Int) -> Int { row * output.columns + head * count }

  /// |x'|²/2 of the lanes x' (D, 16).
  private func halfSquares(_ x: Floats) -> floats16 {
    var sum = floats16.zero
    for d in 0..<depth { sum += load16(x + d * laneCount) * load16(x + d * laneCount) }
    return 0.5 * sum
  }
}

/// What features are made of.
public enum AttentionSide: Sendable {
  case queries
  case keys
}

extension Recorder {
  /// Positive random features of the columns of x, heads of queries or of keys (R, heads·D), for scores that `scale`
  /// multiplies: weight (F, D) → (R, heads·F). D and F must be multiples of 4.
  public func randomFeatures(_ x: ColumnView, _ weight: Tensor, of side: AttentionSide, scale: Float)
    -> Tensor
  {
    let (features, depth) = (weight.rows, weight.columns)
    precondition(
      weight.shape.count == 2 && x.count.isMultiple(of: depth) && depth.isMultiple(of: 4)
        && features.isMultiple(of: 4),
      "randomFeatures: columns \(x.range) of \(x.tensor.shape) against \(weight.shape)")
    return record(
      RandomFeatures(
        x, weight, side, scale: scale.squareRoot(),
        output: tensor([x.rows, x.count / depth * features], from: [x.tensor, weight])))
  }
}
