import Foundation
import RandomNumbers

/// y = x + σ·n, with n from the standard normal distribution
///
///     dx = dy
///
/// x and y (R, C). The noise of a row follows from the key of its window, its place there and `stream`: who computes it
/// when makes no difference.
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

  /// A number for each counter (Box & Muller 1958): that which SplitMix64 gives after so many others.
  private func normal(_ counter: UInt64) -> Float {
    let z = mix(counter &* 0x9E37_79B9_7F4A_7C15)
    let (u, v) = (Double(z >> 32) + 0.5, Double(z & 0xFFFF_FFFF))
    return Float((-2 * log(u * 0x1p-32)).squareRoot() * cos(2 * .pi * v * 0x1p-32))
  }
}

extension Recorder {
  /// x (R, C) with normal noise of a standard deviation. Each of `keys` stands for as many rows, in order.
  ///
  /// - Parameter stream: Below 256; sets several noises with the same keys apart.
  public func noise(_ x: Tensor, deviation: Float, keys: Integers, stream: Int) -> Tensor {
    precondition(
      keys.count > 0 && x.rows.isMultiple(of: keys.count) && (0..<256).contains(stream)
        && x.count / keys.count < 1 << 24, "noise: x \(x.shape), \(keys.count) keys, stream \(stream)")
    return record(
      Noise(x: x, deviation: deviation, keys: keys, stream: stream, output: tensor(x.shape, from: [x])))
  }
}
