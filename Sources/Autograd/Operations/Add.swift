/// y = a + b
///
///     da = dy    db = dy
///
/// All of one shape. Where nothing else reads b, y takes over its memory.
struct Add: Operation {
  let a: Tensor
  let b: Tensor
  let output: Tensor

  var inputs: [Tensor] { [a, b] }
  var overwrites: Int? { 1 }
  var isShared: Bool { true }

  func forward(_ memory: Frame) {
    let a = memory.value(self.a)
    let b = memory.value(self.b)
    let y = memory.value(output)
    for i in memory.share(of: output.count) { y[i] = a[i] + b[i] }
  }

  func backward(_ memory: Frame) {
    let share = memory.share(of: output.count)
    let (start, count) = (share.lowerBound, share.count)
    let dy = memory.gradient(output)
    if a.needsGradient {
      store(dy + start, in: memory.gradient(a) + start, adding: memory.accumulates(0), count: count)
    }
    // In place, the gradient of b is that of the output.
    if b.needsGradient, case let db = memory.gradient(b), db != dy {
      store(dy + start, in: db + start, adding: memory.accumulates(1), count: count)
    }
  }
}

extension Recorder {
  /// The sum of two tensors of one shape.
  public func add(_ a: Tensor, _ b: Tensor) -> Tensor {
    precondition(a.shape == b.shape, "add: \(a.shape) against \(b.shape)")
    return record(Add(a: a, b: b, output: tensor(a.shape, from: [a, b])))
  }
}
