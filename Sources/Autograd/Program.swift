/// A recorded computation, to be replayed any number of times: `forward` runs the operations up, `backward` down.
///
/// A program holds no data and may be used by many threads at once, each with an `Arena` of its own. Nothing is
/// allocated or checked while it is replayed.
public struct Program: Sendable {
  /// An operation, and what it must know of the others.
  struct Step: Sendable {
    let operation: any Operation
    /// For each input: whether later operations have already stored a gradient, so that this one adds to it.
    let accumulates: [Bool]
    /// Whether it runs backward: its output gets a gradient from a later operation, and one of its inputs needs one.
    let hasGradient: Bool
  }

  let steps: [Step]
  let slots: [Tensor]
  let integerCount: Int
  /// The floats of all inputs.
  let inputCount: Int
  /// The floats of all states.
  public let stateCount: Int
  let gradients: Bool
  /// What the program computes.
  public let output: Tensor
  /// Tensors that the caller reads besides the output.
  let kept: [Tensor]
  /// The floating-point operations of the matrix products of one replay, forward and backward.
  public let flops: Flops

  init(
    operations: [any Operation], slots: [Tensor], integerCount: Int, inputCount: Int, stateCount: Int,
    output: Tensor, kept: [Tensor], gradients: Bool
  ) {
    // Backward, the last operation recorded runs first: it stores a gradient, and those before it add to it.
    var written: Set<Tensor> = [output]
    var reversed: [Step] = []
    for operation in operations.reversed() {
      let hasGradient = gradients && operation.output.needsGradient && written.contains(operation.output)
      reversed.append(
        Step(
          operation: operation,
          accumulates: operation.inputs.map {
            hasGradient && $0.needsGradient && !written.insert($0).inserted
          },
          hasGradient: hasGradient))
    }
    steps = reversed.reversed()
    self.slots = slots
    self.integerCount = integerCount
    self.inputCount = inputCount
    self.stateCount = stateCount
    self.output = output
    self.kept = kept
    self.gradients = gradients
    flops = steps.reduce(into: Flops()) { sum, step in
      let flops = step.operation.flops
      sum += Flops(forward: flops.forward, backward: step.hasGradient ? flops.backward : 0)
    }
  }

  /// The bytes of the states.
  public var stateByteCount: Int { stateCount * MemoryLayout<Float>.stride }

  /// Operations between two calls of `stops`: often enough for large models, and cheap for small ones.
  private static let stopInterval = 8

  /// Computes the output from the integers and inputs in `arena` and from `parameters`.
  ///
  /// - Parameters:
  ///   - team: Threads that share the work. This one is the leader.
  ///   - stops: Called every few operations. If it returns true, the computation ends early.
  /// - Returns: Whether the output is complete.
  @discardableResult
  public func forward(
    _ arena: Arena, parameters: FloatBuffer, by team: Team? = nil, unless stops: () -> Bool = { false }
  ) -> Bool {
    if arena.isIsolated { arena.fillWithNaN() }
    let replay = Replay(program: self, arena: arena, parameters: parameters, gradients: nil)
    return withoutSubnormals {
      for index in steps.indices {
        if index.isMultiple(of: Self.stopInterval), stops() { return false }
        replay.run(index, by: team)
      }
      return true
    }
  }

  /// Computes the gradients of all trainable parameters that the program uses from the gradient of the output, which
  /// the caller has written to `arena.outputGradient`. `forward` must have run on the same arena just before.
  ///
  /// Gradients are stored, not added: `gradients` need not be zeroed. The gaps between them stay as they are.
  ///
  /// - Parameters:
  ///   - team: Threads that share the work. This one is the leader.
  ///   - stops: Called every few operations. If it returns true, the computation ends early.
  public func backward(
    _ arena: Arena, parameters: FloatBuffer, gradients: FloatBuffer, by team: Team? = nil,
    unless stops: () -> Bool = { false }
  ) {
    precondition(self.gradients, "this program was recorded without gradients")
    let replay = Replay(program: self, arena: arena, parameters: parameters, gradients: gradients)
    withoutSubnormals {
      for index in steps.indices.reversed() where steps[index].hasGradient {
        if index.isMultiple(of: Self.stopInterval), stops() { return }
        replay.run(index, by: team)
      }
    }
  }

  /// Whether threads can share all operations with matrix products.
  public var isShared: Bool { steps.allSatisfy { $0.operation.isShared || $0.operation.flops.total == 0 } }

