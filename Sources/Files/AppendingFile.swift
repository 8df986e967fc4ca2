import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A file that grows by whole lines: a log that a reader may follow while it is written.
public final class AppendingFile {
  private let path: String
  private let descriptor: Int32
  private var pending = Data()

  /// Opens `path` for appending, or makes it.
  public init(_ path: String) throws {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileAccess.systemError("cannot be written", path) }
  }

  deinit { close(descriptor) }

  /// Adds a line, which reaches the file at the next `flush`, or when enough have gathered.
  public func append(_ line: Data) throws {
    pending.append(line)
    pending.append(UInt8(ascii: "\n"))
    if pending.count > 1 << 16 { try flush() }
  }

  /// Hands all lines so far to the system.
  public func flush() throws {
    guard !pending.isEmpty else { return }
    try FileAccess.writeAll(pending, to: descriptor, path: path)
    pending.removeAll(keepingCapacity: true)
  }

  /// Forces all lines so far to the disk.
  public func synchronize() throws {
    try flush()
    guard fsync(descriptor) == 0 else { throw FileAccess.systemError("cannot be written", path) }
  }
}
