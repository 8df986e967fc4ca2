import Foundation
import Synchronization

/// The kernels for matrix products in float32. They sum in different orders, so the last digits differ. A process uses the
/// same kernels from start to end.
public enum Kernels: String, CaseIterable, Sendable {
  /// The engine's own, compiled for `instructionSet`.
  case own
  /// OpenBLAS, which has kernels for every CPU that it knows, whatever this program was compiled for.
  case blas

  /// The environment variable that names them.
  public static let variable = "ISOFLOP_KERNELS"

  /// The kernels that this process uses, fixed at the first access.
  public static let inUse = chosen ?? usual

  /// The kernels that the program or the environment has chosen; nil if neither has.
  public static var chosen: Kernels? {
    choice.withLock { $0 } ?? named.flatMap(Kernels.init)
  }

  /// The value of the environment variable if it is not the name of kernels; otherwise nil.
  public static var unknownName: String? { named.flatMap { Kernels(rawValue: $0) == nil ? $0 : nil } }

  /// Chooses the kernels of this process and overrides the environment. Call it before the first access to `inUse`.
  public static func choose(_ kernels: Kernels) {
    choice.withLock { $0 = kernels }
    precondition(inUse == kernels, "the kernels were in use before \(kernels) were chosen")
  }

  /// The default. With AVX-512 and AVX2 the engine's own kernels were measured to be faster than those of OpenBLAS for the
  /// same instructions. For other instructions they are not tuned: without FMA they call a function for each product.
  static let usual: Kernels = ArithmeticUnit.compiled >= .avx2 ? .own : .blas

  /// The unit on which they compute.
  public var unit: ArithmeticUnit {
    switch self {
    case .own: .compiled
    case .blas: OpenBLAS.unit(ofKernel: OpenBLAS.kernel) ?? ArithmeticUnit(cpuFlags: ArithmeticUnit.cpuFlags)
    }
  }

  private static let choice = Mutex<Kernels?>(nil)

  /// The value of the variable. An empty one counts as unset.
  private static var named: String? {
    ProcessInfo.processInfo.environment[variable].flatMap { $0.isEmpty ? nil : $0 }
  }
}
