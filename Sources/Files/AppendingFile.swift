import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A file that grows by whole lines, such as a log that another process may follow.
public final class AppendingFile {
  private let path: String
  private let descriptor: Int32
  private var pending = Data()

  /// Opens `path` for appending, and creates the file if it is absent.
  ///
  /// - Throws: `InputError` if it cannot be opened.
  public init(_ path: String) throws {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileAccess.systemError("cannot be written", path) }
  }

  /// Replaces the file at `path` by one that begins with `text`, as `FileAccess.write` does. Lines are appended to this
  /// new file, even if another process replaces it in turn.
  ///
  /// - Parameter mayReplace: Called right before the file is replaced. If it throws, the old file remains.
  /// - Throws: `InputError` if the file cannot be written, or the error of `mayReplace`.
  public init(_ path: String, replacingWith text: Data, mayReplace: () throws -> Void) throws {
    self.path = path
    descriptor = try FileAccess.replace(path, with: [text], mayReplace: mayReplace)
  }

  deinit { close(descriptor) }

  /// Adds a line. It is written at the next `flush`, or once more than 64 KiB are pending.
  ///
  /// - Throws: `InputError` if pending lines cannot be written.
  public func append(_ line: Data) throws {
    pending.append(line)
    pending.append(UInt8(ascii: "\n"))
    if pending.count > 1 << 16 { try flush() }
  }

  /// Writes all pending lines to the file.
  ///
  /// - Throws: `InputError` if they cannot be written.
  public func flush() throws {
    guard !pending.isEmpty else { return }
    try FileAccess.writeAll(pending, to: descriptor, path: path)
    pending.removeAll(keepingCapacity: true)
  }

  /// Writes all pending lines and forces them to the disk.
  ///
  /// - Throws: `InputError` if they cannot be written.
  public func synchronize() throws {
    try flush()
    guard fsync(descriptor) == 0 else { throw FileAccess.systemError("cannot be written", path) }
  }
}
