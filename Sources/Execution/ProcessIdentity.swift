import Files
import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Identifies a process among all processes of all machines that share a folder.
public struct ProcessIdentity: Codable, Hashable, Sendable {
  /// The name of the machine, for messages.
  public let host: String
  /// The machine's identifier in `/etc/machine-id`; nil if it has none, and in files of earlier versions.
  let machine: String?
  /// The kernel's random identifier of this boot of the machine.
  let boot: String
  /// The time when the machine was started, in seconds since 1970 by its own clock; nil in files of earlier versions.
  let bootTime: Int?
  /// The PID namespace that `pid` belongs to: containers of one machine number their processes separately.
  let nameSpace: String
  /// The process identifier.
  public let pid: Int32
  /// The start time of the process, in the kernel's ticks, because process identifiers are reused.
  let started: String

  /// This process.
  public static let own: ProcessIdentity = {
    let pid = getpid()
    let line = { (path: String) in
      (try? FileAccess.readText(path))?.trimmingCharacters(in: .whitespacesAndNewlines)
    }
    let bootTime = line("/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }
    return ProcessIdentity(
      host: ProcessInfo.processInfo.hostName,
      machine: line("/etc/machine-id").flatMap { $0.isEmpty ? nil : $0 },
      boot: line("/proc/sys/kernel/random/boot_id") ?? "unknown",
      bootTime: bootTime.flatMap { Int($0.dropFirst("btime ".count)) },
      nameSpace: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid"))
        ?? "unknown",
      pid: pid, started: status(of: pid)?.started ?? "unknown")
  }()

  /// True if the process is known to have ended. The state of processes on other machines is unknown.
  public var isDead: Bool {
    let own = Self.own
    guard boot != "unknown", own.boot != "unknown" else { return false }
    if boot != own.boot { return isBeforeRestart(of: own) }
    guard nameSpace == own.nameSpace else { return false }
    guard kill(pid, 0) == 0 || errno == EPERM else { return true }
    guard let status = Self.status(of: pid) else { return false }
    return status.hasEnded || status.started != started
  }

  /// Returns whether the process ran on the machine of `other` before the machine was restarted.
  private func isBeforeRestart(of other: ProcessIdentity) -> Bool {
    guard let machine, let bootTime, let otherTime = other.bootTime, !host.isEmpty else { return false }
    // Copies of a machine may have the same identifier and name. Of two of them, only one considers the other ended.
    return (machine, host) == (other.machine, other.host) && bootTime < otherTime
  }

  /// Returns the start time of a process, and whether it is a zombie; nil if it cannot be read.
  private static func status(of pid: Int32) -> (started: String, hasEnded: Bool)? {
    // pid (name, with any characters) state ppid …; the 22nd field is the start.
    guard let text = (try? FileAccess.read("/proc/\(pid)/stat")).map({ String(decoding: $0, as: UTF8.self) }),
      let name = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[name...].split(separator: " ").dropFirst()
    guard fields.count > 19 else { return nil }
    return (
      String(fields[fields.startIndex + 19]), ["Z", "X"].contains(fields[fields.startIndex])
    )
  }
}
