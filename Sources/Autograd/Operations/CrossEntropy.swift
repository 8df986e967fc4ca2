import CBLAS
import Foundation

/// ℓ_r = log Σ_v exp z_rv − (1 − ε)·z_{r, target_r} − ε·mean_v z_rv: the loss of each row, in nats
///
///     dz_rv = dℓ_r·(softmax(z_r)_v − (1 − ε)·[v = target_r] − ε/V)
///
/// z (R, V), targets (R), ℓ (R). ε is the label smoothing: the part of each target's probability that is spread
/// evenly over all tokens (Szegedy et al. 2015). The statistic is the logarithm of each row's sum. `hits` (R), if
/// present, gets 1 where the target is the first of the greatest logits, the choice of greedy decoding, and otherwise
/// 0.
struct CrossEntropy: Operation {
  let logits: Tensor
  let targets: Integers
  let hits: Integers?
  let smoothing: Float
  let logSums: Tensor
  let output: Tensor

  var inputs: [Tensor] { [logits] }
  var statistics: [Tensor] { [logSums] }
  var saved: [Tensor] { [logits] }
  var isShared: Bool { true }

  func forward(_ memory: Frame) {
    let targets = memory.integers(self.targets)
    let hits = self.hits.map(memory.integers)
    let losses = memory.value(output)
    let logSums = memory.value(self.logSums)
    let width = logits.columns
    for row in memory.share(of: logits.rows) {
      let z = memory.value(logits) + row * width
      let top = greatest(z, count: width)
      var sum: Float = 0
      for v in 0..<width { sum = relaxed_add(sum, exponential(z[v] - top)) }
      logSums[row] = top + log(sum)
      let target = Int(targets[row])
      losses[row] = logSums[row] - z[target]
      if smoothing > 0 {
        var zs: Float = 0
        for v in 0..<width { zs = relaxed_add(zs, z[v]) }
        losses[row] += smoothing * (z[target] - zs / Float(width))
      }
      if let hits { hits[row] = z[target] == top && !(0..<target).contains { z[$0] == top } ? 1 : 0 }
    }
  }

  func backward(_ memory: Frame) {
    let targets = memory.integers(self.targets)
    let dlosses = memory.gradient(output)
    let logSums = memory.value(self.logSums)
    let width = logits.columns
    let share = memory.share(of: logits.rows)
    if !memory.accumulates(0) {
      (memory.gradient(logits) + share.lowerBound * width).update(repeating: 0, count: share.count * width)
    }
    for row in share {
      let z = memory.value(logits) + row * width
      let dz = memory.gradient(logits) + row * width
      let (scale, logSum) = (dlosses[row], logSums[row])
      for v in 0..<width { dz[v] = fused_multiply_add(scale, exponential(z[v] - logSum), dz[v]) }
      dz[Int(targets[row])] -= scale
      if smoothing > 0 {
        dz[Int(targets[row])] += scale * smoothing
        for v in 0..<width { dz[v] -= scale * smoothing / Float(width) }
      }
    }
  }
}

extension Recorder {
  /// The cross-entropy in nats of each row of logits (R, V) against its target → (R). Targets must be below V.
  ///
  /// - Parameters:
  ///   - hits: R numbers that each replay writes: 1 where the target is the greedy choice, else 0.
  ///   - smoothing: The part ε of each target's probability that is spread evenly over all V tokens, from 0 to 1.
  public func crossEntropy(
    _ logits: Tensor, _ targets: Integers, hits: Integers? = nil, smoothing: Float = 0
  ) -> Tensor {
    precondition(
      logits.rows == targets.count && hits?.count ?? logits.rows == logits.rows && 0...1 ~= smoothing,
      "crossEntropy: logits \(logits.shape), \(targets.count) targets, smoothing \(smoothing)")
    return record(
      CrossEntropy(
        logits: logits, targets: targets, hits: hits, smoothing: smoothing, logSums: tensor([logits.rows]),
        output: tensor([logits.rows], from: [logits])))
  }
}
