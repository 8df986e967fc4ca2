import CBLAS

/// y = x·σ(u) with u = 2√(2/π)·(x + 0.044715·x³): the tanh form of GELU   (Hendrycks & Gimpel 2016)
///
///     dx = dy·(s + x·s·(1 − s)·u′) with s = σ(u), u′ = 2√(2/π)·(1 + 3·0.044715·x²)
///
/// x and y of one shape.
struct GELU: Operation {
  let x: Tensor
  let output: Tensor

  private static let a: Float = 1.595_769_1
  private static let b: Float = 0.071_354_81

  var inputs: [Tensor] { [x] }
  var saved: [Tensor] { [x] }
  var isShared: Bool { true }

  func forward(_ memory: Frame) {
    let x = memory.value(self.x)
    let y = memory.value(output)
    let share = memory.share(of: output.count)
    for i in share {
      y[i] = x[i] * sigmoid(x[i] * fused_multiply_add(Self.b, x[i] * x[i], Self.a))
    }
  }

  func backward(_ memory: Frame) {
    let x = memory.value(self.x)
    let dx = memory.gradient(self.x)
    let dy = memory.gradient(output)
    let share = memory.share(of: output.count)
    if !memory.accumulates(0) { (dx + share.lowerBound).update(repeating: 0, count: share.count) }
    for i in share {
      let square = x[i] * x[i]
      let s = sigmoid(x[i] * fused_multiply_add(Self.b, square, Self.a))
      let slope = fused_multiply_add(3 * Self.b, square, Self.a)
      dx[i] += dy[i] * (s + x[i] * s * (1 - s) * slope)
    }
  }
}

extension Recorder {
  /// The Gaussian error linear unit of each element.
  public func gelu(_ x: Tensor) -> Tensor {
    record(GELU(x: x, output: tensor(x.shape, from: [x])))
  }
}
