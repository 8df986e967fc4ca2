/// y = max(x, 0)^p with p = 1, or p = 2 for the squared form (So et al. 2021)
///
///     dx = dy·p·max(x, 0)^(p − 1) where x > 0, and 0 elsewhere
///
/// x and y of one shape.
struct ReLU: Operation {
  let x: Tensor
  let isSquared: Bool
  let output: Tensor

  var inputs: [Tensor] { [x] }
  var saved: [Tensor] { [x] }
  var isShared: Bool { true }

  func forward(_ memory: Frame) {
    let (x, y) = (memory.value(self.x), memory.value(output))
    let share = memory.share(of: output.count)
    if isSquared {
      // NaN is not greater than 0, but must show.
      for i in share { y[i] = x[i] <= 0 ? 0 : x[i] * x[i] }
    } else {
      for i in share { y[i] = x[i] <= 0 ? 0 : x[i] }
    }
  }

  func backward(_ memory: Frame) {
    let (x, dx, dy) = (memory.value(self.x), memory.gradient(self.x), memory.gradient(output))
    let share = memory.share(of: output.count)
    if !memory.accumulates(0) { (dx + share.lowerBound).update(repeating: 0, count: share.count) }
    if isSquared {
      for i in share { dx[i] += x[i] <= 0 ? 0 : 2 * x[i] * dy[i] }
    } else {
      for i in share { dx[i] += x[i] <= 0 ? 0 : dy[i] }
    }
  }
}

extension Recorder {
  /// The rectified linear unit of each element, or its square.
  public func relu(_ x: Tensor, squared: Bool = false) -> Tensor {
    record(ReLU(x: x, isSquared: squared, output: tensor(x.shape, from: [x])))
  }
}
