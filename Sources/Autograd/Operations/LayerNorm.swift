import CBLAS

/// y = g·x̂ + b with x̂ = (x − μ)/σ, μ the mean of a row and σ² = mean (x − μ)² + ε   (Ba et al. 2016)
///
///     dx = (h − mean h − x̂·mean(h·x̂))/σ with h = g·dy    dg = Σ_rows dy·x̂    db = Σ_rows dy
///
/// x and y (R, C), g and b (C); the statistics are μ and 1/σ of each row.
struct LayerNorm: Operation {
  let x: Tensor
  let gain: Tensor
  let bias: Tensor
  let epsilon: Float
  let moments: Tensor
  let output: Tensor

  var inputs: [Tensor] { [x, gain, bias] }
  var statistics: [Tensor] { [moments] }
  var saved: [Tensor] { [x, gain] }
  /// One loop computes all gradients. It writes those of gain and bias here where they are not needed, or where threads
  /// share the operation: then it sees only some of the rows.
  var scratch: Int { 2 * x.columns }

  var isShared: Bool { true }

  func forward(_ memory: Frame) {
    let (g, b) = (memory.value(gain), memory.value(bias))
    let moments = memory.value(self.moments)
    let width = x.columns
    let scale = 1 / Float(width)
    for row in memory.share(of: x.rows) {
      let x = memory.value(self.x) + row * width
      let y = memory.value(output) + row * width
      var sum: Float = 0
      for c in 0..<width { sum = relaxed_add(sum, x[c]) }
      let mean = sum * scale
      var squares: Float = 0
      for c in 0..<width {
        let d = x[c] - mean
        squares = relaxed_multiply_add(d, d, squares)
      }
      let inverse = 1 / relaxed_sqrt(squares * scale + epsilon)
      for c in 0..<width { y[c] = (x[c] - mean) * inverse * g[c] + b[c] }
      moments[2 * row] = mean
      moments[2 * row + 1] = inverse
    }
  }

  func backward(_ memory: Frame) {
    let g = memory.value(gain)
    let dg = gain.needsGradient && memory.isWhole ? memory.gradient(gain) : memory.scratch
    // Not the memory of dg: the compiled loop checks for overlap, and would then sum a row in another order.
    let unused = memory.isWhole ? memory.scratch : memory.scratch + x.columns
    let db = bias.needsGradient && memory.isWhole ? memory.gradient(bias) : unused
    let moments = memory.value(self.moments)
    let width = x.columns
    let scale = 1 / Float(width)
    if !memory.isWhole || !memory.accumulates(1) { dg.update(repeating: 0, count: width) }
    if !memory.isWhole || !memory.accumulates(2) { db.update(repeating: 0, count: width) }
    for row in memory.share(of: x.rows) {
      let x = memory.value(self.x) + row * width
      let dy = memory.gradient(output) + row * width
      let (mean, inverse) = (moments[2 * row], moments[2 * row + 1])
      var (sum, product): (Float, Float) = (0, 0)
      for c in 0..<width {
        let normal = (x[c] - mean) * inverse
        let h = dy[c] * g[c]
        sum = relaxed_add(sum, h)
        product = relaxed_multiply_add(h, normal, product)
        dg[c] = fused_multiply_add(dy[c], normal, dg[c])
        db[c] += dy[c]
      }
      guard self.x.needsGradient else { continue }
      let dx = memory.gradient(self.x) + row * width
      let (a, b) = (sum * scale, product * scale)
      if !memory.accumulates(0) {
        for c in 0..<width { dx[c] = (dy[c] * g[c] - a - (x[c] - mean) * inverse * b) * inverse }
      } else {
        for c in 0..<width { dx[c] += (dy[c] * g[c] - a - (x[c] - mean) * inverse * b) * inverse }
      }
    }
    if !memory.isWhole { addGradientsOfParameters(memory) }
  }

  /// Computes the gradients of this thread's share of the gains and biases, over all rows.
  private func addGradientsOfParameters(_ memory: Frame) {
    let columns = memory.share(of: x.columns)
    let (x, dy, width) = (memory.value(self.x), memory.gradient(output), self.x.columns)
    if gain.needsGradient {
      let moments = memory.value(self.moments)
      sumRows(columns, rows: self.x.rows, into: memory.gradient(gain), adding: memory.accumulates(1)) {
        sum, row, column in
        let normal = (load16(x + row * width + column) - moments[2 * row]) * moments[2 * row + 1]
        return multiply_add16(load16(dy + row * width + column), normal, sum)
      } one: { sum, row, column in
        let normal = (x[row * width + column] - moments[2 * row]) * moments[2 * row + 1]
        return fused_multiply_add(dy[row * width + column], normal, sum)
      }
    }
    if bias.needsGradient {
      sumColumns(
        columns, of: dy, rows: self.x.rows, columns: width, into: memory.gradient(bias),
        adding: memory.accumulates(2))
    }
  }
}

extension Recorder {
  /// Layer normalisation of each row of x (R, C) with `gain` and `bias` (C) → (R, C).
  public func layerNorm(_ x: Tensor, gain: Tensor, bias: Tensor, epsilon: Float = usualNormEpsilon)
    -> Tensor
  {
    precondition(
      gain.shape == [x.columns] && bias.shape == [x.columns],
      "layerNorm: x \(x.shape) against gain \(gain.shape) and bias \(bias.shape)")
    return record(
      LayerNorm(
        x: x, gain: gain, bias: bias, epsilon: epsilon, moments: tensor([x.rows, 2]),
        output: tensor(x.shape, from: [x, gain, bias])))
  }
}
