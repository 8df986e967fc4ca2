import Foundation
import Synchronization

/// What computes the matrix products of layers. A process has one choice for its whole life, so that its numbers are
/// those of one program. They round differently: each sums in another order.
public enum Kernels: String, CaseIterable, Sendable {
  /// The engine's own, compiled for `instructionSet`.
  case own
  /// OpenBLAS, which has kernels for every CPU that it knows, whatever this program was compiled for.
  case blas

  /// The environment variable that names them.
  public static let variable = "ISOFLOP_KERNELS"

  /// Those that this process uses. The first use decides: later choices are too late.
  public static let inUse = chosen ?? usual

  /// Those that the program or the environment has chosen; nil where neither has.
  public static var chosen: Kernels? {
    choice.withLock { $0 } ?? named.flatMap(Kernels.init)
  }

  /// What the environment names that is none of these; nil where all is well.
  public static var unknownName: String? { named.flatMap { Kernels(rawValue: $0) == nil ? $0 : nil } }

  /// Chooses for this process, in place of the environment. Must be called before anything is computed.
  public static func choose(_ kernels: Kernels) {
    choice.withLock { $0 = kernels }
    precondition(inUse == kernels, "the kernels were in use before \(kernels) were chosen")
  }

  /// Those that are faster where nothing is chosen. Measured with AVX-512 and with AVX2 against the kernels of OpenBLAS
  /// for the same instructions. Elsewhere the engine's own are not tuned, and without FMA they call a function for each
  /// product.
  static let usual: Kernels = ArithmeticUnit.compiled >= .avx2 ? .own : .blas

  /// The unit on which they compute.
  public var unit: ArithmeticUnit {
    switch self {
    case .own: .compiled
    case .blas: OpenBLAS.unit(ofKernel: OpenBLAS.kernel) ?? ArithmeticUnit(cpuFlags: ArithmeticUnit.cpuFlags)
    }
  }

  private static let choice = Mutex<Kernels?>(nil)

  /// An empty variable is none.
  private static var named: String? {
    ProcessInfo.processInfo.environment[variable].flatMap { $0.isEmpty ? nil : $0 }
  }
}
