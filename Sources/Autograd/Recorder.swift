/// Records operations in the order in which a model calls them, which is already a topological order.
///
///     let recorder = Recorder(gradients: true)
///     let logits = recorder.linear(x, weight)
///     let program = recorder.finish(recorder.crossEntropy(logits, targets))
public final class Recorder {
  private(set) var operations: [any Operation] = []
  private(set) var slots: [Tensor] = []
  private(set) var integerCount = 0
  private(set) var inputCount = 0
  private(set) var stateCount = 0
  /// Whether the program can run backward. One that cannot keeps no values for it.
  public let gradients: Bool
  /// Whether a window begins with the recurrent states that the window in its place had at its end in the last replay,
  /// instead of none. No gradient passes from a window to the one before.
  public let carries: Bool
  /// What computes matrix products.
  let kernel: ProductKernel

  public init(gradients: Bool, carries: Bool = false, kernel: ProductKernel = Precision.float32.kernel) {
    self.gradients = gradients
    self.carries = carries
    self.kernel = kernel
  }

  /// Adds an array of `count` whole numbers, which the caller fills before each `forward`.
  public func integers(_ count: Int) -> Integers {
    defer { integerCount += roundedToCacheLine(count) }
    return Integers(offset: integerCount, count: count)
  }

  /// Adds a tensor that the caller fills before each `forward`, such as a mask or a teacher's probabilities.
  public func input(_ shape: [Int]) -> Tensor {
    let tensor = Tensor(place: .input(offset: inputCount), shape: shape, needsGradient: false)
    inputCount += roundedToCacheLine(tensor.count)
    return tensor
  }

  /// Adds a tensor that keeps its contents from one replay to the next, such as a key-value cache or the state of a
  /// recurrent layer. It is initially zero; operations read and write it. Programs with gradients have states only where
  /// windows carry them.
  public func state(_ shape: [Int]) -> Tensor {
    precondition(!gradients || carries, "state: \(shape) in a program with gradients")
    let tensor = Tensor(place: .state(offset: stateCount), shape: shape, needsGradient: false)
    stateCount += roundedToCacheLine(tensor.count)
    return tensor
  }

  /// Makes a tensor in the arena: the output of an operation from `inputs`, or a statistic of it (no inputs).
  func tensor(_ shape: [Int], from inputs: [Tensor] = []) -> Tensor {
    let needsGradient = gradients && inputs.contains { $0.needsGradient }
    let tensor = Tensor(place: .slot(index: slots.count), shape: shape, needsGradient: needsGradient)
    slots.append(tensor)
    return tensor
  }

  /// Adds an operation to the program and returns its output.
  func record(_ operation: some Operation) -> Tensor {
    operations.append(operation)
    return operation.output
  }

  /// Returns the recorded program with `output` as its result.
  ///
  /// - Parameter kept: Tensors that the caller reads too, after `forward`.
  public func finish(_ output: Tensor, keeping kept: [Tensor] = []) -> Program {
    Program(
      operations: operations, slots: slots, integerCount: integerCount, inputCount: inputCount,
      stateCount: stateCount, output: output, kept: kept, gradients: gradients)
  }
}
