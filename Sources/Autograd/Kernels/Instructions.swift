import CBLAS
import Foundation

/// The instructions that the kernels were compiled for, such as `AVX-512`. Others round differently: sums of vectors of
/// another length have another order.
public let instructionSet = ISOFLOP_INSTRUCTIONS

/// The features that Linux reports for the CPU, such as `avx512_bf16`; empty on other systems.
enum CPUFlags {
  static let all: Set<Substring> = {
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
    let flags = lines.first { $0.hasPrefix("flags") }?.split(separator: ":").last
    return Set(flags?.split(separator: " ") ?? [])
  }()
}
