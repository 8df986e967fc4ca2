import ArgumentParser
import Autograd

/// The flag that chooses the kernels, of all commands that run models.
struct KernelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "own, or blas: OpenBLAS. What computes matrix products.",
      discussion:
        "Takes precedence over the environment's \(Kernels.variable). Default: own where its kernels are fast (x86-64 with AVX2 or AVX-512), blas elsewhere."
    ))
  var kernels: Kernels?

  func validate() throws {
    if let fault = Bfloat16Kernel.fault { throw ValidationError(fault + ".") }
    guard let name = Kernels.unknownName else { return }
    let known = Kernels.allCases.map(\.rawValue).joined(separator: " or ")
    throw ValidationError(
      "\(Kernels.variable) names unknown kernels: \(name). Set it to \(known), or unset it.")
  }

  /// Applies the choice to this process. To be called before anything is computed.
  func apply() {
    if let kernels { Kernels.choose(kernels) }
  }

  /// Tells the user, where OpenBLAS computes, that it uses a lesser kernel than the CPU could run.
  static func warn() {
    if Kernels.inUse == .blas, let warning = OpenBLAS.warning { complain("note: \(warning)") }
  }

  /// The flag that passes this process's choice to another process.
  static var ofThisProcess: [String] { ["--kernels", Kernels.inUse.rawValue] }
}

extension Kernels: ExpressibleByArgument {}
