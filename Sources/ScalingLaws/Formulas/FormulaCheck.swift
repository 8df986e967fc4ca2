import Foundation

/// Finds a parameter without an effect of its own: the derivative with respect to it is zero, or a combination of the
/// others, at random points.
struct FormulaCheck {
  /// A parameter that should not be there.
  struct Fault {
    let parameter: Int
    /// True if the formula does not depend on it at all.
    let isIdle: Bool
  }

  private(set) var fault: Fault?

  /// - Parameter scales: The size of each variable.
  init(_ program: FormulaProgram, domains: [Domain], scales: [Double]) {
    var generator = SeededGenerator(seed: 1)
    var moves = domains.map { _ in false }
    var adds = domains.map { _ in false }
    var isDefined = false
    for _ in 0..<12 {
      let θ = domains.map { domain in
        let size = exp(3 * generator.uniform() - 1.5)
        return domain != .positive && generator.uniform() < 0.5 ? -size : size
      }
      var rows: [[Double]] = []
      for _ in 0..<(3 * domains.count + 20) {
        let values = scales.map { $0 * exp(4 * generator.uniform() - 3) }
        if let row = Self.gradient(program, θ, values) { rows.append(row) }
      }
      guard rows.count >= domains.count + 2 else { continue }
      isDefined = true
      var columns = domains.indices.map { parameter in rows.map { $0[parameter] } }
      for index in columns.indices {
        let norm = dot(columns[index], columns[index]).squareRoot()
        guard norm > 0 else { continue }
        moves[index] = true
        columns[index] = columns[index].map { $0 / norm }
        // What is left of a column after its projections on those before it (Gram and Schmidt, twice).
        for _ in 0..<2 {
          for earlier in 0..<index {
            let part = dot(columns[earlier], columns[index])
            columns[index] = zip(columns[index], columns[earlier]).map { $0 - part * $1 }
          }
        }
        let rest = dot(columns[index], columns[index]).squareRoot()
        if rest > 1e-9 { adds[index] = true }
        if rest > 0 { columns[index] = columns[index].map { $0 / rest } }
      }
    }
    guard isDefined else { return }
    if let idle = moves.firstIndex(of: false) {
      fault = Fault(parameter: idle, isIdle: true)
    } else if let double = adds.firstIndex(of: false) {
      fault = Fault(parameter: double, isIdle: false)
    }
  }

  /// Returns the relative derivatives of the value at a point; nil where they are not all finite.
  private static func gradient(_ program: FormulaProgram, _ θ: [Double], _ values: [Double]) -> [Double]? {
    let logs = values.map { log($0) }
    var gradient: [Double] = []
    for block in stride(from: 0, to: θ.count, by: Dual.lanes) {
      let numbers = θ.enumerated().map { Dual($1, lane: $0 - block) }
      let value = values.withUnsafeBufferPointer { values in
        logs.withUnsafeBufferPointer { logs -> Dual in
          guard let values = values.baseAddress, let logs = logs.baseAddress else { return Dual(.nan) }
          return FormulaProgram.Evaluation(program, numbers)(Point(values: values, logs: logs))
        }
      }
      for lane in 0..<min(Dual.lanes, θ.count - block) {
        let size = value.derivatives[lane] * θ[block + lane]
        // A rounding error of parts that cancel is no effect.
        let isNothing = abs(size) <= 1e-12 * abs(value.value)
        // A row may be divided by any number, so that points with large values do not hide the others.
        gradient.append(isNothing ? 0 : value.value == 0 ? size : size / abs(value.value))
      }
    }
    return gradient.allSatisfy(\.isFinite) ? gradient : nil
  }
}
