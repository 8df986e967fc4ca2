import CBLAS
import Foundation

/// An arithmetic unit of a core, named after its instructions. It multiplies floats or bfloat16 and adds floats. Units of
/// one architecture are ordered by speed.
public enum ArithmeticUnit: String, CaseIterable, Codable, Comparable, Sendable {
  case sse2 = "SSE2"
  case avx = "AVX"
  /// With FMA.
  case avx2 = "AVX2"
  case avx512 = "AVX-512"
  /// Sums of products of pairs in bfloat16.
  case avx512bf16 = "AVX512-BF16"
  /// Products of tiles in bfloat16.
  case amx = "AMX-BF16"
  case neon = "NEON"

  public static func < (a: ArithmeticUnit, b: ArithmeticUnit) -> Bool { a.rank < b.rank }

  private var rank: Int {
    switch self {
    case .sse2, .neon: 0
    case .avx: 1
    case .avx2: 2
    case .avx512: 3
    case .avx512bf16: 4
    case .amx: 5
    }
  }

  /// The unit that the engine's own kernels were compiled for.
  public static let compiled: ArithmeticUnit = {
    guard let unit = ArithmeticUnit(rawValue: ISOFLOP_UNIT) else {
      preconditionFailure("Units.h names a unit that does not exist: \(ISOFLOP_UNIT)")
    }
    return unit
  }()

  /// The fastest unit of a CPU for float32.
  ///
  /// - Parameter flags: The flags of the CPU in /proc/cpuinfo, which are ignored on ARM.
  package init(cpuFlags flags: Set<String>) {
    #if arch(x86_64)
      // Kernels for AVX-512 use all of these extensions. The first CPUs with avx512f lack some.
      let whole: Set = ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]
      self =
        flags.isSuperset(of: whole)
        ? .avx512 : flags.isSuperset(of: ["avx2", "fma"]) ? .avx2 : flags.contains("avx") ? .avx : .sse2
    #else
      self = .neon
    #endif
  }

  /// The flags of this CPU; empty where they cannot be read.
  package static let cpuFlags: Set<String> = {
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
    let flags = lines.first { $0.hasPrefix("flags") }?.split(separator: ":").last
    return Set(flags?.split(separator: " ").map(String.init) ?? [])
  }()
}
