import Autograd

/// The cross-entropy of each token given those before it.
struct NextToken: TrainingObjective {
  static let name = "next_token"
  static let meaning = "cross-entropy of each token given those before it"
  static let settings: [NumberSetting] = []

  init(_ selection: Selection, seed: UInt64) {}

  func record(_ logits: Tensor, _ batch: inout ObjectiveBatch, _ recorder: Recorder) -> Tensor {
    recorder.crossEntropy(logits, batch.targets)
  }
}
