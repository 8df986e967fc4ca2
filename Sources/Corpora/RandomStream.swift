import RandomNumbers

/// A stream of random bits, identical on every machine for the same key: xoshiro256** (Blackman and Vigna 2018) with
/// its state initialized by SplitMix64.
public struct RandomStream: Sendable {
  private var s0: UInt64, s1: UInt64, s2: UInt64, s3: UInt64

  /// Creates the stream for `key`. Different keys give independent streams.
  public init(key: UInt64) {
    s0 = mix(key)
    s1 = mix(key &+ 0x9E37_79B9_7F4A_7C15)
    s2 = mix(key &+ 0x3C6E_F372_FE94_F82A)
    s3 = mix(key &+ 0xDAA6_6D2C_7DDF_743F)
  }

  /// Returns the next 64 random bits.
  @inline(__always)
  public mutating func next() -> UInt64 {
    let product = s1 &* 5
    let result = (product << 7 | product >> 57) &* 9
    let shifted = s1 << 17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = s3 << 45 | s3 >> 19
    return result
  }
}

/// Returns a hash of a text's UTF-8 bytes that is the same in every process, unlike Swift's `Hasher`.
package func stableHash(_ text: String) -> UInt64 { text.utf8.reduce(0) { mix($0 ^ UInt64($1)) } }
