import CBLAS

/// Work that measures the peak rate of a unit of one core: independent multiplications and additions in registers.
///
/// A new unit is a case of `ArithmeticUnit`, a loop in `Units.h` and a line below.
public final class PeakRate {
  public let unit: ArithmeticUnit
  /// The floating-point operations of one call, a multiplication and an addition counted as two.
  public let flops: Double
  private let loop: @Sendable () -> Float
  /// Holds the result, so that the compiler does not remove the loop.
  private let result = FloatBuffer(count: 1)

  /// - Parameter unit: One that this CPU has.
  public init(of unit: ArithmeticUnit) {
    self.unit = unit
    // Some tenths of a millisecond. The sums converge to 1000 and stay normal.
    let (rounds, factor, term): (Int, Float, Float) = (20_000, 0.999, 1)
    let flopsOfRound: Int
    switch unit {
    #if arch(x86_64)
      case .sse2: (flopsOfRound, loop) = (sse2_peak_flops, { sse2_peak(rounds, factor, term) })
      case .avx: (flopsOfRound, loop) = (avx_peak_flops, { avx_peak(rounds, factor, term) })
      case .avx2: (flopsOfRound, loop) = (avx2_peak_flops, { avx2_peak(rounds, factor, term) })
      case .avx512: (flopsOfRound, loop) = (avx512_peak_flops, { avx512_peak(rounds, factor, term) })
      case .avx512bf16: (flopsOfRound, loop) = (avx512bf16_peak_flops, { avx512bf16_peak(rounds) })
      case .amx: (flopsOfRound, loop) = (amx_peak_flops, { amx_peak(rounds) })
      case .neon: preconditionFailure("\(unit) on x86-64")
    #else
      case .neon: (flopsOfRound, loop) = (neon_peak_flops, { neon_peak(rounds, factor, term) })
      case .sse2, .avx, .avx2, .avx512, .avx512bf16, .amx: preconditionFailure("\(unit) on this architecture")
    #endif
    }
    flops = Double(rounds) * Double(flopsOfRound)
  }

  /// Performs the operations once.
  public func callAsFunction() { result[0] = loop() }
}
