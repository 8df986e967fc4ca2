import CBLAS

/// y_r = Σ_j g_rj·x_p with p the place of choice j; a choice without a place adds nothing
///
///     dx_p = g_rj·dy_r    dg_rj = x_p·dy_r
///
/// x (places, C), g (R, K), y (R, C).
struct Combine: Operation {
  let x: Tensor
  let gates: Tensor
  let routes: Routes
  let output: Tensor

  var inputs: [Tensor] { [x, gates] }
  var saved: [Tensor] { [x, gates] }
  var isShared: Bool { true }

  func forward(_ memory: Frame) {
    let (x, gates, y) = (memory.value(self.x), memory.value(gates), memory.value(output))
    let place = memory.integers(routes.place)
    let width = output.columns
    let rows = memory.share(of: routes.rows)
    (y + rows.lowerBound * width).update(repeating: 0, count: rows.count * width)
    for index in choices(of: rows) where place[index] >= 0 {
      addScaled(
        gates[index], x + Int(place[index]) * width, to: y + index / routes.choices * width, count: width)
    }
  }

  func backward(_ memory: Frame) {
    let (x, gates) = (memory.value(self.x), memory.value(gates))
    let dx = self.x.needsGradient ? memory.gradient(self.x) : nil
    let dgates = self.gates.needsGradient ? memory.gradient(self.gates) : nil
    let dy = memory.gradient(output)
    let place = memory.integers(routes.place)
    let width = output.columns
    let choices = choices(of: memory.share(of: routes.rows))
    if let dgates, !memory.accumulates(1) {
      (dgates + choices.lowerBound).update(repeating: 0, count: choices.count)
    }
    for index in choices where place[index] >= 0 {
      let (row, p) = (dy + index / routes.choices * width, Int(place[index]) * width)
      if let dx {
        // A place belongs to one choice.
        if !memory.accumulates(0) { (dx + p).update(repeating: 0, count: width) }
        addScaled(gates[index], row, to: dx + p, count: width)
      }
      if let dgates { dgates[index] += dot(x + p, row, count: width) }
    }
    if let dx, !memory.accumulates(0) { clearUnused(dx, self.x, routes, memory) }
  }

  private func choices(of rows: Range<Int>) -> Range<Int> {
    rows.lowerBound * routes.choices..<rows.upperBound * routes.choices
  }
}

extension Recorder {
  /// The sum of what each row's experts made of it, x (places, C), weighted by the gates (R, K) → (R, C).
  public func combine(_ x: Tensor, gates: Tensor, _ routes: Routes) -> Tensor {
    precondition(
      x.rows == routes.places && gates.shape == [routes.rows, routes.choices],
      "combine: x \(x.shape), gates \(gates.shape), \(routes.places) places")
    return record(
      Combine(
        x: x, gates: gates, routes: routes, output: tensor([routes.rows, x.columns], from: [x, gates])))
  }
}
