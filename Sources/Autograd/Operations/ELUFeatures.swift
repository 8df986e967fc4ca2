/// y = elu(x) + 1, which is x + 1 where x > 0 and eˣ elsewhere, for some columns: positive features of queries and keys
/// for linear attention   (Katharopoulos et al. 2020)
///
///     dx = dy·min(y, 1)
///
/// x and y (R, columns). Other columns are copied.
struct ELUFeatures: Operation {
  let x: ColumnView
  let output: Tensor

  var inputs: [Tensor] { [x.tensor] }
  var saved: [Tensor] { [output] }
  var overwrites: Int? { 0 }

  func forward(_ memory: Frame) {
    let (x, y) = (memory.value(self.x.tensor), memory.value(output))
    if x != y { y.update(from: x, count: output.count) }
    for row in 0..<output.rows {
      let y = y + row * self.x.stride + self.x.first
      for i in 0..<self.x.count {
        let power = exponential(y[i])
        y[i] = y[i] > 0 ? y[i] + 1 : power
      }
    }
  }

  func backward(_ memory: Frame) {
    let (dx, dy, y) = (memory.gradient(x.tensor), memory.gradient(output), memory.value(output))
    // The gradient of the output is not needed any more: it may be multiplied in place.
    for row in 0..<output.rows {
      let (dy, y) = (dy + row * x.stride + x.first, y + row * x.stride + x.first)
      for i in 0..<x.count { dy[i] *= y[i] < 1 ? y[i] : 1 }
    }
    if dx != dy { store(dy, in: dx, adding: memory.accumulates(0), count: output.count) }
  }
}

extension Recorder {
  /// elu(x) + 1 of columns of x (R, columns) → the whole tensor, its other columns unchanged.
  public func eluFeatures(_ x: ColumnView) -> Tensor {
    record(ELUFeatures(x: x, output: tensor(x.tensor.shape, from: [x.tensor])))
  }
}
