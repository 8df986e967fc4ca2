/// The seconds that each kind of operation takes in one replay of a program, by the name of its type.
public struct OperationTimes: Sendable {
  public fileprivate(set) var forward: [String: Double] = [:]
  public fileprivate(set) var backward: [String: Double] = [:]

  public init() {}
}

extension Program {
  /// Runs forward and backward as training does, a clock around each operation, and adds what it shows to `times`.
  /// The clock costs some hundredths of a microsecond a call: a step is not timed with it.
  ///
  /// - Parameter weight: The gradient of every element of the output.
  public func time(
    _ arena: Arena, parameters: FloatBuffer, gradients: FloatBuffer, weight: Float,
    addingTo times: inout OperationTimes
  ) {
    withoutSubnormals { timeSteps(arena, parameters, gradients, weight: weight, addingTo: &times) }
  }

  private func timeSteps(
    _ arena: Arena, _ parameters: FloatBuffer, _ gradients: FloatBuffer, weight: Float,
    addingTo times: inout OperationTimes
  ) {
    let clock = ContinuousClock()
    let forward = Replay(program: self, arena: arena, parameters: parameters, gradients: nil)
    let backward = Replay(program: self, arena: arena, parameters: parameters, gradients: gradients)
    for (index, step) in steps.enumerated() {
      let time = clock.measure { forward.run(index, by: nil) } / .seconds(1)
      times.forward[step.name, default: 0] += time
    }
    arena.outputGradient.update(repeating: weight)
    for (index, step) in steps.enumerated().reversed() where step.hasGradient {
      let time = clock.measure { backward.run(index, by: nil) } / .seconds(1)
      times.backward[step.name, default: 0] += time
    }
  }
}

extension Program.Step {
  /// The name of the operation, whatever the types that it is generic in.
  fileprivate var name: String { String("\(type(of: operation))".prefix { $0 != "<" }) }
}
