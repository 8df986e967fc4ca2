import Foundation

/// A format of numbers to which weights, activations, gradients or cached keys and values are rounded.
///
/// Numbers stay in float32 and are rounded where they enter a product: the values are exactly those of the format, and
/// sums are float32.
public enum NumberFormat: String, Codable, CaseIterable, Sendable {
  case float32, bfloat16
  /// Small floats in blocks of 32 with a common power of two (Open Compute Project, Microscaling Formats 1.0). The name
  /// tells the bits of a number, its exponent and its mantissa.
  case fp8E4M3 = "fp8_e4m3"
  case fp8E5M2 = "fp8_e5m2"
  case fp6E3M2 = "fp6_e3m2"
  case fp6E2M3 = "fp6_e2m3"
  case fp4E2M1 = "fp4_e2m1"
  /// Whole numbers −q … q with q = 2^(bits − 1) − 1, times a scale for each channel: the greatest magnitude over q.
  case int8, int7, int6, int5, int4, int3, int2
  /// −1, 0 and 1, times a scale for each channel: the mean magnitude (Ma et al. 2024, arXiv:2402.17764).
  case ternary

  /// The low-precision formats.
  public static let lowPrecision = allCases.filter { $0 != .float32 }

  /// The numbers that a format represents.
  enum Grid: Hashable {
    case bfloat16
    case floats(SmallFloats)
    /// Integers from −limit to limit.
    case integers(limit: Float)
    case ternary
  }

  /// Nil for float32.
  var grid: Grid? {
    switch self {
    case .float32: nil
    case .bfloat16: .bfloat16
    case .fp8E4M3: .floats(SmallFloats(exponentBits: 4, mantissaBits: 3, greatest: 448))
    case .fp8E5M2: .floats(SmallFloats(exponentBits: 5, mantissaBits: 2, greatest: 57344))
    case .fp6E3M2: .floats(SmallFloats(exponentBits: 3, mantissaBits: 2, greatest: 28))
    case .fp6E2M3: .floats(SmallFloats(exponentBits: 2, mantissaBits: 3, greatest: 7.5))
    case .fp4E2M1: .floats(SmallFloats(exponentBits: 2, mantissaBits: 1, greatest: 6))
    case .int8: .integers(limit: 127)
    case .int7: .integers(limit: 63)
    case .int6: .integers(limit: 31)
    case .int5: .integers(limit: 15)
    case .int4: .integers(limit: 7)
    case .int3: .integers(limit: 3)
    case .int2: .integers(limit: 1)
    case .ternary: .ternary
    }
  }

  /// The bits of a number, with its part of the scale of a block. Scales of channels are not counted.
  public var bits: Double {
    switch self {
    case .float32: 32
    case .bfloat16: 16
    case .fp8E4M3, .fp8E5M2: 8.25
    case .fp6E3M2, .fp6E2M3: 6.25
    case .fp4E2M1: 4.25
    case .int8: 8
    case .int7: 7
    case .int6: 6
    case .int5: 5
    case .int4: 4
    case .int3: 3
    case .int2: 2
    case .ternary: log2(3)
    }
  }

  /// How many neighbouring numbers of a channel have a common scale; nil for all of them.
  var block: Int? {
    switch self {
    case .fp8E4M3, .fp8E5M2, .fp6E3M2, .fp6E2M3, .fp4E2M1: 32
    default: nil
    }
  }
}

/// Low-precision floats: a sign, an exponent with a bias and a mantissa, with subnormal numbers and without infinities.
struct SmallFloats: Hashable {
  let mantissaBits: Int
  /// The exponent of 2 of the least normal number.
  let leastExponent: Int
  let greatest: Float

  init(exponentBits: Int, mantissaBits: Int, greatest: Float) {
    self.mantissaBits = mantissaBits
    // An exponent field of 1 stands for 2^(1 − bias).
    leastExponent = 2 - (1 << (exponentBits - 1))
    self.greatest = greatest
  }

  /// The nearest number of the format, ties to even, and beyond the greatest one that.
  @inline(__always)
  func rounded(_ x: Float) -> Float {
    let units = units(x)
    return limited((x * units.inverse).rounded(.toNearestOrEven) * units.unit)
  }

  /// One of the two neighbours in the format, with probabilities such that the mean is x.
  ///
  /// - Parameter uniform: A random number in [0, 1).
  @inline(__always)
  func rounded(_ x: Float, uniform: Float) -> Float {
    let units = units(x)
    return limited((x * units.inverse + uniform).rounded(.down) * units.unit)
  }

  /// The distance of neighbours at x, a power of two, and its inverse.
  @inline(__always)
  private func units(_ x: Float) -> (unit: Float, inverse: Float) {
    let exponent = max(Int32(x.bitPattern >> 23 & 0xFF), Int32(leastExponent + 127)) - Int32(mantissaBits)
    return (Float(bitPattern: UInt32(exponent) << 23), Float(bitPattern: UInt32(254 - exponent) << 23))
  }

  @inline(__always)
  private func limited(_ x: Float) -> Float {
    // NaN stays, so that a diverged training shows.
    x > greatest ? greatest : x < -greatest ? -greatest : x
  }
}
