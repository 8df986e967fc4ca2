import Files
import Foundation
import Training

#if canImport(Glibc)
  import Glibc
#endif

/// Whether there is memory for some runs, found without training any.
enum MemoryNeed {
  /// - Throws: `InputError` if a run needs more than a process, or all workers together more than the machine, may have.
  static func check(_ runs: [PlannedRun], workers: Int) throws {
    var needs: [String: (run: PlannedRun, bytes: Int)] = [:]
    for run in runs {
      // Runs of one trunk have the same shapes.
      let trunk = run.configuration.trunkIdentifier
      if needs[trunk] == nil { needs[trunk] = (run, Trainer.plannedBytes(run.configuration)) }
    }
    // As much as this process has by now, the texts of all runs among it, a worker has too.
    let own = Usage()
    let largest = needs.values.sorted { $0.bytes > $1.bytes }
    guard let first = largest.first else { return }
    func gibibytes(_ bytes: Int) -> String { String(format: "%.1f GiB", Double(bytes) / Double(1 << 30)) }
    if let limit = processLimit, own.addressSpace + first.bytes > limit {
      throw InputError(
        "\(first.run.label): training needs \(gibibytes(own.addressSpace + first.bytes)), and a process may have "
          + gibibytes(limit),
        remedy: "Raise the limit (`ulimit -v`), or leave this run out")
    }
    let together = largest.prefix(workers).reduce(own.resident) { $0 + own.resident + $1.bytes }
    if let available, together - own.resident > available {
      throw InputError(
        "\(min(workers, largest.count)) trainings at once, the largest \(first.run.label), need "
          + "\(gibibytes(together)), and \(gibibytes(available + own.resident)) are to be had",
        remedy: workers > 1 ? "Lower --jobs, or leave the largest out" : "Leave it out")
    }
  }

  /// The bytes of this process.
  private struct Usage {
    let addressSpace: Int
    let resident: Int

    init() {
      let pages = (try? FileAccess.readText("/proc/self/statm"))?.split(separator: " ").prefix(2).compactMap {
        Int($0)
      }
      addressSpace = (pages?.first ?? 0) * Int(getpagesize())
      resident = (pages?.last ?? 0) * Int(getpagesize())
    }
  }

  /// What one process may address; nil for all.
  private static var processLimit: Int? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < rlim_t(Int.max)
    else { return nil }
    return Int(limit.rlim_cur)
  }

  /// What is left to all processes together: of the machine, of the container, or of the cluster's job.
  private static var available: Int? {
    func number(_ path: String) -> Int? {
      (try? FileAccess.readText(path)).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }
    let machine = (try? FileAccess.readText("/proc/meminfo"))?.split(separator: "\n")
      .first { $0.hasPrefix("MemAvailable:") }
      .flatMap { $0.split(separator: " ").dropFirst().first.flatMap { Int($0) } }
      .map { $0 << 10 }
    let version2 = number("/sys/fs/cgroup/memory.max").map {
      $0 - (number("/sys/fs/cgroup/memory.current") ?? 0)
    }
    let version1 = number("/sys/fs/cgroup/memory/memory.limit_in_bytes").map {
      $0 - (number("/sys/fs/cgroup/memory/memory.usage_in_bytes") ?? 0)
    }
    let job = ProcessInfo.processInfo.environment["SLURM_MEM_PER_NODE"].flatMap { Int($0) }.map { $0 << 20 }
    return [machine, version2, version1, job].compactMap { $0 }.min()
  }
}
