/// y = a·b, element by element
///
///     da = dy·b    db = dy·a
///
/// All of one shape.
struct Multiply: Operation {
  let a: Tensor
  let b: Tensor
  let output: Tensor

  var inputs: [Tensor] { [a, b] }
  var saved: [Tensor] { [a, b] }

  func forward(_ memory: Frame) {
    let (a, b, y) = (memory.value(self.a), memory.value(self.b), memory.value(output))
    for i in 0..<output.count { y[i] = a[i] * b[i] }
  }

  func backward(_ memory: Frame) {
    addGradient(of: a, number: 0, factor: b, memory)
    addGradient(of: b, number: 1, factor: a, memory)
  }

  private func addGradient(of input: Tensor, number: Int, factor: Tensor, _ memory: Frame) {
    guard input.needsGradient else { return }
    let (dx, dy, factor) = (memory.gradient(input), memory.gradient(output), memory.value(factor))
    if !memory.accumulates(number) { dx.update(repeating: 0, count: output.count) }
    for i in 0..<output.count { dx[i] += dy[i] * factor[i] }
  }
}

extension Recorder {
  /// The product of two tensors of one shape, element by element.
  public func multiply(_ a: Tensor, _ b: Tensor) -> Tensor {
    precondition(a.shape == b.shape, "multiply: \(a.shape) against \(b.shape)")
    return record(Multiply(a: a, b: b, output: tensor(a.shape, from: [a, b])))
  }
}
