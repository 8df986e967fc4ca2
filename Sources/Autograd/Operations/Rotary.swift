import Foundation

/// Rotates each pair (u, v) of some columns, those of queries and keys, by the angle t·ω_i at position t
/// (Su et al. 2021)
///
///     u′ = u·cos − v·sin    v′ = u·sin + v·cos    ω_i = base^(−2i/D)
///
/// and their gradients back by the same angle. x and y (B·T, columns). The rotated columns are heads of width D, in
/// which pair i is elements i and i + D/2. Other columns are copied.
struct Rotary: Operation {
  let x: ColumnView
  /// cos and sin of the angles, each (T, D/2).
  let angles: RotaryAngles
  /// Where the rows continue sequences; nil where they are whole windows.
  let positions: Continuation?
  let output: Tensor

  var inputs: [Tensor] { [x.tensor] }
  var overwrites: Int? { 0 }
  var isShared: Bool { true }

  func forward(_ memory: Frame) {
    let (x, y) = (memory.value(self.x.tensor), memory.value(output))
    let rows = memory.share(of: output.rows)
    let (start, count) = (rows.lowerBound * output.columns, rows.count * output.columns)
    if x != y { (y + start).update(from: x + start, count: count) }
    turn(y, rows, sign: 1, starts: positions.map { memory.integers($0.starts) })
  }

  func backward(_ memory: Frame) {
    let (dx, dy) = (memory.gradient(x.tensor), memory.gradient(output))
    let rows = memory.share(of: output.rows)
    if dx == dy {
      turn(dx, rows, sign: -1, starts: nil)
    } else {
      // The gradient of the output is not needed any more: it may be rotated in place.
      turn(dy, rows, sign: -1, starts: nil)
      let (start, count) = (rows.lowerBound * output.columns, rows.count * output.columns)
      store(dy + start, in: dx + start, adding: memory.accumulates(0), count: count)
    }
  }

  private func turn(_ start: Floats, _ rows: Range<Int>, sign: Float, starts: UnsafePointer<Int32>?) {
    let half = angles.headDimension / 2
    let heads = x.count / angles.headDimension
    let (first, step) = (x.first, x.stride)
    angles.cosines.withUnsafeBufferPointer { cosines in
      angles.sines.withUnsafeBufferPointer { sines in
        for row in rows {
          let position =
            if let positions, let starts {
              positions.position(of: row, starts: starts, last: angles.context - 1)
            } else {
              row % angles.context
            }
          let angle = position * half
          for head in 0..<heads {
            let u = start + row * step + first + head * 2 * half
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

/// The angles of rotary positions, shared by all layers of a model.
public struct RotaryAngles: Sendable {
  /// Positions T.
  public let context: Int
  /// The even width D of a head.
  public let headDimension: Int
  let cosines: [Float]
  let sines: [Float]

  /// The base that suits contexts of a hundred or so.
  public static let usualBase = 100.0

  /// - Parameters:
  ///   - context: Positions T.
  ///   - headDimension: The even width D of a head.
  ///   - base: The longest wavelength over 2π.
  public init(context: Int, headDimension: Int, base: Double = usualBase) {
    precondition(headDimension.isMultiple(of: 2), "rotary: heads of odd width \(headDimension)")
    self.context = context
    self.headDimension = headDimension
    let half = headDimension / 2
    let angles = (0..<context).flatMap { t in
      (0..<half).map { i in Double(t) * pow(base, -Double(i) / Double(half)) }
    }
    cosines = angles.map { Float(cos($0)) }
    sines = angles.map { Float(sin($0)) }
  }
}

extension Recorder {
  /// Rotates columns of x (B·T, columns), heads of the angles' width D, by their positions → the whole tensor, its
  /// other columns unchanged.
  ///
  /// - Parameter positions: Where the rows continue sequences; nil where they are whole windows.
  public func rotary(_ x: ColumnView, angles: RotaryAngles, _ positions: Continuation? = nil) -> Tensor {
    precondition(
      x.count.isMultiple(of: angles.headDimension)
        && x.rows.isMultiple(of: positions?.rows ?? angles.context) && (positions == nil || !gradients),
      "rotary: columns \(x.range) of \(x.tensor.shape) against heads of \(angles.headDimension) and "
        + "\(angles.context) positions")
    return record(
      Rotary(x: x, angles: angles, positions: positions, output: tensor(x.tensor.shape, from: [x.tensor])))
  }
}
