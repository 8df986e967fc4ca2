import ArgumentParser
import Autograd

/// The option that chooses kernels, shared by all commands that run models.
struct KernelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The kernels for matrix products in float32: own, or blas for OpenBLAS.",
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

  /// Warns if OpenBLAS computes the products with a slower kernel than the CPU supports.
  static func warn() {
    if Kernels.inUse == .blas, let warning = OpenBLAS.warning { complain("note: \(warning)") }
  }

  /// The flag that passes this process's choice to another process.
  static var ofThisProcess: [String] { ["--kernels", Kernels.inUse.rawValue] }
}

extension Kernels: ExpressibleByArgument {}
