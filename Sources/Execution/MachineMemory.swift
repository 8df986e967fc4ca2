import Files
import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// The memory of this process, in bytes.
struct ProcessMemory {
  let addressSpace: Int
  let resident: Int

  init() {
    let pages = (try? FileAccess.readText("/proc/self/statm"))?.split(separator: " ").prefix(2).compactMap {
      Int($0)
    }
    addressSpace = (pages?.first ?? 0) * Int(getpagesize())
    resident = (pages?.last ?? 0) * Int(getpagesize())
  }

  /// The limit on the address space of a process; nil if there is none.
  static var limit: Int? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < rlim_t(Int.max)
    else { return nil }
    return Int(limit.rlim_cur)
  }
}

/// The memory that is available to all processes together, in bytes.
enum MachineMemory {
  /// The minimum of the memory that is available to the machine, the control groups and the cluster's job; nil if all
  /// are unknown.
  static var available: Int? { ([machine, job] + controlGroups).compactMap { $0 }.min() }

  private static var machine: Int? {
    (try? FileAccess.readText("/proc/meminfo"))?.split(separator: "\n")
      .first { $0.hasPrefix("MemAvailable:") }
      .flatMap { $0.split(separator: " ").dropFirst().first.flatMap { Int($0) } }
      .map { $0 << 10 }
  }

  private static var job: Int? {
    ProcessInfo.processInfo.environment["SLURM_MEM_PER_NODE"].flatMap { Int($0) }.map { $0 << 20 }
  }

  /// The available memory of the process's control group and its ancestors, whose limits apply too.
  private static var controlGroups: [Int?] {
    let lines = (try? FileAccess.readText("/proc/self/cgroup"))?.split(separator: "\n") ?? []
    return lines.flatMap { line -> [Int?] in
      // `4:memory:/a/b` in version 1, `0::/a/b` in version 2.
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3, parts[1].isEmpty || parts[1] == "memory" else { return [] }
      let isSecond = parts[1].isEmpty
      let root = isSecond ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
      let (limit, usage) =
        isSecond ? ("memory.max", "memory.current") : ("memory.limit_in_bytes", "memory.usage_in_bytes")
      let groups = sequence(first: String(parts[2])) {
        $0.count <= 1 ? nil : ($0 as NSString).deletingLastPathComponent
      }
      return groups.map { group in
        number("\(root)\(group)/\(limit)").map { $0 - (number("\(root)\(group)/\(usage)") ?? 0) }
      }
    }
  }

  private static func number(_ path: String) -> Int? {
    (try? FileAccess.readText(path)).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
  }
}
