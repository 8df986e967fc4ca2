/// y = s·x·W + b
///
///     dx = s·dy·Wᵀ    dW = s·xᵀ·dy    db = Σ_rows dy
///
/// x (…, K), W (K, N) or transposed (N, K), b (N), y (…, N); s is a fixed scale.
struct Linear: Operation {
  let x: Tensor
  let weight: Tensor
  let bias: Tensor?
  let scale: Float
  let isTransposed: Bool
  let output: Tensor
  let kernel: ProductKernel

  var inputs: [Tensor] { [x, weight] + (bias.map { [$0] } ?? []) }
  var saved: [Tensor] { [x, weight] }
  var isShared: Bool { true }
  var flops: Flops {
    let product = 2 * Double(x.rows) * Double(x.columns) * Double(output.columns)
    return Flops(
      forward: product, backward: (x.needsGradient ? product : 0) + (weight.needsGradient ? product : 0))
  }

  var products: [Product] {
    let (r, k, n) = (x.rows, x.columns, output.columns)
    let ofInput = x.needsGradient ? [Product(rows: r, columns: k, inner: n, count: 1)] : []
    let ofWeight = weight.needsGradient ? [Product(rows: k, columns: n, inner: r, count: 1)] : []
    return [Product(rows: r, columns: n, inner: k, count: 1)] + ofInput + ofWeight
  }

  private func matrix(_ weight: Floats) -> Matrix {
    isTransposed
      ? Matrix(weight, output.columns, x.columns).transposed : Matrix(weight, x.columns, output.columns)
  }

  /// The three products' packed operands.
  var scratch: Int {
    let (r, k, n) = (x.rows, x.columns, output.columns)
    return max(
      kernel.scratchCount(inner: k, columns: n), kernel.scratchCount(inner: n, columns: k),
      kernel.scratchCount(inner: r, columns: isTransposed ? k : n))
  }

  func forward(_ memory: Frame) {
    let y = Matrix(memory.value(output), x.rows, output.columns)
    kernel.multiply(
      Matrix(memory.value(x), x.rows, x.columns), matrix(memory.value(weight)), into: y, alpha: scale,
      plus: bias.map { Matrix(memory.value($0), x.rows, output.columns, stride: 0) }, in: memory)
  }

  func backward(_ memory: Frame) {
    let xs = Matrix(memory.value(x), x.rows, x.columns)
    let dy = Matrix(memory.gradient(output), x.rows, output.columns)
    if x.needsGradient {
      let dx = Matrix(memory.gradient(x), x.rows, x.columns)
      kernel.multiply(
        dy, matrix(memory.value(weight)).transposed, into: dx, alpha: scale,
        plus: memory.accumulates(0) ? dx : nil, in: memory)
    }
    if weight.needsGradient {
      let (left, right) = isTransposed ? (dy, xs) : (xs, dy)
      let dw = Matrix(memory.gradient(weight), left.columns, right.columns)
      kernel.multiply(
        left.transposed, right, into: dw, alpha: scale, plus: memory.accumulates(1) ? dw : nil, in: memory)
    }
    if let bias, bias.needsGradient {
      sumColumns(
        memory.share(of: dy.columns), of: dy.start, rows: dy.rows, columns: dy.columns,
        into: memory.gradient(bias), adding: memory.accumulates(2))
    }
  }
}

extension Recorder {
  /// y = scale·x·weight + bias: x (…, K), weight (K, N), or (N, K) where `transposed`, bias (N) → (…, N).
  public func linear(
    _ x: Tensor, _ weight: Tensor, bias: Tensor? = nil, transposed: Bool = false, scale: Float = 1
  ) -> Tensor {
    let (k, n) = transposed ? (weight.shape[1], weight.shape[0]) : (weight.shape[0], weight.shape[1])
    precondition(
      weight.shape.count == 2 && x.columns == k, "linear: x \(x.shape) against weight \(weight.shape)")
    precondition(bias == nil || bias?.shape == [n], "linear: bias \(bias?.shape ?? []) for \(n) columns")
    let inputs = [x, weight] + (bias.map { [$0] } ?? [])
    let output = tensor(x.shape.dropLast() + [n], from: inputs)
    return record(
      Linear(
        x: x, weight: weight, bias: bias, scale: scale, isTransposed: transposed, output: output,
        kernel: kernel))
  }
}
