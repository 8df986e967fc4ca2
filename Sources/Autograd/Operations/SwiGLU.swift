/// y = a·σ(a)·b, where a row of x is a and then b   (Shazeer 2020)
///
///     da = dy·b·σ(a)·(1 + a·(1 − σ(a)))    db = dy·a·σ(a)
///
/// x (R, 2F), y (R, F).
struct SwiGLU: Operation {
  let x: Tensor
  let output: Tensor

  var inputs: [Tensor] { [x] }
  var saved: [Tensor] { [x] }
  var isShared: Bool { true }

  func forward(_ memory: Frame) {
    let width = output.columns
    for row in memory.share(of: x.rows) {
      let a = memory.value(x) + row * 2 * width
      let b = a + width
      let y = memory.value(output) + row * width
      for c in 0..<width { y[c] = a[c] * sigmoid(a[c]) * b[c] }
    }
  }

  func backward(_ memory: Frame) {
    let width = output.columns
    let share = memory.share(of: x.rows)
    if !memory.accumulates(0) {
      (memory.gradient(x) + share.lowerBound * 2 * width).update(repeating: 0, count: share.count * 2 * width)
    }
    for row in share {
      let a = memory.value(x) + row * 2 * width
      let b = a + width
      let dy = memory.gradient(output) + row * width
      let da = memory.gradient(x) + row * 2 * width
      let db = da + width
      for c in 0..<width {
        let s = sigmoid(a[c])
        da[c] += dy[c] * b[c] * s * (1 + a[c] * (1 - s))
        db[c] += dy[c] * a[c] * s
      }
    }
  }
}

extension Recorder {
  /// The gated linear unit with SiLU: x (R, 2F) holds gates and then values → (R, F).
  public func swiGLU(_ x: Tensor) -> Tensor {
    precondition(x.columns.isMultiple(of: 2), "swiGLU: x \(x.shape) has an odd number of columns")
    return record(SwiGLU(x: x, output: tensor(x.shape.dropLast() + [x.columns / 2], from: [x])))
  }
}
