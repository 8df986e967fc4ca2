import CBLAS

/// y_r = ℓ_r + α·E·Σ_e f_e·p_re + ζ·(log Σ_e exp z_re)²
///
///     dℓ_r = dy_r    dz_re = dy_r·(α·E·p_re·(f_e − Σ_i f_i·p_ri) + 2ζ·p_re·log Σ_i exp z_ri)
///
/// with p_r = softmax(z_r) and f_e the fraction of all choices that are e, which has no gradient. The mean over rows
/// of the second term is the load-balancing loss, which is α for even loads (Fedus et al. 2021, equation 4); that of
/// the third is the z-loss, which keeps logits small (Zoph et al. 2022, equation 5).
///
/// ℓ and y (R), z (R, E).
struct LoadBalancePenalty: Operation {
  let losses: Tensor
  let logits: Tensor
  let balance: Float
  let size: Float
  let routes: Routes
  let output: Tensor

  var inputs: [Tensor] { [losses, logits] }
  var saved: [Tensor] { [logits] }
  var isShared: Bool { true }
  /// f, and p of a row.
  var scratch: Int { 2 * logits.columns }

  func forward(_ memory: Frame) {
    let (losses, y) = (memory.value(self.losses), memory.value(output))
    let experts = logits.columns
    let f = loads(memory)
    let p = f + experts
    for row in memory.share(of: logits.rows) {
      let logSum = softmax(memory.value(logits) + row * experts, into: p)
      y[row] = losses[row] + balance * Float(experts) * dot(f, p, count: experts) + size * logSum * logSum
    }
  }

  func backward(_ memory: Frame) {
    let dy = memory.gradient(output)
    let experts = logits.columns
    let f = loads(memory)
    let p = f + experts
    let rows = memory.share(of: logits.rows)
    let start = rows.lowerBound
    if losses.needsGradient {
      store(dy + start, in: memory.gradient(losses) + start, adding: memory.accumulates(0), count: rows.count)
    }
    guard logits.needsGradient else { return }
    if !memory.accumulates(1) {
      (memory.gradient(logits) + start * experts).update(repeating: 0, count: rows.count * experts)
    }
    for row in rows {
      let dz = memory.gradient(logits) + row * experts
      let logSum = softmax(memory.value(logits) + row * experts, into: p)
      let mean = dot(f, p, count: experts)
      let (a, b) = (balance * Float(experts) * dy[row], 2 * size * logSum * dy[row])
      for e in 0..<experts { dz[e] += p[e] * (a * (f[e] - mean) + b) }
    }
  }

  /// The fraction f of all choices that each expert has.
  private func loads(_ memory: Frame) -> Floats {
    let chosen = memory.integers(routes.chosen)
    let f = memory.scratch
    let choices = routes.rows * routes.choices
    f.update(repeating: 0, count: logits.columns)
    for index in 0..<choices { f[Int(chosen[index])] += 1 }
    for e in 0..<logits.columns { f[e] /= Float(choices) }
    return f
  }

  /// Writes softmax(z) to p and returns log Σ exp z.
  private func softmax(_ z: UnsafePointer<Float>, into p: Floats) -> Float {
    let top = greatest(z, count: logits.columns)
    var sum: Float = 0
    // In place: with two arrays, the order of the sum could depend on how far apart they are in memory.
    p.update(from: z, count: logits.columns)
    for e in 0..<logits.columns {
      p[e] = exponential(p[e] - top)
      sum = relaxed_add(sum, p[e])
    }
    for e in 0..<logits.columns { p[e] /= sum }
    return top + logarithm(sum)
  }
}

extension Recorder {
  /// The losses (R) of rows, plus penalties on the logits (R, E) by which they were routed → (R).
  ///
  /// - Parameters:
  ///   - balance: The weight α of the load-balancing loss.
  ///   - size: The weight ζ of the z-loss, the squared log-sum-exp of the logits.
  public func loadBalancePenalty(
    _ losses: Tensor, logits: Tensor, _ routes: Routes, balance: Float, size: Float
  ) -> Tensor {
    precondition(
      losses.count == logits.rows && logits.rows == routes.rows,
      "loadBalancePenalty: losses \(losses.shape), logits \(logits.shape)")
    return record(
      LoadBalancePenalty(
        losses: losses, logits: logits, balance: balance, size: size, routes: routes,
        output: tensor(losses.shape, from: [losses, logits])))
  }
}
