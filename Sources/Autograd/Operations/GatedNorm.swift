import CBLAS

/// y = g·x̂·silu(z) with x̂ = x/ρ and ρ² = mean x² + ε over each head of sixteen columns   (Yang et al. 2024)
///
///     h = dy·silu(z)    dx = (g·h − x̂·mean(g·h·x̂))/ρ    dg = Σ h·x̂    dz = dy·g·x̂·silu′(z)
///
/// x, z and y (R, 16·H), g (16), which all heads share.
struct GatedNorm: Operation {
  let x: Tensor
  let gate: Tensor
  let gain: Tensor
  let output: Tensor

  var inputs: [Tensor] { [x, gate, gain] }
  var saved: [Tensor] { inputs }

  func forward(_ memory: Frame) {
    let (x, z, y) = (memory.value(self.x), memory.value(gate), memory.value(output))
    let g = load16(memory.value(gain))
    for place in stride(from: 0, to: output.count, by: laneCount) {
      store16(g * load16(x + place) * inverseNorm(x + place), y + place)
    }
    for i in 0..<output.count { y[i] *= z[i] * sigmoid(z[i]) }
  }

  func backward(_ memory: Frame) {
    let (x, z, dy) = (memory.value(self.x), memory.value(gate), memory.gradient(output))
    /// The gradient of an input, to which all is added; nil where it needs none.
    func gradient(_ number: Int) -> Floats? {
      let input = inputs[number]
      guard input.needsGradient else { return nil }
      if !memory.accumulates(number) { memory.gradient(input).update(repeating: 0, count: input.count) }
      return memory.gradient(input)
    }
    let (dx, dz, dg) = (gradient(0), gradient(1), gradient(2))
    let gain = memory.value(self.gain)
    let g = load16(gain)
    if let dz {
      for row in stride(from: 0, to: output.count, by: laneCount) {
        let inverse = inverseNorm(x + row)
        for c in 0..<laneCount {
          let (z, normal) = (z[row + c], x[row + c] * inverse)
          let s = sigmoid(z)
          dz[row + c] += dy[row + c] * gain[c] * normal * s * (1 + z * (1 - s))
        }
      }
    }
    // The gradient of the output is not needed any more: it becomes that of the normalised input.
    for i in 0..<output.count { dy[i] *= z[i] * sigmoid(z[i]) }
    var sums = floats16.zero
    for row in stride(from: 0, to: output.count, by: laneCount) {
      let inverse = inverseNorm(x + row)
      let normal = load16(x + row) * inverse
      let h = load16(dy + row)
      sums = sums + h * normal
      guard let dx else { continue }
      store16(g * h, dy + row)
      let mean = dot(dy + row, x + row, count: laneCount) * inverse / Float(laneCount)
      store16(load16(dx + row) + (g * h - normal * mean) * inverse, dx + row)
    }
    if let dg { store16(load16(dg) + sums, dg) }
  }

  private func inverseNorm(_ x: Floats) -> Float {
    1 / relaxed_sqrt(dot(x, x, count: laneCount) / Float(laneCount) + Recorder.usualNormEpsilon)
  }
}

extension Recorder {
  /// Root-mean-square normalisation of each sixteen columns of x (R, 16·H) with `gain` (16), times the SiLU of `gate`
  /// (R, 16·H) → (R, 16·H).
  public func gatedNorm(_ x: Tensor, gate: Tensor, gain: Tensor) -> Tensor {
    precondition(
      gate.shape == x.shape && gain.shape == [laneCount] && x.columns.isMultiple(of: laneCount),
      "gatedNorm: x \(x.shape), gate \(gate.shape), gain \(gain.shape)")
    return record(
      GatedNorm(x: x, gate: gate, gain: gain, output: tensor(x.shape, from: [x, gate, gain])))
  }
}
