import Autograd
import Corpora
import RandomNumbers

/// The cross-entropy of the next token with label smoothing, on a random part of the targets.
///
/// The mask leaves out a fraction of each window's targets. Which ones follows from the run's seed and the window's
/// position in the training. Every window keeps equally many, so that the mean over the kept rows is the mean over all
/// rows with weights 0 and rows / kept rows.
struct SmoothedNextToken: TrainingObjective {
  static let name = "smoothed_next_token"
  static let meaning = "next_token with label smoothing, on a fraction of the targets"
  static let labelSmoothing = NumberSetting(
    "label_smoothing", default: 0.1, in: 0...1,
    "probability that is spread evenly over all tokens")
  static let mask = NumberSetting(
    "mask", default: 0, in: 0...0.99, "fraction of the targets, chosen at random, that the loss leaves out")
  static let settings = [labelSmoothing, mask]

  private let smoothing: Float
  private let masked: Double
  private let seed: UInt64

  init(_ selection: Selection, seed: UInt64) {
    smoothing = Float(selection[Self.labelSmoothing])
    masked = selection[Self.mask]
    self.seed = seed
  }

  func record(_ logits: Tensor, _ batch: inout ObjectiveBatch, _ recorder: Recorder) -> Tensor {
    let losses = recorder.crossEntropy(logits, batch.targets, smoothing: smoothing)
    return masked > 0 ? recorder.multiply(losses, batch.input(recorder)) : losses
  }

  func fill(_ window: ObjectiveBatch.Window) {
    guard masked > 0 else { return }
    let (weights, rows) = (window.input(0), window.context)
    let kept = max(1, rows - Int((masked * Double(rows)).rounded()))
    let order = Shuffle(count: rows, key: mix(mix(seed, 0x6D61_736B), UInt64(window.position)))
    for row in 0..<rows { weights[row] = order[row] < kept ? Float(rows) / Float(kept) : 0 }
  }
}
