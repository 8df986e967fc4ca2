import Files
import Foundation
import Training

#if canImport(Glibc)
  import Glibc
#endif

/// Whether there is memory for some runs, found without training any.
public enum MemoryNeed {
  /// What the program takes before it comes to any run, bytes of address space: texts, plans, threads.
  private static let base = 256 << 20
  /// What is reserved in training and hardly used, bytes of address space: 64 MiB by each of some six threads that
  /// allocate, 128 MiB by OpenBLAS.
  private static let reserve = 512 << 20

  /// - Throws: `InputError` if this process may not have what is needed to read texts and plan.
  public static func checkBase() throws {
    guard let limit = processLimit, Usage().addressSpace + base > limit else { return }
    throw InputError(
      "a process may have \(gibibytes(limit)) here, and \(gibibytes(Usage().addressSpace + base)) are needed "
        + "before anything is trained",
      remedy: "Raise the limit (`ulimit -v`)")
  }

  /// - Parameters:
  ///   - workers: How many are trained at once.
  ///   - limit: Bytes that workers elsewhere have together; nil for those of this machine.
  /// - Throws: `InputError` if a run needs more than a process, or all workers together more than there is, may have.
  public static func check(_ runs: [TrunkJob.Run], workers: Int, limit: Int? = nil) throws {
    var needs: [String: (run: TrunkJob.Run, bytes: Int)] = [:]
    for run in runs {
      // Runs of one trunk have the same shapes.
      let trunk = run.configuration.trunkIdentifier
      if needs[trunk] == nil { needs[trunk] = (run, Trainer.plannedBytes(run.configuration)) }
    }
    // As much as this process has by now, the texts of all runs among it, a worker has too.
    let own = Usage()
    let largest = needs.values.sorted { $0.bytes > $1.bytes }.prefix(workers)
    guard let first = largest.first else { return }
    // This process measures what steps of all shapes cost, as many at once as there will be workers.
    let here = largest.reduce(own.addressSpace + reserve) { $0 + $1.bytes }
    if limit == nil, let limit = processLimit, here > limit {
      throw InputError(
        "\(first.run.label): training needs \(gibibytes(here)), and a process may have \(gibibytes(limit))",
        remedy: "Raise the limit (`ulimit -v`), or leave this run out")
    }
    let together = largest.reduce(own.resident) { $0 + own.resident + $1.bytes }
    if let budget = limit ?? available.map({ $0 + own.resident }), together > budget {
      let remedies =
        (limit == nil ? [] : ["raise --memory"])
        + (largest.count > 1 ? ["lower --jobs", "leave \(first.run.label) out"] : ["leave it out"])
      let remedy = remedies.joined(separator: ", or ")
      throw InputError(
        (largest.count > 1
          ? "\(largest.count) trainings at once, the largest \(first.run.label), need "
          : "\(first.run.label): training needs ")
          + "\(gibibytes(together)), and \(gibibytes(budget)) are to be had",
        remedy: remedy.prefix(1).uppercased() + remedy.dropFirst())
    }
  }

  private static func gibibytes(_ bytes: Int) -> String {
    String(format: "%.2f GiB", Double(bytes) / Double(1 << 30))
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
    let groups = (try? FileAccess.readText("/proc/self/cgroup"))?.split(separator: "\n") ?? []
    let left = groups.flatMap { line -> [Int?] in
      // `4:memory:/a/b`, or of version 2 `0::/a/b`. The limits of all groups above hold too.
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3, parts[1].isEmpty || parts[1] == "memory" else { return [] }
      let isSecond = parts[1].isEmpty
      let root = isSecond ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
      let names =
        isSecond ? ("memory.max", "memory.current") : ("memory.limit_in_bytes", "memory.usage_in_bytes")
      return sequence(first: String(parts[2])) {
        $0.count <= 1 ? nil : ($0 as NSString).deletingLastPathComponent
      }
      .map { group in
        number("\(root)\(group)/\(names.0)").map { $0 - (number("\(root)\(group)/\(names.1)") ?? 0) }
      }
    }
    let job = ProcessInfo.processInfo.environment["SLURM_MEM_PER_NODE"].flatMap { Int($0) }.map { $0 << 20 }
    return ([machine, job] + left).compactMap { $0 }.min()
  }
}
