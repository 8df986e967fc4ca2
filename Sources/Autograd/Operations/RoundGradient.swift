/// y = x
///
///     dx = Q(dy), the gradient rounded to a format in channels that are rows
///
/// x and y (R, C).
struct RoundGradient: Operation {
  let x: Tensor
  let rounding: Rounding
  let keys: RandomKeys?
  let output: Tensor

  var inputs: [Tensor] { [x] }
  var overwrites: Int? { 0 }

  func forward(_ memory: Frame) {
    let (x, y) = (memory.value(self.x), memory.value(output))
    if x != y { y.update(from: x, count: output.count) }
  }

  func backward(_ memory: Frame) {
    let (dx, dy) = (memory.gradient(x), memory.gradient(output))
    // The gradient of the output is not needed any more: it may be rounded in place.
    for row in 0..<output.rows {
      let place = dy + row * output.columns
      rounding(
        place, to: place, count: output.columns, stride: 1,
        random: keys?.key(ofRow: row, of: output.rows, 0, memory))
    }
    if dx != dy { store(dy, in: dx, adding: memory.accumulates(0), count: output.count) }
  }
}

extension Recorder {
  /// x (…, C), whose gradient is rounded to a format.
  ///
  /// - Parameter keys: The keys of the windows and the number of the operation, for random rounding; nil to round to
  ///   nearest.
  public func roundGradient(
    _ x: Tensor, to format: NumberFormat, random keys: (keys: Integers, stream: Int)? = nil
  ) -> Tensor {
    record(
      RoundGradient(
        x: x, rounding: Rounding(format: format),
        keys: keys.map { RandomKeys(keys: $0.keys, stream: $0.stream) }, output: tensor(x.shape, from: [x])))
  }
}
