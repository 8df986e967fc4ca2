import CBLAS
import Foundation

/// The matrix library that the engine's products are measured against: which of its kernels runs, and whether the
/// CPU could do better.
public enum OpenBLAS {
  /// Calls to this make every product of the library run on the calling thread alone.
  static func useOneThread() { once }
  private static let once: Void = openblas_set_num_threads(1)

  /// The kernel in use, such as `Haswell` or `SkylakeX`.
  public static var kernel: String { String(cString: openblas_get_corename()) }

  /// The library's version and build options.
  public static var version: String { String(cString: openblas_get_config()) }

  /// A line for the user where the environment holds OpenBLAS to a lesser kernel than the CPU has.
  ///
  /// Measured on AVX-512 machines, the AVX2 kernels give 110–128 GFLOP/s a core against 190–265.
  public static var warning: String? {
    guard let forced = ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"],
      ["haswell", "zen", "sandybridge", "nehalem", "prescott"].contains(kernel.lowercased()),
      let cpu = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8), cpu.contains(" avx512f ")
    else { return nil }
    return
      "OPENBLAS_CORETYPE=\(forced) holds OpenBLAS to its \(kernel) kernel; this CPU has AVX-512, and the "
      + "floor would be lower without: put `env -u OPENBLAS_CORETYPE` before the command."
  }
}
