import Foundation
import RandomNumbers

/// A small deterministic generator (SplitMix64: Steele, Lea and Flood 2014) with the same results on every machine.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// Creates the generator of a stream. Each bootstrap sample has its own stream, so that results do not depend on
  /// threads.
  public init(seed: UInt64, stream: Int = 0) {
    state = seed
    let offset = next()
    state = offset &+ UInt64(truncatingIfNeeded: stream) &* 0xD1B5_4A32_D192_ED03
    state = next()
  }

  public mutating func next() -> UInt64 {
    defer { state &+= 0x9E37_79B9_7F4A_7C15 }
    return mix(state)
  }

  /// Returns a uniform random integer in 0 ..< bound, by multiply and shift (the bias is below bound/2^64).
  mutating func index(below bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }

  /// Returns a uniform random number in (0, 1).
  public mutating func uniform() -> Double { (Double(next() >> 11) + 0.5) * 0x1p-53 }
}

extension SeededGenerator {
  /// Returns a standard normal random number (Box and Muller 1958).
  public mutating func normal() -> Double {
    (-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform())
  }
}
