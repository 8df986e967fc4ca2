import Foundation

/// Reverse-mode differentiation of scalars in double precision, as an independent reference. Every number
/// is an entry of a list, with at most two parents and the derivatives by them.
final class ScalarTape {
  fileprivate var values: [Double] = []
  private var parents: [(Int, Int)] = []
  private var slopes: [(Double, Double)] = []

  func variable(_ value: Double) -> Scalar { push(value, (0, 0), (0, 0)) }

  fileprivate func push(_ value: Double, _ parent: (Int, Int), _ slope: (Double, Double)) -> Scalar {
    values.append(value)
    parents.append(parent)
    slopes.append(slope)
    return Scalar(tape: self, index: values.count - 1)
  }

  /// The derivatives of `output` by everything on the tape.
  func gradients(of output: Scalar) -> [Double] {
    var gradients = Array(repeating: 0.0, count: values.count)
    gradients[output.index] = 1
    for index in stride(from: output.index, through: 0, by: -1) where gradients[index] != 0 {
      gradients[parents[index].0] += slopes[index].0 * gradients[index]
      gradients[parents[index].1] += slopes[index].1 * gradients[index]
    }
    return gradients
  }
}

/// A number on a tape.
struct Scalar {
  fileprivate let tape: ScalarTape
  let index: Int

  var value: Double { tape.values[index] }

  private func map(_ value: Double, slope: Double) -> Scalar { tape.push(value, (index, index), (slope, 0)) }

  func exponential() -> Scalar { map(exp(value), slope: exp(value)) }
  func logarithm() -> Scalar { map(log(value), slope: 1 / value) }
  func tangent() -> Scalar { map(tanh(value), slope: 1 - tanh(value) * tanh(value)) }
  func inverseRoot() -> Scalar { map(1 / value.squareRoot(), slope: -0.5 * pow(value, -1.5)) }
  func inverse() -> Scalar { map(1 / value, slope: -1 / (value * value)) }

  static func + (a: Scalar, b: Scalar) -> Scalar {
    a.tape.push(a.value + b.value, (a.index, b.index), (1, 1))
  }
  static func - (a: Scalar, b: Scalar) -> Scalar {
    a.tape.push(a.value - b.value, (a.index, b.index), (1, -1))
  }
  static func * (a: Scalar, b: Scalar) -> Scalar {
    a.tape.push(a.value * b.value, (a.index, b.index), (b.value, a.value))
  }
  static func + (a: Scalar, b: Double) -> Scalar { a.map(a.value + b, slope: 1) }
  static func * (a: Scalar, b: Double) -> Scalar { a.map(a.value * b, slope: b) }
}

func sum(_ terms: [Scalar]) -> Scalar { terms.dropFirst().reduce(terms[0], +) }
