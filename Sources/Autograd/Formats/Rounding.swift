import CBLAS
import RandomNumbers

/// Rounds vectors to a format.
struct Rounding: Hashable, Sendable {
  let format: NumberFormat

  /// y ← x rounded, for `count` numbers of one channel at a distance of `stride`; x may be y. A block, or a channel without
  /// blocks, that has an infinite number or NaN stays as it is, so that a diverged training shows.
  ///
  /// - Parameter key: Determines random rounding; nil to round to nearest, ties to even.
  @inline(__always)
  func callAsFunction(_ x: Floats, to y: Floats, count: Int, stride: Int, random key: UInt64?) {
    guard let grid = format.grid else { return copy(x, y, 0..<count, stride) }
    for first in Swift.stride(from: 0, to: count, by: max(format.block ?? count, 1)) {
      let range = first..<min(first + (format.block ?? count), count)
      switch grid {
      case .bfloat16:
        if let key {
          for i in range { y[i * stride] = truncated(x[i * stride], uniform: mix(key &+ UInt64(i))) }
        } else {
          for i in range { y[i * stride] = rounded_to_bfloat16(x[i * stride]) }
        }
      case .floats(let floats):
        // The common power of two brings the greatest magnitude to the greatest exponent of the format.
        let greatest = greatest(x, range, stride)
        let exponent = greatest.exponent.addingReportingOverflow(-floats.greatest.exponent)
        let scale = Float(
          sign: .plus, exponent: max(exponent.overflow ? 0 : exponent.partialValue, -126), significand: 1)
        guard greatest >= .leastNormalMagnitude, greatest.isFinite else {
          copy(x, y, range, stride)
          continue
        }
        let inverse = 1 / scale
        if let key {
          for i in range {
            y[i * stride] = scale * floats.rounded(x[i * stride] * inverse, uniform: uniform(key, i))
          }
        } else {
          for i in range { y[i * stride] = scale * floats.rounded(x[i * stride] * inverse) }
        }
      case .integers(let limit):
        round(x, y, range, stride, scale: greatest(x, range, stride) / limit, limit, key)
      case .ternary:
        var sum: Float = 0
        for i in range { sum += abs(x[i * stride]) }
        round(x, y, range, stride, scale: sum / Float(range.count), 1, key)
      }
    }
  }

  /// Rounds to `scale` times whole numbers of at most `limit`.
  @inline(__always)
  private func round(
    _ x: Floats, _ y: Floats, _ range: Range<Int>, _ stride: Int, scale: Float, _ limit: Float, _ key: UInt64?
  ) {
    guard scale >= .leastNormalMagnitude, scale.isFinite else { return copy(x, y, range, stride) }
    if let key {
      for i in range {
        let whole = (x[i * stride] / scale + uniform(key, i)).rounded(.down)
        y[i * stride] = scale * max(-limit, min(limit, whole))
      }
    } else {
      for i in range {
        y[i * stride] = scale * max(-limit, min(limit, (x[i * stride] / scale).rounded(.toNearestOrEven)))
      }
    }
  }

  /// The greatest magnitude, or NaN if there is one.
  @inline(__always)
  private func greatest(_ x: Floats, _ range: Range<Int>, _ stride: Int) -> Float {
    var greatest: Float = 0
    for i in range {
      let magnitude = abs(x[i * stride])
      greatest = greatest >= magnitude || greatest.isNaN ? greatest : magnitude
    }
    return greatest
  }

  @inline(__always)
  private func copy(_ x: Floats, _ y: Floats, _ range: Range<Int>, _ stride: Int) {
    guard x != y else { return }
    for i in range { y[i * stride] = x[i * stride] }
  }

  /// A random number in [0, 1) that is a function of the key and the place.
  @inline(__always)
  private func uniform(_ key: UInt64, _ place: Int) -> Float {
    Float(mix(key &+ UInt64(place)) >> 40) * 0x1p-24
  }

  /// One of the neighbours in bfloat16, with probabilities such that the mean is x.
  @inline(__always)
  private func truncated(_ x: Float, uniform bits: UInt64) -> Float {
    guard x.isFinite else { return x }
    return Float(bitPattern: (x.bitPattern &+ UInt32(truncatingIfNeeded: bits & 0xFFFF)) & 0xFFFF_0000)
  }
}
