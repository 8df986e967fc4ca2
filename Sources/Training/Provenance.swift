import Autograd
import Foundation

/// Where and by what a run was made: what its configuration does not say.
public struct Provenance: Codable, Hashable, Sendable {
  /// The version of Isoflop.
  public let version: String
  /// The commit that it was built from, with `+` where files had changed; `unknown` outside a checkout.
  public let commit: String
  public let cpu: String
  /// The instructions that its kernels were compiled for, on which the last digits depend; nil in records of earlier
  /// versions.
  public let instructions: String?
  /// The version of OpenBLAS and the kernel that it used.
  public let blas: String
  public let blasKernel: String
  /// Threads within the run.
  public let threads: Int

  public init(threads: Int) {
    version = Self.version
    commit = Self.sourceCommit
    cpu = Self.cpuName
    instructions = instructionSet
    blas = OpenBLAS.version
    blasKernel = OpenBLAS.kernel
    self.threads = threads
  }

  /// The version of Isoflop.
  public static let version = "0.1.0"

  private static let sourceCommit: String = {
    let git = Process()
    let output = Pipe()
    git.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    git.arguments = ["git", "describe", "--always", "--dirty=+", "--abbrev=12"]
    git.currentDirectoryURL = Bundle.main.executableURL?.deletingLastPathComponent()
    git.standardOutput = output
    git.standardError = FileHandle.nullDevice
    guard (try? git.run()) != nil else { return "unknown" }
    let text = String(decoding: (try? output.fileHandleForReading.readToEnd()) ?? Data(), as: UTF8.self)
    git.waitUntilExit()
    return git.terminationStatus == 0 ? text.trimmingCharacters(in: .whitespacesAndNewlines) : "unknown"
  }()

  private static let cpuName: String = {
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
    let model = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last
    return model.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
  }()
}
