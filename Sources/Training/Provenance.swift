import Autograd
import Foundation
import Synchronization

/// The machine and the program that made a run.
public struct Provenance: Codable, Hashable, Sendable {
  /// The version of Isoflop.
  public let version: String
  /// The commit that it was built from, with `+` where files had changed; `unknown` outside a checkout.
  public let commit: String
  public let cpu: String
  /// The instruction set that its kernels were compiled for, on which the last digits depend; nil in records of earlier
  /// versions. Several, in order, where the run was resumed with another one: `AVX2, then AVX-512`.
  public private(set) var instructions: String?
  /// What computed matrix products, by the name of `ProductKernel`; nil in records of earlier versions, which had only their
  /// own. Several, as in `instructions`, where the run was resumed with others.
  public private(set) var kernels: String?
  /// The version of OpenBLAS.
  public let blas: String
  /// The kernel that OpenBLAS used; several, as in `instructions`, where the run was resumed with another one.
  public private(set) var blasKernel: String
  /// Threads within the run.
  public let threads: Int

  /// - Parameter kernel: What computes the matrix products.
  public init(threads: Int, kernel: ProductKernel = Precision.float32.kernel) {
    version = Self.version
    commit = Self.sourceCommit.withLock { $0 }
    cpu = Self.cpuName
    instructions = instructionSet
    kernels = kernel.name
    blas = OpenBLAS.version
    blasKernel = OpenBLAS.kernel
    self.threads = threads
  }

  /// What computed matrix products, in records of all versions.
  public var kernelNames: String { kernels ?? Kernels.own.rawValue }

  /// The provenance of a run that this process resumes: all instruction sets and kernels, in the order of their use.
  package func continuing(_ earlier: Provenance?) -> Provenance {
    guard let earlier else { return self }
    var whole = self
    whole.instructions =
      earlier.instructions.map { Self.appending(instructions ?? "unknown", to: $0) } ?? instructions
    whole.kernels = Self.appending(kernelNames, to: earlier.kernelNames)
    whole.blasKernel = Self.appending(blasKernel, to: earlier.blasKernel)
    return whole
  }

  private static func appending(_ next: String, to all: String) -> String {
    all.components(separatedBy: ", then ").last == next ? all : "\(all), then \(next)"
  }

  /// The version of Isoflop.
  public static let version = "0.1.0"

  /// The commit that this program was built from, which it sets at its start.
  private static let sourceCommit = Mutex("unknown")

  /// Sets the commit that this program was built from, which the library cannot know.
  public static func setCommit(_ commit: String) { sourceCommit.withLock { $0 = commit } }

  private static let cpuName: String = {
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
    let model = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last
    return model.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
  }()
}
