import Autograd
import Models

/// What training minimises. Validation is always the cross-entropy of the next token.
///
/// To add one: a file in this folder with a type that conforms, and its name in `trainingObjectives`.
public protocol TrainingObjective: Selectable {
  /// - Parameters:
  ///   - selection: The values of its settings.
  ///   - seed: The seed of its random choices.
  init(_ selection: Selection, seed: UInt64)

  /// Records the losses (R) of logits (R, V), whose mean over all rows is minimised.
  func record(_ logits: Tensor, _ batch: inout ObjectiveBatch, _ recorder: Recorder) -> Tensor

  /// Fills the objective's own inputs for one window of a batch.
  func fill(_ window: ObjectiveBatch.Window)
}

extension TrainingObjective {
  public func fill(_ window: ObjectiveBatch.Window) {}
}

/// All objectives; the first is the default.
public let trainingObjectives: [any TrainingObjective.Type] = [NextToken.self, SmoothedNextToken.self]

extension TrainingConfiguration {
  /// The objective. `check` must have passed.
  func makeObjective(seed: UInt64) -> any TrainingObjective {
    let type = trainingObjectives.first { $0.name == objective?.name } ?? trainingObjectives[0]
    return type.init(objective ?? Selection(type), seed: seed)
  }
}

/// The inputs of a recorded objective: tokens, targets, and floats of its own such as a mask or a teacher's probabilities.
public struct ObjectiveBatch: Sendable {
  /// The tokens (R) that the model reads.
  public let tokens: Integers
  /// The tokens (R) that the model should predict.
  public let targets: Integers
  /// Windows in a batch: each has R / windows rows.
  public let windows: Int
  /// The inputs that the objective has added, in order.
  private(set) var inputs: [Tensor] = []

  init(tokens: Integers, targets: Integers, windows: Int) {
    self.tokens = tokens
    self.targets = targets
    self.windows = windows
  }

  /// Adds an input, which `fill` writes: (R, columns), or (R) without columns. To be called from `record`.
  public mutating func input(columns: Int? = nil, _ recorder: Recorder) -> Tensor {
    let input = recorder.input([targets.count] + (columns.map { [$0] } ?? []))
    inputs.append(input)
    return input
  }

  /// A window that is being filled.
  public struct Window {
    let arena: Arena
    let batch: ObjectiveBatch
    /// Its place in the batch, from 0.
    let slot: Int
    /// Its place among all windows of the training, from 0.
    let position: Int

    /// Rows of a window, T.
    public var context: Int { batch.targets.count / batch.windows }

    /// The window's tokens (T).
    public var tokens: UnsafeBufferPointer<Int32> { rows(of: batch.tokens) }

    /// The window's targets (T).
    public var targets: UnsafeBufferPointer<Int32> { rows(of: batch.targets) }

    private func rows(of integers: Integers) -> UnsafeBufferPointer<Int32> {
      UnsafeBufferPointer(start: arena.integers(integers) + slot * context, count: context)
    }

    /// The window's rows of input number `index`.
    public func input(_ index: Int) -> UnsafeMutableBufferPointer<Float> {
      let all = arena.input(batch.inputs[index])
      let count = all.count / batch.windows
      return UnsafeMutableBufferPointer(rebasing: all[slot * count..<(slot + 1) * count])
    }
  }
}
