import Foundation
import RandomNumbers

/// y = x + σ·n, with n from the standard normal distribution
///
///     dx = dy
///
/// x and y (R, C). The noise of an element is a function of the key of its window, its place in the window and
/// `stream`, so that it depends neither on threads nor on the order of computation.
struct Noise: Operation {
  let x: Tensor
  let deviation: Float
  let keys: Integers
  let stream: Int
  let output: Tensor

  var inputs: [Tensor] { [x] }
  var overwrites: Int? { 0 }

  func forward(_ memory: Frame) {
    let x = memory.value(self.x)
    let y = memory.value(output)
    let keys = memory.integers(self.keys)
    let perWindow = output.count / self.keys.count
    for window in 0..<self.keys.count {
      let key = UInt64(UInt32(bitPattern: keys[window])) << 32 | UInt64(stream) << 24
      for i in 0..<perWindow {
        let index = window * perWindow + i
        y[index] = x[index] + deviation * normal(key | UInt64(i))
      }
    }
  }

  func backward(_ memory: Frame) {
    let (dx, dy) = (memory.gradient(x), memory.gradient(output))
    if dx != dy { store(dy, in: dx, adding: memory.accumulates(0), count: output.count) }
  }

  /// The normal number (Box & Muller 1958) from output number `counter` of SplitMix64.
  private func normal(_ counter: UInt64) -> Float {
    let z = mix(counter &* 0x9E37_79B9_7F4A_7C15)
    let (u, v) = (Double(z >> 32) + 0.5, Double(z & 0xFFFF_FFFF))
    return Float((-2 * log(u * 0x1p-32)).squareRoot() * cos(2 * .pi * v * 0x1p-32))
  }
}

extension Recorder {
  /// x (R, C) plus normal noise with the standard deviation `deviation`. Each of the `keys` belongs to R / keys
  /// adjacent rows.
  ///
  /// - Parameter stream: A number below 256, which differs between operations with the same keys.
  public func noise(_ x: Tensor, deviation: Float, keys: Integers, stream: Int) -> Tensor {
    precondition(
      keys.count > 0 && x.rows.isMultiple(of: keys.count) && (0..<256).contains(stream)
        && x.count / keys.count < 1 << 24, "noise: x \(x.shape), \(keys.count) keys, stream \(stream)")
    return record(
      Noise(x: x, deviation: deviation, keys: keys, stream: stream, output: tensor(x.shape, from: [x])))
  }
}
