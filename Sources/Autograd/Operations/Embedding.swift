/// y_r = s·table[token_r]
///
///     dtable[v] = s·Σ_{r : token_r = v} dy_r
///
/// tokens (R), table (V, C), y (R, C); s is a fixed scale.
struct Embedding: Operation {
  let tokens: Integers
  let table: Tensor
  let scale: Float
  let output: Tensor

  var inputs: [Tensor] { [table] }
  var isShared: Bool { true }

  func forward(_ memory: Frame) {
    let tokens = memory.integers(self.tokens)
    let table = memory.value(self.table)
    let y = memory.value(output)
    let width = output.columns
    for row in memory.share(of: output.rows) {
      let from = table + Int(tokens[row]) * width
      let to = y + row * width
      for c in 0..<width { to[c] = scale * from[c] }
    }
  }

  func backward(_ memory: Frame) {
    let tokens = memory.integers(self.tokens)
    let dtable = memory.gradient(table)
    let dy = memory.gradient(output)
    let width = output.columns
    // Some columns of all rows, because rows of the table are sums over many rows.
    let columns = memory.share(of: width)
    let (start, count) = (columns.lowerBound, columns.count)
    if !memory.accumulates(0) {
      for v in 0..<table.rows { (dtable + v * width + start).update(repeating: 0, count: count) }
    }
    for row in 0..<output.rows {
      addScaled(
        scale, dy + row * width + start, to: dtable + Int(tokens[row]) * width + start, count: count)
    }
  }
}

extension Recorder {
  /// The rows of `table` (V, C) that `tokens` (R) name, times `scale` → (R, C). Tokens must be below V.
  public func embedding(_ tokens: Integers, _ table: Tensor, scale: Float = 1) -> Tensor {
    precondition(table.shape.count == 2, "embedding: table \(table.shape) is not a matrix")
    let output = tensor([tokens.count, table.columns], from: [table])
    return record(Embedding(tokens: tokens, table: table, scale: scale, output: output))
  }
}
