import CBLAS

/// y = g·x̂ with x̂ = x/ρ and ρ² = mean x² + ε over a row   (Zhang & Sennrich 2019)
///
///     dx = (h − x̂·mean(h·x̂))/ρ with h = g·dy    dg = Σ_rows dy·x̂
///
/// x and y (R, C), g (C); the statistic is 1/ρ of each row.
struct RMSNorm: Operation {
  let x: Tensor
  let gain: Tensor
  let epsilon: Float
  let inverses: Tensor
  let output: Tensor

  var inputs: [Tensor] { [x, gain] }
  var statistics: [Tensor] { [inverses] }
  var saved: [Tensor] { [x, gain] }
  /// One loop computes all gradients. It writes that of the gain here where it is not needed, or where threads share the
  /// operation: then it sees only some of the rows.
  var scratch: Int { x.columns }

  var isShared: Bool { true }

  func forward(_ memory: Frame) {
    let g = memory.value(gain)
    let inverses = memory.value(self.inverses)
    let width = x.columns
    let scale = 1 / Float(width)
    for row in memory.share(of: x.rows) {
      let x = memory.value(self.x) + row * width
      let y = memory.value(output) + row * width
      let inverse = 1 / relaxed_sqrt(dot(x, x, count: width) * scale + epsilon)
      for c in 0..<width { y[c] = x[c] * inverse * g[c] }
      inverses[row] = inverse
    }
  }

  func backward(_ memory: Frame) {
    let g = memory.value(gain)
    let dg = gain.needsGradient && memory.isWhole ? memory.gradient(gain) : memory.scratch
    let inverses = memory.value(self.inverses)
    let width = x.columns
    let scale = 1 / Float(width)
    if !memory.isWhole || !memory.accumulates(1) { dg.update(repeating: 0, count: width) }
    for row in memory.share(of: x.rows) {
      let x = memory.value(self.x) + row * width
      let dy = memory.gradient(output) + row * width
      let inverse = inverses[row]
      var product: Float = 0
      for c in 0..<width {
        let normal = x[c] * inverse
        product = relaxed_multiply_add(dy[c] * g[c], normal, product)
        dg[c] = fused_multiply_add(dy[c], normal, dg[c])
      }
      guard self.x.needsGradient else { continue }
      let dx = memory.gradient(self.x) + row * width
      let b = product * scale
      if !memory.accumulates(0) {
        for c in 0..<width { dx[c] = (dy[c] * g[c] - x[c] * inverse * b) * inverse }
      } else {
        for c in 0..<width { dx[c] += (dy[c] * g[c] - x[c] * inverse * b) * inverse }
      }
    }
    if !memory.isWhole && gain.needsGradient { addGradientOfGain(memory) }
  }

  /// Computes the gradients of this thread's share of the gains, over all rows.
  private func addGradientOfGain(_ memory: Frame) {
    let (x, dy, width) = (memory.value(self.x), memory.gradient(output), self.x.columns)
    let inverses = memory.value(self.inverses)
    sumRows(
      memory.share(of: width), rows: self.x.rows, into: memory.gradient(gain), adding: memory.accumulates(1)
    ) { sum, row, column in
      multiply_add16(load16(dy + row * width + column), load16(x + row * width + column) * inverses[row], sum)
    } one: { sum, row, column in
      fused_multiply_add(dy[row * width + column], x[row * width + column] * inverses[row], sum)
    }
  }
}

extension Recorder {
  /// What norms usually add to the mean square of a row.
  public static let usualNormEpsilon: Float = 1e-5

  /// Root-mean-square normalisation of each row of x (R, C) with `gain` (C) → (R, C).
  public func rmsNorm(_ x: Tensor, gain: Tensor, epsilon: Float = usualNormEpsilon) -> Tensor {
    precondition(gain.shape == [x.columns], "rmsNorm: x \(x.shape) against gain \(gain.shape)")
    return record(
      RMSNorm(
        x: x, gain: gain, epsilon: epsilon, inverses: tensor([x.rows]),
        output: tensor(x.shape, from: [x, gain])))
  }
}