  /// The most floats of scratch memory that one thread needs for a part of a shared operation.
  var sharedScratch: Int { steps.lazy.map(\.operation).filter(\.isShared).map(\.scratch).max() ?? 0 }
}

/// One run of a program, forward or backward.
struct Replay {
  let program: Program
  let arena: Arena
  let parameters: FloatBuffer
  /// Nil forward.
  let gradients: FloatBuffer?

  var isForward: Bool { gradients == nil }

  /// Runs one operation: on this thread, or shared among those of the team.
  func run(_ step: Int, by team: Team?) {
    if let team, program.steps[step].operation.isShared {
      team.run(step, of: self)
    } else {
      run(step, part: 0, of: 1, scratch: nil)
    }
  }

  /// Runs a part of an operation.
  ///
  /// - Parameter scratch: The memory for intermediate results; nil for that of the arena.
  func run(_ step: Int, part: Int, of parts: Int, scratch: Floats?) {
    let offsets = arena.plan.scratchOffsets[step]
    let frame = Frame(
      arena, step, part: part, of: parts,
      scratch: scratch ?? arena.floats.start + (isForward ? offsets.forward : offsets.backward),
      parameters: parameters, gradients: gradients)
    let operation = program.steps[step].operation
    if isForward { operation.forward(frame) } else { operation.backward(frame) }
  }
}

extension Program {
  /// Those of `flops` that the data spared the last `forward` in `arena`, and spare the `backward` after it.
  public func spared(_ arena: Arena) -> Flops {
    steps.reduce(into: Flops()) { sum, step in
      let spared = step.operation.spared(arena)
      sum += Flops(forward: spared.forward, backward: step.hasGradient ? spared.backward : 0)
    }
  }
}

/// The memory that an operation can access while a program is replayed.
public struct Frame {
  private let arena: Arena
  private let accumulate: [Bool]
  private let parameters: UnsafeMutablePointer<Float>
  private let gradients: UnsafeMutablePointer<Float>?
  /// Memory for intermediate results of this one call, with arbitrary contents.
  let scratch: UnsafeMutablePointer<Float>

  /// The number of this part of the operation, and of all its parts.
  private let part: (index: Int, count: Int)

  init(
    _ arena: Arena, _ step: Int, part: Int, of parts: Int, scratch: Floats, parameters: FloatBuffer,
    gradients: FloatBuffer?
  ) {
    self.arena = arena
    self.part = (part, parts)
    accumulate = arena.program.steps[step].accumulates
    self.parameters = parameters.start
    self.gradients = gradients?.start
    self.scratch = scratch
  }

  /// Which of `n` independent items, such as rows, this call computes: all of them, or one of several equal parts where
  /// threads share the operation.
  func share(of n: Int) -> Range<Int> { n * part.index / part.count..<n * (part.index + 1) / part.count }

  /// Whether this call computes all items.
  var isWhole: Bool { part.count == 1 }

  /// Whether this call computes the first items, or all of them.
  var isFirst: Bool { part.index == 0 }

  /// The elements of a tensor.
  func value(_ tensor: Tensor) -> UnsafeMutablePointer<Float> {
    switch tensor.place {
    case .parameter(let offset, _): parameters + offset
    case .input(let offset): arena.inputs.start + offset
    case .slot(let index): arena.floats.start + arena.plan.valueOffsets[index]
    case .state(let offset): arena.states.start + offset
    }
  }

  /// The elements that a state had before the replay, which are its present ones where the arena does not keep them
  /// (`Arena.carry`).
  func earlier(_ state: Tensor) -> UnsafeMutablePointer<Float> {
    guard case .state(let offset) = state.place else {
      preconditionFailure("the tensor \(state.shape) is not a state")
    }
    return arena.earlierStates.start + offset
  }

  /// The elements of a tensor's gradient, while running backward.
  func gradient(_ tensor: Tensor) -> UnsafeMutablePointer<Float> {
    switch tensor.place {
    case .parameter(_, let offset):
      guard let gradients, let offset else { preconditionFailure("a parameter without gradient") }
      return gradients + offset
    case .input: preconditionFailure("an input has no gradient")
    case .slot(let index): return arena.floats.start + arena.plan.gradientOffsets[index]
    case .state: preconditionFailure("a state has no gradient")
    }
  }

  /// The elements of an array of integers.
  func integers(_ integers: Integers) -> UnsafeMutablePointer<Int32> { arena.integers(integers) }

  /// Whether the gradient of input number `input` is added to the present one; otherwise it replaces it.
  func accumulates(_ input: Int) -> Bool { accumulate[input] }
}
