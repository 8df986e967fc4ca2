import CMCheck
import Files
import Foundation

/// Counts the calls that allocate memory, by the trace of them that glibc writes to a file (mtrace(3)).
public enum AllocationTrace {
  private static let fileVariable = "MALLOC_TRACE"

  /// What the environment must hold when a process starts that can count: glibc's tracing `malloc`, and the file
  /// where the trace goes.
  public static func environment(file: String) -> [String: String] {
    let preloaded = ProcessInfo.processInfo.environment["LD_PRELOAD"].map { "\($0):" } ?? ""
    return ["LD_PRELOAD": "\(preloaded)libc_malloc_debug.so.0", fileVariable: file]
  }

  /// The allocations of all threads during `body`, or nil where the process was not started so that it can count.
  static func count(_ body: () -> Void) throws -> Int? {
    guard let file = ProcessInfo.processInfo.environment[fileVariable] else { return nil }
    // No trace of an earlier call may be taken for this one's.
    try? FileManager.default.removeItem(atPath: file)
    mtrace()
    body()
    muntrace()
    guard FileManager.default.fileExists(atPath: file) else { return nil }
    // `@ caller + address size` is a new block, and `@ caller > address size` one that realloc has moved.
    return try FileAccess.readText(file).split(separator: "\n").count { line in
      line.contains(" + ") || line.contains(" > ")
    }
  }
}
