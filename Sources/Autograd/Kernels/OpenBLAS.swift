import CBLAS
import Foundation

/// The matrix library OpenBLAS: which of its kernels it uses, and whether the CPU supports a faster one.
public enum OpenBLAS {
  /// Calls to this make every product of the library run on the calling thread alone.
  package static func useOneThread() { once }
  private static let once: Void = openblas_set_num_threads(1)

  /// The kernel in use, such as `Haswell` or `SkylakeX`.
  public static var kernel: String { String(cString: openblas_get_corename()) }

  /// The library's version and build options.
  public static var version: String { String(cString: openblas_get_config()) }

  /// A warning for the user if OpenBLAS uses a slower kernel than the CPU supports; otherwise nil.
  public static var warning: String? {
    warning(
      kernel: kernel, cpuFlags: ArithmeticUnit.cpuFlags,
      coreType: ProcessInfo.processInfo.environment[coreTypeVariable])
  }

  /// The warning for a given machine. OpenBLAS uses the kernel that the environment names. Otherwise it selects one by the
  /// model of the CPU, and falls back to an old kernel if it does not know the model.
  ///
  /// Measured on AVX-512 machines, the AVX2 kernels give 110–128 GFLOP/s a core against 190–265.
  ///
  /// - Parameters:
  ///   - kernel: The kernel in use.
  ///   - cpuFlags: The flags of the CPU, as in /proc/cpuinfo.
  ///   - coreType: The environment's `OPENBLAS_CORETYPE`.
  package static func warning(kernel: String, cpuFlags: Set<String>, coreType: String?) -> String? {
    let best = ArithmeticUnit(cpuFlags: cpuFlags)
    guard let used = unit(ofKernel: kernel), used < best, let better = kernelName[best] else { return nil }
    let fact = "its \(kernel) kernel, which uses \(used.rawValue), though this CPU has \(best.rawValue)"
    // OpenBLAS ignores a name that it does not know.
    guard let coreType, let named = unit(ofKernel: coreType) else {
      return
        "OpenBLAS chose \(fact). Its products are faster with `\(coreTypeVariable)=\(better)` before the command."
    }
    guard named < best else {
      return "OpenBLAS uses \(fact), in spite of \(coreTypeVariable)=\(coreType). "
        + "Install a build of OpenBLAS that has the kernel \(better)."
    }
    return "\(coreTypeVariable)=\(coreType) holds OpenBLAS to \(fact). Its products are faster with "
      + "`env -u \(coreTypeVariable)` or `\(coreTypeVariable)=\(better)` before the command."
  }

  /// The unit that a kernel uses, by its name in any case; nil where it is not known.
  static func unit(ofKernel name: String) -> ArithmeticUnit? {
    switch name.lowercased() {
    case "skylakex", "cooperlake", "sapphirerapids": .avx512
    case "haswell", "zen": .avx2
    case "sandybridge", "bulldozer", "piledriver", "steamroller", "excavator": .avx
    case "prescott", "core2", "conroe", "penryn", "dunnington", "nehalem", "atom", "nano", "opteron",
      "opteron_sse3", "opteron(sse3)", "barcelona", "bobcat", "katmai", "coppermine", "northwood", "banias":
      .sse2
    default: nil
    }
  }

  /// The oldest kernel for a unit, which every build that has one for it has.
  private static let kernelName: [ArithmeticUnit: String] = [
    .avx: "Sandybridge", .avx2: "Haswell", .avx512: "SkylakeX",
  ]

  private static let coreTypeVariable = "OPENBLAS_CORETYPE"
}
