/// y_{b,t} = x_{b,t} + table[t]
///
///     dx = dy    dtable[t] = Σ_b dy_{b,t}
///
/// x and y (B·T, C), table (T, C). Where sequences are continued, the `Continuation` gives each row's position t.
struct LearnedPositions: Operation {
  let x: Tensor
  let table: Tensor
  let positions: Continuation?
  let output: Tensor

  var inputs: [Tensor] { [x, table] }
  var overwrites: Int? { 0 }
  var isShared: Bool { positions == nil }

  func forward(_ memory: Frame) {
    let x = memory.value(self.x)
    let table = memory.value(self.table)
    let y = memory.value(output)
    if let positions {
      let starts = memory.integers(positions.starts)
      let width = output.columns
      for row in 0..<output.rows {
        let t = positions.position(of: row, starts: starts, last: self.table.rows - 1)
        for c in 0..<width { y[row * width + c] = x[row * width + c] + table[t * width + c] }
      }
      return
    }
    for start in stride(from: 0, to: output.count, by: self.table.count) {
      for i in memory.share(of: self.table.count) { y[start + i] = x[start + i] + table[i] }
    }
  }

  func backward(_ memory: Frame) {
    let dy = memory.gradient(output)
    // In place, the gradient of x is that of the output.
    if x.needsGradient, case let dx = memory.gradient(x), dx != dy {
      let share = memory.share(of: x.count)
      store(
        dy + share.lowerBound, in: dx + share.lowerBound, adding: memory.accumulates(0), count: share.count)
    }
    guard table.needsGradient else { return }
    sumColumns(
      memory.share(of: table.count), of: dy, rows: x.count / table.count, columns: table.count,
      into: memory.gradient(table), adding: memory.accumulates(1))
  }
}

extension Recorder {
  /// Adds to each row of x (B·T, C) the row of `table` (T, C) for its position in its window → (B·T, C).
  ///
  /// - Parameter positions: Where the rows continue sequences; nil where they are whole windows.
  public func learnedPositions(_ x: Tensor, _ table: Tensor, _ positions: Continuation? = nil) -> Tensor {
    precondition(
      x.columns == table.columns && x.rows.isMultiple(of: positions?.rows ?? table.rows)
        && (positions == nil || !gradients),
      "learnedPositions: x \(x.shape) against table \(table.shape)")
    return record(
      LearnedPositions(x: x, table: table, positions: positions, output: tensor(x.shape, from: [x, table])))
  }
}
