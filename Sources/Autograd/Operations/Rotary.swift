import Foundation

/// Turns each pair (u, v) of a query's or key's elements by the angle t·ω_i at position t   (Su et al. 2021)
///
///     u′ = u·cos − v·sin    v′ = u·sin + v·cos    ω_i = base^(−2i/D)
///
/// and their gradients back by the same angle. x and y (B·T, 3·H·D) hold queries, keys and values, heads within
/// each; the pair i of a head is its elements i and i + D/2; values pass unchanged.
struct Rotary: Operation {
  let x: Tensor
  let heads: Int
  /// cos and sin of the angles, each (T, D/2).
  let angles: RotaryAngles
  let output: Tensor

  var inputs: [Tensor] { [x] }
  var overwrites: Int? { 0 }

  func forward(_ memory: Frame) {
    let (x, y) = (memory.value(self.x), memory.value(output))
    if x != y { y.update(from: x, count: output.count) }
    turn(y, sign: 1)
  }

  func backward(_ memory: Frame) {
    let (dx, dy) = (memory.gradient(x), memory.gradient(output))
    if dx == dy {
      turn(dx, sign: -1)
    } else {
      // The gradient of the output is needed no more: it may be turned where it is.
      turn(dy, sign: -1)
      store(dy, in: dx, adding: memory.accumulates(0), count: output.count)
    }
  }

  private func turn(_ start: Floats, sign: Float) {
    let width = output.columns / 3
    let half = width / heads / 2
    angles.cosines.withUnsafeBufferPointer { cosines in
      angles.sines.withUnsafeBufferPointer { sines in
        for row in 0..<output.rows {
          let angle = row % angles.context * half
          for head in 0..<2 * heads {
            let u = start + row * 3 * width + head * 2 * half
            let v = u + half
            for i in 0..<half {
              let (cos, sin) = (cosines[angle + i], sign * sines[angle + i])
              (u[i], v[i]) = (u[i] * cos - v[i] * sin, u[i] * sin + v[i] * cos)
            }
          }
        }
      }
    }
  }
}

/// The angles of rotary positions, shared by all blocks of a model.
public struct RotaryAngles: Sendable {
  let context: Int
  let cosines: [Float]
  let sines: [Float]

  /// - Parameters:
  ///   - context: Positions T.
  ///   - headDimension: The even width D of a head.
  ///   - base: The longest wavelength over 2π. 100 suits contexts of a hundred or so.
  public init(context: Int, headDimension: Int, base: Double = 100) {
    precondition(headDimension.isMultiple(of: 2), "rotary: heads of odd width \(headDimension)")
    self.context = context
    let half = headDimension / 2
    let angles = (0..<context).flatMap { t in
      (0..<half).map { i in Double(t) * pow(base, -Double(i) / Double(half)) }
    }
    cosines = angles.map { Float(cos($0)) }
    sines = angles.map { Float(sin($0)) }
  }
}

extension Recorder {
  /// Turns queries and keys of x (B·T, 3·H·D) by their positions → (B·T, 3·H·D).
  public func rotary(_ x: Tensor, heads: Int, angles: RotaryAngles) -> Tensor {
    precondition(
      x.columns.isMultiple(of: 3 * heads)
        && angles.cosines.count == angles.context * (x.columns / 3 / heads / 2)
        && x.rows.isMultiple(of: angles.context),
      "rotary: x \(x.shape) with \(heads) heads against \(angles.context) positions")
    return record(Rotary(x: x, heads: heads, angles: angles, output: tensor(x.shape, from: [x])))
  }
}
