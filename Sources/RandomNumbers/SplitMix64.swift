import Foundation

/// Returns a hash of `x`: the step and the finaliser of SplitMix64 (Steele, Lea & Flood 2014), a bijection of 64 bits
/// in which every bit of the result depends on every bit of `x`.
@inlinable @inline(__always)
public func mix(_ x: UInt64) -> UInt64 {
  var z = x &+ 0x9E37_79B9_7F4A_7C15
  z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
  z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
  return z ^ (z >> 31)
}

/// Returns a hash of two numbers, which depends on their order.
@inlinable @inline(__always)
public func mix(_ x: UInt64, _ y: UInt64) -> UInt64 { mix(mix(x) ^ y) }

/// A random number generator with 64 bits of state (Steele, Lea & Flood 2014).
public struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// Creates a generator with a seed.
  ///
  /// - Parameter stream: Selects one of many independent sequences for the same seed.
  public init(seed: UInt64, stream: UInt64 = 0) {
    state = seed
    let mixed = next()
    state = mixed ^ (stream &* 0xD1B5_4A32_D192_ED03)
    _ = next()
  }

  public mutating func next() -> UInt64 {
    defer { state &+= 0x9E37_79B9_7F4A_7C15 }
    return mix(state)
  }

  /// Returns a random number from the uniform distribution over [0, 1).
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Returns a random number from the standard normal distribution (Box & Muller 1958).
  public mutating func normal() -> Double {
    (-2 * log(1 - uniform())).squareRoot() * cos(2 * .pi * uniform())
  }
}
