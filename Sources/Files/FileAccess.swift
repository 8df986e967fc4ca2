import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Reading and writing whole files, so that a fault is one clear message and a crash leaves the old
/// file or the new one, never a half.
public enum FileAccess {
  /// The bytes of the file at `path`.
  public static func read(_ path: String) throws -> Data {
    do {
      return try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      var isFolder: ObjCBool = false
      if !FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) {
        throw InputError("no such file", file: path, remedy: "Check the path")
      }
      throw InputError(
        isFolder.boolValue ? "is a folder, and a file was expected" : "cannot be read", file: path,
        remedy: isFolder.boolValue ? "Name a file in it" : "Check its permissions")
    }
  }

  /// The text of the UTF-8 file at `path`. Invalid UTF-8 is an error that names the line.
  public static func readText(_ path: String) throws -> String {
    try text(of: read(path), path: path)
  }

  /// The text of the UTF-8 bytes that the file at `path` holds.
  package static func text(of data: Data, path: String) throws -> String {
    if let text = String(validating: data, as: UTF8.self) { return text }
    throw InputError(
      "not valid UTF-8", file: path, line: lineOfInvalidUTF8(data),
      remedy: "Convert it, for example with `iconv -t UTF-8`")
  }

  /// Writes `data` to `path` atomically: a temporary file beside it, forced to the disk, then renamed.
  public static func write(_ data: Data, to path: String) throws {
    // Of one name on all machines that may share the folder.
    let temporary = "\(path).\(UUID().uuidString.prefix(13)).tmp"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw systemError("cannot be written", path) }
    do {
      try writeAll(data, to: descriptor, path: path)
      guard fsync(descriptor) == 0 else { throw systemError("cannot be written", path) }
      guard close(descriptor) == 0, rename(temporary, path) == 0 else {
        throw systemError("cannot be written", path)
      }
    } catch {
      close(descriptor)
      unlink(temporary)
      throw error
    }
  }

  /// Removes what interrupted calls of `write` have left in a folder. Nobody may be writing there.
  public static func removeTemporaries(in folder: String) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    where name.hasSuffix(".tmp") { unlink("\(folder)/\(name)") }
  }

  /// Makes the folder at `path`, and those above it, where they are missing.
  public static func makeFolder(_ path: String) throws {
    if mkdir(path, 0o755) == 0 { return }
    if errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex {
      try makeFolder(String(path[..<slash]))
      if mkdir(path, 0o755) == 0 { return }
    }
    let code = errno
    var isFolder: ObjCBool = false
    if code == EEXIST, FileManager.default.fileExists(atPath: path, isDirectory: &isFolder),
      isFolder.boolValue
    {
      return
    }
    errno = code
    throw systemError("the folder cannot be made", path)
  }

  /// Writes all of `data` to an open file.
  package static func writeAll(_ data: Data, to descriptor: Int32, path: String) throws {
    try data.withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { throw systemError("cannot be written", path) }
        done += count
      }
    }
  }

  /// The fault that the system's `errno` reports, with a remedy where one is known.
  package static func systemError(_ message: String, _ path: String) -> InputError {
    let code = errno
    let concernsAll = [ENOSPC, EDQUOT, EROFS].contains(code)
    let remedy: String? =
      switch code {
      case ENOSPC, EDQUOT: "Make room on the disk, then give the same command again"
      case EFBIG: "Raise the limit on file sizes (`ulimit -f`), then give the same command again"
      case EACCES, EROFS, EPERM: "Choose a folder that you may write to, or change its permissions"
      default: nil
      }
    return InputError(
      "\(message): \(String(cString: strerror(code)))", file: path, remedy: remedy, concernsAll: concernsAll)
  }

  private static func lineOfInvalidUTF8(_ data: Data) -> Int {
    // A line feed is never part of a longer UTF-8 sequence, so lines can be judged one by one.
    let lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let bad = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil }
    return (bad ?? 0) + 1
  }
}
