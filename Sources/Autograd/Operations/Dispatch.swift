/// y_p = x_r for the place p of each choice of row r; 0 at places that are not taken
///
///     dx_r = Σ_{p : places of r} dy_p
///
/// x (R, C), y (places, C).
struct Dispatch: Operation {
  let x: Tensor
  let routes: Routes
  let output: Tensor

  var inputs: [Tensor] { [x] }
  var isShared: Bool { true }

  func forward(_ memory: Frame) {
    let x = memory.value(self.x)
    let y = memory.value(output)
    let source = memory.integers(routes.source)
    let width = output.columns
    for place in memory.share(of: routes.taken(memory)) {
      (y + place * width).update(from: x + Int(source[place]) / routes.choices * width, count: width)
    }
    clearUnused(y, output, routes, memory)
  }

  func backward(_ memory: Frame) {
    let dx = memory.gradient(x)
    let dy = memory.gradient(output)
    let place = memory.integers(routes.place)
    let width = output.columns
    for row in memory.share(of: routes.rows) {
      var adds = memory.accumulates(0)
      for j in 0..<routes.choices where place[row * routes.choices + j] >= 0 {
        store(
          dy + Int(place[row * routes.choices + j]) * width, in: dx + row * width, adding: adds, count: width)
        adds = true
      }
      if !adds { (dx + row * width).update(repeating: 0, count: width) }
    }
  }
}

/// Writes zeros to this call's share of the places that no row has taken.
func clearUnused(_ values: Floats, _ tensor: Tensor, _ routes: Routes, _ memory: Frame) {
  let taken = routes.taken(memory)
  let rows = memory.share(of: tensor.rows - taken)
  (values + (taken + rows.lowerBound) * tensor.columns).update(
    repeating: 0, count: rows.count * tensor.columns)
}

extension Recorder {
  /// The rows of x (R, C) in the order of the experts to whom they go → (places, C).
  public func dispatch(_ x: Tensor, _ routes: Routes) -> Tensor {
    precondition(x.rows == routes.rows, "dispatch: x \(x.shape), \(routes.rows) rows routed")
    return record(Dispatch(x: x, routes: routes, output: tensor([routes.places, x.columns], from: [x])))
  }
}
