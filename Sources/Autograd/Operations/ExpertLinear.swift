/// y_p = x_p·W_e + b_e, with e the expert that place p belongs to; 0 at unused places
///
///     dx_p = dy_p·W_eᵀ    dW_e = Σ_{p of e} x_pᵀ·dy_p    db_e = Σ_{p of e} dy_p
///
/// x (places, K), W (E, K, N), b (E, N), y (places, N). The places of an expert are contiguous, so that each expert is
/// one matrix product.
struct ExpertLinear: Operation {
  let x: Tensor
  let weight: Tensor
  let bias: Tensor?
  let routes: Routes
  let output: Tensor
  let kernel: ProductKernel

  private var inner: Int { x.columns }

  var inputs: [Tensor] { [x, weight] + (bias.map { [$0] } ?? []) }
  var saved: [Tensor] { [x, weight] }
  var isShared: Bool { true }
  /// Of as many rows as there are places.
  var flops: Flops { flops(places: x.rows) }

  /// Unused places are not computed.
  func spared(_ arena: Arena) -> Flops {
    flops(places: x.rows - Int(arena.integers(routes.starts)[routes.experts]))
  }

  private func flops(places: Int) -> Flops {
    let product = 2 * Double(places) * Double(inner) * Double(output.columns)
    return Flops(
      forward: product, backward: (x.needsGradient ? product : 0) + (weight.needsGradient ? product : 0))
  }

  /// Those of an even load.
  var products: [Product] {
    let (r, k, n) = (max(1, x.rows / routes.experts), inner, output.columns)
    let ofInput = x.needsGradient ? [Product(rows: r, columns: k, inner: n, count: routes.experts)] : []
    let ofWeight = weight.needsGradient ? [Product(rows: k, columns: n, inner: r, count: routes.experts)] : []
    return [Product(rows: r, columns: n, inner: k, count: routes.experts)] + ofWeight + ofInput
  }

  /// The three products' packed operands; one expert may have all places.
  var scratch: Int {
    let (r, k, n) = (x.rows, inner, output.columns)
    return max(
      kernel.scratchCount(inner: k, columns: n), kernel.scratchCount(inner: n, columns: k),
      kernel.scratchCount(inner: r, columns: n))
  }

  func forward(_ memory: Frame) {
    let mine = kernel.share(of: routes.taken(memory), in: memory)
    for expert in 0..<routes.experts {
      let places = places(expert, memory).clamped(to: mine)
      guard !places.isEmpty else { continue }
      let y = rows(places, of: memory.value(output), output)
      kernel.multiply(
        rows(places, of: memory.value(x), x), matrix(expert, of: memory.value(weight)), into: y,
        plus: bias.map { Matrix(memory.value($0) + expert * y.columns, y.rows, y.columns, stride: 0) },
        scratch: memory.scratch)
    }
    clearUnused(memory.value(output), output, routes, memory)
  }

  func backward(_ memory: Frame) {
    let mine = kernel.share(of: routes.taken(memory), in: memory)
    for expert in 0..<routes.experts {
      let all = places(expert, memory)
      let dy = rows(all, of: memory.gradient(output), output)
      if let bias, bias.needsGradient {
        sumColumns(
          memory.share(of: dy.columns), of: dy.start, rows: dy.rows, columns: dy.columns,
          into: memory.gradient(bias) + expert * dy.columns, adding: memory.accumulates(2))
      }
      if weight.needsGradient {
        let dw = matrix(expert, of: memory.gradient(weight))
        if !all.isEmpty {
          kernel.multiply(
            rows(all, of: memory.value(x), x).transposed, dy, into: dw,
            plus: memory.accumulates(1) ? dw : nil, in: memory)
        } else if !memory.accumulates(1) {
          let share = memory.share(of: dw.rows * dw.columns)
          (dw.start + share.lowerBound).update(repeating: 0, count: share.count)
        }
      }
      let some = all.clamped(to: mine)
      if x.needsGradient && !some.isEmpty {
        let dx = rows(some, of: memory.gradient(x), x)
        kernel.multiply(
          rows(some, of: memory.gradient(output), output),
          matrix(expert, of: memory.value(weight)).transposed, into: dx,
          plus: memory.accumulates(0) ? dx : nil, scratch: memory.scratch)
      }
    }
    if x.needsGradient && !memory.accumulates(0) { clearUnused(memory.gradient(x), x, routes, memory) }
  }

  private func places(_ expert: Int, _ memory: Frame) -> Range<Int> {
    let starts = memory.integers(routes.starts)
    return Int(starts[expert])..<Int(starts[expert + 1])
  }

  private func rows(_ places: Range<Int>, of values: Floats, _ tensor: Tensor) -> Matrix {
    Matrix(values + places.lowerBound * tensor.columns, places.count, tensor.columns)
  }

  private func matrix(_ expert: Int, of weights: Floats) -> Matrix {
    Matrix(weights + expert * inner * output.columns, inner, output.columns)
  }
}

extension Recorder {
  /// Each expert's linear map of its own rows: x (places, K), weight (E, K, N), bias (E, N) → (places, N).
  public func expertLinear(_ x: Tensor, _ weight: Tensor, bias: Tensor? = nil, _ routes: Routes) -> Tensor {
    let n = weight.columns
    precondition(
      weight.shape == [routes.experts, x.columns, n] && x.rows == routes.places,
      "expertLinear: x \(x.shape) against weight \(weight.shape), \(routes.places) places")
    precondition(
      bias == nil || bias?.shape == [routes.experts, n],
      "expertLinear: bias \(bias?.shape ?? []) for \(routes.experts) experts of \(n) columns")
    let inputs = [x, weight] + (bias.map { [$0] } ?? [])
    return record(
      ExpertLinear(
        x: x, weight: weight, bias: bias, routes: routes, output: tensor([x.rows, n], from: inputs),
        kernel: kernel))
  }
}
