import CBLAS
import Foundation

/// ℓ_r = log Σ_v exp z_rv − z_{r, target_r}: the loss of each row, in nats
///
///     dz_rv = dℓ_r·(softmax(z_r)_v − [v = target_r])
///
/// z (R, V), targets (R), ℓ (R); the statistic is the logarithm of each row's sum. Where asked, `hits` (R) tells
/// whether the target is the first of the greatest logits: what greedy decoding would choose.
struct CrossEntropy: Operation {
  let logits: Tensor
  let targets: Integers
  let hits: Integers?
  let logSums: Tensor
  let output: Tensor

  var inputs: [Tensor] { [logits] }
  var statistics: [Tensor] { [logSums] }
  var saved: [Tensor] { [logits] }

  func forward(_ memory: Frame) {
    let targets = memory.integers(self.targets)
    let hits = self.hits.map(memory.integers)
    let losses = memory.value(output)
    let logSums = memory.value(self.logSums)
    let width = logits.columns
    for row in 0..<logits.rows {
      let z = memory.value(logits) + row * width
      let top = greatest(z, count: width)
      var sum: Float = 0
      for v in 0..<width { sum = relaxed_add(sum, exponential(z[v] - top)) }
      logSums[row] = top + log(sum)
      let target = Int(targets[row])
      losses[row] = logSums[row] - z[target]
      if let hits { hits[row] = z[target] == top && !(0..<target).contains { z[$0] == top } ? 1 : 0 }
    }
  }

  func backward(_ memory: Frame) {
    let targets = memory.integers(self.targets)
    let dlosses = memory.gradient(output)
    let logSums = memory.value(self.logSums)
    let width = logits.columns
    if !memory.accumulates(0) { memory.gradient(logits).update(repeating: 0, count: logits.count) }
    for row in 0..<logits.rows {
      let z = memory.value(logits) + row * width
      let dz = memory.gradient(logits) + row * width
      let (scale, logSum) = (dlosses[row], logSums[row])
      for v in 0..<width { dz[v] = fused_multiply_add(scale, exponential(z[v] - logSum), dz[v]) }
      dz[Int(targets[row])] -= scale
    }
  }
}

extension Recorder {
  /// The cross-entropy in nats of each row of logits (R, V) against its target → (R). Targets must be below V.
  ///
  /// - Parameter hits: Room for R numbers that each replay fills: 1 where the target is the greedy choice, else 0.
  public func crossEntropy(_ logits: Tensor, _ targets: Integers, hits: Integers? = nil) -> Tensor {
    precondition(
      logits.rows == targets.count && hits?.count ?? logits.rows == logits.rows,
      "crossEntropy: logits \(logits.shape), \(targets.count) targets")
    return record(
      CrossEntropy(
        logits: logits, targets: targets, hits: hits, logSums: tensor([logits.rows]),
        output: tensor([logits.rows], from: [logits])))
  }
}
