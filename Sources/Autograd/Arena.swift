/// The memory of a program: values, gradients and scratch of one replay, planned once; the inputs that the caller
/// fills; and states, which keep their contents from one replay to the next.
///
/// An arena belongs to one thread at a time.
public final class Arena {
  let program: Program
  let plan: MemoryPlan
  let floats: FloatBuffer
  let inputs: FloatBuffer
  /// A separate buffer, which replays overwrite only through operations.
  private(set) var states: FloatBuffer
  /// What the states were before a replay: the same buffer, unless `carry` has set another.
  private(set) var earlierStates: FloatBuffer
  private let integerStart: UnsafeMutablePointer<Int32>
  let isIsolated: Bool

  /// - Parameter isolated: Gives every slot memory of its own, filled with NaN before each step. Slower and much
  ///   larger; the numbers must be the same, or the plan lets two things share memory that live at one time.
  public convenience init(for program: Program, isolated: Bool = false) {
    self.init(program, states: FloatBuffer(count: program.stateCount), isolated: isolated)
  }

  /// An arena that shares the states of `other`, whose program must have the same ones: one program reads what the
  /// other has written, such as a prompt's keys and values.
  public convenience init(for program: Program, statesOf other: Arena, isolated: Bool = false) {
    precondition(
      program.stateCount == other.program.stateCount,
      "a program with \(program.stateCount) floats of states does not fit one with \(other.program.stateCount)"
    )
    self.init(program, states: other.states, isolated: isolated)
  }

  private init(_ program: Program, states: FloatBuffer, isolated: Bool) {
    self.program = program
    self.states = states
    earlierStates = states
    isIsolated = isolated
    plan = MemoryPlan(for: program, shared: !isolated)
    floats = FloatBuffer(count: plan.count)
    inputs = FloatBuffer(count: program.inputCount)
    integerStart = .allocate(capacity: max(program.integerCount, 1))
    integerStart.update(repeating: 0, count: program.integerCount)
  }

  deinit { integerStart.deallocate() }

  /// Makes the next replays of a program whose windows carry states read these from `earlier`, which they leave as it
  /// is, and write them to `later`. Both must have the program's `stateCount`. A program with gradients must have
  /// separate buffers, as `backward` reads the earlier states too.
  public func carry(from earlier: FloatBuffer, to later: FloatBuffer) {
    precondition(
      earlier.count == program.stateCount && later.count == program.stateCount,
      "buffers of \(earlier.count) and \(later.count) floats for \(program.stateCount) floats of states")
    (earlierStates, states) = (earlier, later)
  }

  /// Makes the next windows of a program whose windows carry states begin with none.
  public func clearStates() { earlierStates.start.update(repeating: 0, count: earlierStates.count) }

  /// The size of the arena in bytes, states included (also shared ones).
  public var byteCount: Int { Self.byteCount(plan, program) }

  /// The bytes that an arena for `program` would have, found without making it.
  public static func byteCount(for program: Program) -> Int {
    byteCount(MemoryPlan(for: program, shared: true), program)
  }

  private static func byteCount(_ plan: MemoryPlan, _ program: Program) -> Int {
    (plan.count + program.inputCount + program.stateCount) * MemoryLayout<Float>.stride
      + program.integerCount * MemoryLayout<Int32>.stride
  }

  /// The elements of the program's output, valid after `forward`.
  public var output: UnsafeMutableBufferPointer<Float> { slot(program.output, plan.valueOffsets) }

  /// The elements of a tensor that the program keeps, valid after `forward`.
  public func value(of kept: Tensor) -> UnsafeBufferPointer<Float> {
    precondition(program.kept.contains(kept), "a tensor \(kept.shape) that the program does not keep")
    return UnsafeBufferPointer(slot(kept, plan.valueOffsets))
  }

  /// The gradient of the output, which the caller writes before `backward`.
  public var outputGradient: UnsafeMutableBufferPointer<Float> {
    precondition(
      program.gradients && program.output.needsGradient, "an output \(program.output.shape) without gradient")
    return slot(program.output, plan.gradientOffsets)
  }

  /// The elements of an array of integers, which the caller writes before `forward`.
  public func integers(_ integers: Integers) -> UnsafeMutablePointer<Int32> { integerStart + integers.offset }

  /// The elements of an input, which the caller writes before `forward`.
  public func input(_ input: Tensor) -> UnsafeMutableBufferPointer<Float> {
    guard case .input(let offset) = input.place else {
      preconditionFailure("the tensor \(input.shape) is not an input")
    }
    return UnsafeMutableBufferPointer(start: inputs.start + offset, count: input.count)
  }

  func fillWithNaN() { floats.start.update(repeating: .nan, count: floats.count) }

  private func slot(_ tensor: Tensor, _ offsets: [Int]) -> UnsafeMutableBufferPointer<Float> {
    guard case .slot(let index) = tensor.place else {
      preconditionFailure("a program's output must be computed by an operation")
    }
    return UnsafeMutableBufferPointer(start: floats.start + offsets[index], count: tensor.count)
  }
}
