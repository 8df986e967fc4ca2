import CBLAS
import Foundation

/// The instructions that compute products in bfloat16. All follow one definition, and their results differ only by the
/// rounding of float32 sums.
///
/// The kernel is chosen when the program runs, so that one binary is fast on every CPU of a cluster.
public enum Bfloat16Kernel: String, CaseIterable, Sendable {
  /// The matrix unit of Intel CPUs since Sapphire Rapids.
  case amx
  /// Sums of products of pairs in vectors: Intel since Cooper Lake, AMD since Zen 4.
  case avx512
  /// Operands are rounded, and the kernels for float32 multiply them.
  case portable

  /// The kernel that this process uses: the first that the CPU has, or the one that `ISOFLOP_BFLOAT16` names.
  public static let inUse = forced ?? available[0]

  /// The kernels that this CPU has, the fastest first.
  public static let available: [Bfloat16Kernel] = {
    #if arch(x86_64)
      let flags = ArithmeticUnit.cpuFlags
      let hasVectors = ["avx512f", "avx512bw", "avx512vl", "avx512_bf16"].allSatisfy(flags.contains)
      let hasTiles = hasVectors && flags.contains("amx_tile") && flags.contains("amx_bf16")
      return (hasTiles && request_amx() != 0 ? [.amx] : []) + (hasVectors ? [.avx512] : []) + [.portable]
    #else
      return [.portable]
    #endif
  }()

  private static let variable = "ISOFLOP_BFLOAT16"

  /// The value of the variable. An empty one counts as unset.
  private static var named: String? {
    ProcessInfo.processInfo.environment[variable].flatMap { $0.isEmpty ? nil : $0 }
  }

  private static var forced: Bfloat16Kernel? { available.first { $0.rawValue == named } }

  /// What is wrong with the value of `ISOFLOP_BFLOAT16`; nil if it names a kernel that this CPU has, or is not set.
  public static var fault: String? {
    guard let value = named, forced == nil else { return nil }
    let names = available.map(\.rawValue).joined(separator: ", ")
    return "\(variable) is \(value): this CPU has \(names). Set one of these, or unset the variable"
  }

  /// The unit that it computes on.
  public var unit: ArithmeticUnit {
    switch self {
    case .amx: .amx
    case .avx512: .avx512bf16
    case .portable: .compiled
    }
  }
}
