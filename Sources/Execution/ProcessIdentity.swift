import Files
import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A process among all of all machines that may share a folder.
public struct ProcessIdentity: Codable, Hashable, Sendable {
  /// The name of the machine, for people.
  public let host: String
  /// Which start of which machine: the kernel's own number for it.
  let boot: String
  /// The name space in which `pid` is meant: containers of one machine count their processes apart.
  let nameSpace: String
  public let pid: Int32
  /// When the process began, in the kernel's ticks: pids are used again.
  let started: String

  /// This process.
  public static let own: ProcessIdentity = {
    let pid = getpid()
    return ProcessIdentity(
      host: ProcessInfo.processInfo.hostName,
      boot: (try? FileAccess.readText("/proc/sys/kernel/random/boot_id"))?.trimmingCharacters(in: .newlines)
        ?? "unknown",
      nameSpace: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid"))
        ?? "unknown",
      pid: pid, started: status(of: pid)?.started ?? "unknown")
  }()

  /// Whether the process is known to have ended. Of a process on another machine nothing is known.
  public var isDead: Bool {
    let own = Self.own
    guard boot != "unknown", (boot, nameSpace) == (own.boot, own.nameSpace) else { return false }
    guard kill(pid, 0) == 0 || errno == EPERM else { return true }
    guard let status = Self.status(of: pid) else { return false }
    return status.hasEnded || status.started != started
  }

  /// When a process began, and whether it has ended and only waits for its parent to know.
  private static func status(of pid: Int32) -> (started: String, hasEnded: Bool)? {
    // pid (name, with any characters) state ppid …; the 22nd field is the start.
    guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
      let name = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[name...].split(separator: " ").dropFirst()
    guard fields.count > 19 else { return nil }
    return (
      String(fields[fields.startIndex + 19]), ["Z", "X"].contains(fields[fields.startIndex])
    )
  }
}
