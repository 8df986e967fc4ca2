import CBLAS

/// y_t = silu(p_t) with p_t = b + Σ_j w_j·x_{t−3+j}: each channel by itself, over four positions   (Gu & Dao 2023)
///
///     dp = dy·σ(p)·(1 + p·(1 − σ(p)))    dx_t = Σ_j w_j·dp_{t+3−j}    dw_j = Σ_t dp_t·x_{t−3+j}    db = Σ_t dp_t
///
/// x and y (R, E), w (4, E), b (E). Before the first position of a sequence x is 0. Where rows continue sequences, or
/// windows carry states, the state of each holds its last three rows, (3, E), the latest last; no gradient goes there.
struct ShortConvolution: Operation {
  let x: Tensor
  let weight: Tensor
  let bias: Tensor
  let sequences: Sequences
  /// The last rows of stored sequences; nil where nothing is kept.
  let state: Tensor?
  let output: Tensor

  /// The positions that a position sees, itself included.
  static let width = 4

  var inputs: [Tensor] { [x, weight, bias] }
  var saved: [Tensor] { [x, weight, bias] }
  /// Rows (E): one of zeros, and backward dp of four positions and the gradients of weight and bias.
  var scratch: Int { (output.needsGradient ? 10 : 1) * x.columns }

  var flops: Flops {
    let product = 2 * Double(Self.width) * Double(x.count)
    return Flops(
      forward: product, backward: (x.needsGradient ? product : 0) + (weight.needsGradient ? product : 0))
  }

  func forward(_ memory: Frame) {
    let columns = x.columns
    let (w, b) = (memory.value(weight), memory.value(bias))
    let zeros = memory.scratch
    zeros.update(repeating: 0, count: columns)
    for index in 0..<sequences.count {
      let sequence = sequences.sequence(index, memory)
      let x = memory.value(self.x) + sequence.first * columns
      let y = memory.value(output) + sequence.first * columns
      let earlier = state.map { memory.earlier($0) + sequence.slot * 3 * columns }
      (y + sequence.used * columns).update(repeating: 0, count: (sequences.rows - sequence.used) * columns)
      guard sequence.used > 0 else { continue }
      if sequence.isNew { earlier?.update(repeating: 0, count: 3 * columns) }
      for t in 0..<sequence.used {
        func row(_ back: Int) -> Floats {
          back <= t ? x + (t - back) * columns : earlier.map { $0 + (3 + t - back) * columns } ?? zeros
        }
        let y = y + t * columns
        convolve(row(3), row(2), row(1), row(0), w, b, columns: columns, into: y)
        for c in 0..<columns { y[c] *= sigmoid(y[c]) }
      }
      guard let earlier, let state else { continue }
      let later = memory.value(state) + sequence.slot * 3 * columns
      let kept = max(0, 3 - sequence.used)
      for row in 0..<kept {
        (later + row * columns).update(from: earlier + (row + sequence.used) * columns, count: columns)
      }
      (later + kept * columns).update(
        from: x + (sequence.used - 3 + kept) * columns, count: (3 - kept) * columns)
    }
  }

  func backward(_ memory: Frame) {
    let columns = x.columns
    let (w, b) = (memory.value(weight), memory.value(bias))
    let zeros = memory.scratch
    let slopes = zeros + columns
    // One loop computes all gradients; where one is not needed, its memory is here.
    let dx = x.needsGradient ? memory.gradient(x) : nil
    let dy = memory.gradient(output)
    let values = memory.value(x)
    let dw = weight.needsGradient ? memory.gradient(weight) : slopes + 4 * columns
    let db = bias.needsGradient ? memory.gradient(bias) : slopes + 8 * columns
    zeros.update(repeating: 0, count: columns)
    if !memory.accumulates(1) { dw.update(repeating: 0, count: 4 * columns) }
    if !memory.accumulates(2) { db.update(repeating: 0, count: columns) }
    for window in 0..<sequences.count {
      let first = window * sequences.rows
      let x = values + first * columns
      let dy = dy + first * columns
      let earlier = state.map { memory.earlier($0) + window * 3 * columns }
      // Row t of dp is in place t mod 4: those of the three positions after it are needed too.
      slopes.update(repeating: 0, count: 4 * columns)
      for t in (0..<sequences.rows).reversed() {
        func row(_ back: Int) -> Floats {
          back <= t ? x + (t - back) * columns : earlier.map { $0 + (3 + t - back) * columns } ?? zeros
        }
        func slope(_ later: Int) -> Floats { slopes + (t + later) % 4 * columns }
        let dp = slope(0)
        let dy = dy + t * columns
        convolve(row(3), row(2), row(1), row(0), w, b, columns: columns, into: dp)
        multiplySlopes(dy, columns: columns, into: dp)
        for back in 0..<Self.width {
          addProducts(dp, row(back), to: dw + (Self.width - 1 - back) * columns, count: columns)
        }
        for c in 0..<columns { db[c] += dp[c] }
        guard let dx else { continue }
        let row = dx + (first + t) * columns
        convolve(
          slope(3), slope(2), slope(1), dp, w, memory.accumulates(0) ? row : zeros, columns: columns,
          into: row)
      }
    }
  }
}

/// p ← dy·silu′(p)
@inline(never)
private func multiplySlopes(_ dy: Floats, columns: Int, into p: Floats) {
  for c in 0..<columns {
    let s = sigmoid(p[c])
    p[c] = dy[c] * s * (1 + p[c] * (1 - s))
  }
}

/// y ← b + Σ_j w_j·x_j for the four rows x_j; y may be b.
@inline(never)
private func convolve(
  _ x0: Floats, _ x1: Floats, _ x2: Floats, _ x3: Floats, _ w: Floats, _ b: Floats, columns: Int,
  into y: Floats
) {
  let (w1, w2, w3) = (w + columns, w + 2 * columns, w + 3 * columns)
  for c in 0..<columns {
    var sum = fused_multiply_add(w[c], x0[c], b[c])
    sum = fused_multiply_add(w1[c], x1[c], sum)
    sum = fused_multiply_add(w2[c], x2[c], sum)
    y[c] = fused_multiply_add(w3[c], x3[c], sum)
  }
}

extension Recorder {
  /// A causal convolution of each channel over four positions, then SiLU: x (B·T, E), weight (4, E), whose last row is
  /// that of the position itself, bias (E) → (B·T, E).
  ///
  /// - Parameters:
  ///   - context: The positions T of a window.
  ///   - positions: Where the rows continue sequences; nil where they are whole windows.
  public func shortConvolution(
    _ x: Tensor, _ weight: Tensor, bias: Tensor, context: Int, _ positions: Continuation? = nil
  ) -> Tensor {
    precondition(
      weight.shape == [ShortConvolution.width, x.columns] && bias.shape == [x.columns],
      "shortConvolution: x \(x.shape) against weight \(weight.shape) and bias \(bias.shape)")
    let sequences = Sequences(rows: x.rows, context: context, positions, self)
    return record(
      ShortConvolution(
        x: x, weight: weight, bias: bias, sequences: sequences,
        state: sequences.capacity.map { state([$0, ShortConvolution.width - 1, x.columns]) },
        output: tensor(x.shape, from: [x, weight, bias])))
  }
}
