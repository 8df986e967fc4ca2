import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Reading, writing and removing whole files, so that a fault is one clear message and a crash leaves the old file or the
/// new one, never a half.
///
/// A file is *absent* only where the system says that there is no such path (`ENOENT`, or `ENOTDIR` where a part of the
/// path is a file). Whatever else a call fails with, such as `EIO`, `ESTALE` or `EACCES`, says nothing of what is there:
/// it is thrown, as an `InputError` with its `systemError`, and nothing may be concluded from it.
public enum FileAccess {
  /// What stands at a path.
  public enum Kind: Sendable {
    case file, folder, other
  }

  // MARK: Reading

  /// What stands at `path`, its links followed; nil if it is absent.
  public static func kind(of path: String) throws -> Kind? {
    guard let status = try status(of: path) else { return nil }
    return switch status.st_mode & S_IFMT {
    case S_IFREG: .file
    case S_IFDIR: .folder
    default: .other
    }
  }

  /// Whether there is something at `path`.
  public static func exists(_ path: String) throws -> Bool { try status(of: path) != nil }

  /// What the system knows of the file at `path`, its links followed; nil if it is absent.
  package static func status(of path: String) throws -> stat? {
    var status = stat()
    if stat(path, &status) == 0 { return status }
    guard isAbsence(errno) else { throw systemError("cannot be read", path) }
    return nil
  }

  /// The bytes of the file at `path`.
  public static func read(_ path: String) throws -> Data {
    guard let data = try readIfPresent(path) else {
      throw InputError("no such file", file: path, remedy: "Check the path")
    }
    return data
  }

  /// The bytes of the file at `path`; nil if it is absent.
  public static func readIfPresent(_ path: String) throws -> Data? {
    let descriptor = retrying { open(path, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else {
      guard isAbsence(errno) else { throw systemError("cannot be read", path) }
      return nil
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw systemError("cannot be read", path) }
    guard status.st_mode & S_IFMT != S_IFDIR else {
      throw InputError(
        "is a folder, and a file was expected", file: path, remedy: "Name a file in it", systemError: EISDIR)
    }
    // One byte more than the file has, to see its end; of what has no size, such as a pipe, piece by piece.
    let size = status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : 0
    var data = Data(count: max(size, 4095) + 1)
    var count = 0
    while true {
      if count == data.count { data.count *= 2 }
      let read = data.withUnsafeMutableBytes { bytes in
        guard let base = bytes.baseAddress else { return 0 }
        return retrying { Glibc.read(descriptor, base + count, bytes.count - count) }
      }
      guard read >= 0 else { throw systemError("cannot be read", path) }
      if read == 0 { return data.prefix(count) }
      count += read
    }
  }

  /// The text of the UTF-8 file at `path`. Invalid UTF-8 is an error that names the line.
  public static func readText(_ path: String) throws -> String {
    try text(of: read(path), path: path)
  }

  /// The text of the UTF-8 file at `path`; nil if it is absent.
  public static func readTextIfPresent(_ path: String) throws -> String? {
    try readIfPresent(path).map { try text(of: $0, path: path) }
  }

  /// The text of the UTF-8 bytes that the file at `path` holds.
  package static func text(of data: Data, path: String) throws -> String {
    if let text = String(validating: data, as: UTF8.self) { return text }
    throw InputError(
      "not valid UTF-8", file: path, line: lineOfInvalidUTF8(data),
      remedy: "Convert it, for example with `iconv -t UTF-8`")
  }

  /// The names in a folder in order, hidden ones included; none if the folder is absent.
  public static func names(in folder: String) throws -> [String] {
    guard let stream = opendir(folder) else {
      guard isAbsence(errno) else { throw systemError("cannot be read", folder) }
      return []
    }
    defer { closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else { break }
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    guard errno == 0 else { throw systemError("cannot be read", folder) }
    return names.sorted()
  }

  /// The paths of all that is in a folder and its folders, relative to it; links are not followed.
  public static func paths(below folder: String) throws -> [String] {
    try names(in: folder).flatMap { name in
      var status = stat()
      guard lstat("\(folder)/\(name)", &status) == 0 else {
        if isAbsence(errno) { return [String]() }
        throw systemError("cannot be read", "\(folder)/\(name)")
      }
      let inside = status.st_mode & S_IFMT == S_IFDIR ? try paths(below: "\(folder)/\(name)") : []
      return [name] + inside.map { "\(name)/\($0)" }
    }
  }

  // MARK: Writing

  /// Writes `data` to `path` atomically: a temporary file beside it, forced to the disk, then renamed, and the folder
  /// forced to the disk as well.
  ///
  /// - Parameter mayReplace: Asked right before the file at `path` is replaced. What it throws leaves the old file.
  public static func write(_ data: Data, to path: String, mayReplace: () throws -> Void = {}) throws {
    // Of one name on all machines that may share the folder.
    let temporary = "\(path).\(UUID().uuidString.prefix(13)).tmp"
    let descriptor = retrying { open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644) }
    guard descriptor >= 0 else { throw systemError("cannot be written", path) }
    do {
      do {
        defer { close(descriptor) }
        try writeAll(data, to: descriptor, path: path)
        guard fsync(descriptor) == 0 else { throw systemError("cannot be written", path) }
      }
      try mayReplace()
      guard rename(temporary, path) == 0 else { throw systemError("cannot be written", path) }
    } catch {
      unlink(temporary)
      throw error
    }
    try synchronizeFolder(of: path)
  }

  /// Forces to the disk that the names in the folder of `path` are what they are: a renamed file survives a power cut.
  package static func synchronizeFolder(of path: String) throws {
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = retrying { open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw systemError("cannot be written", path) }
    defer { close(descriptor) }
    // Some file systems have nothing to force.
    guard fsync(descriptor) == 0 || [EINVAL, ENOTSUP, EROFS].contains(errno) else {
      throw systemError("cannot be written", path)
    }
  }

  /// Refuses a path at which something else stands than a regular file. A program that writes there might wait for
  /// ever for the reader of a pipe, or write through a link to another place.
  ///
  /// - Throws: `InputError` for a folder, a pipe, a device, a socket or a link.
  public static func requireRegular(_ path: String) throws {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT { return }
      throw systemError("cannot be written", path)
    }
    let kinds: [mode_t: String] = [
      S_IFDIR: "a folder", S_IFIFO: "a pipe", S_IFLNK: "a link", S_IFSOCK: "a socket", S_IFCHR: "a device",
      S_IFBLK: "a device",
    ]
    guard let kind = kinds[status.st_mode & S_IFMT] else { return }
    throw InputError(
      "\(kind) stands where a file is to be written", file: path,
      remedy: "Remove it, or choose another folder")
  }

  /// Sees whether a file can be written at `path`, and leaves nothing there: for a command that takes long before it
  /// writes its result.
  ///
  /// - Throws: `InputError` as `write` would.
  public static func requireWritable(_ path: String) throws {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
      throw InputError("is a folder, and a file is to be written", file: path, remedy: "Name a file in it")
    }
    let probe = "\(path).\(UUID().uuidString.prefix(13)).tmp"
    let descriptor = open(probe, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw systemError("cannot be written", path) }
    close(descriptor)
    unlink(probe)
  }

  /// Removes what interrupted calls of `write` have left in a folder. Nobody may be writing there.
  public static func removeTemporaries(in folder: String) throws {
    for name in try names(in: folder) where name.hasSuffix(".tmp") { try remove("\(folder)/\(name)") }
  }

  /// Removes the file, or the folder with all that is in it, at `path`; what is absent is as it should be.
  public static func remove(_ path: String) throws {
    if unlink(path) == 0 || isAbsence(errno) { return }
    // Linux says EISDIR, POSIX allows EPERM.
    guard errno == EISDIR || errno == EPERM else { throw systemError("cannot be removed", path) }
    for name in try names(in: path) { try remove("\(path)/\(name)") }
    guard rmdir(path) == 0 || isAbsence(errno) else { throw systemError("cannot be removed", path) }
  }

  /// Makes the folder at `path`, and those above it, where they are missing.
  public static func makeFolder(_ path: String) throws {
    if mkdir(path, 0o755) == 0 { return try synchronizeFolder(of: path) }
    if errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex {
      try makeFolder(String(path[..<slash]))
      if mkdir(path, 0o755) == 0 { return try synchronizeFolder(of: path) }
    }
    let code = errno
    if code == EEXIST, try kind(of: path) == .folder { return }
    errno = code
    throw systemError("the folder cannot be created", path)
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

  // MARK: Errors

  /// Whether a system call that failed with `code` says that there is nothing at its path.
  private static func isAbsence(_ code: Int32) -> Bool { code == ENOENT || code == ENOTDIR }

  /// Calls `body` again as long as a signal interrupts it.
  private static func retrying<Result: FixedWidthInteger>(_ body: () -> Result) -> Result {
    while true {
      let result = body()
      if result >= 0 || errno != EINTR { return result }
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
      case EMFILE, ENFILE: "Raise the limit on open files (`ulimit -n`), then give the same command again"
      case EIO, ESTALE, ETIMEDOUT, EREMOTEIO:
        "Check the disk or the file server, then give the same command again: nothing was changed"
      default: nil
      }
    return InputError(
      "\(message): \(String(cString: strerror(code)))", file: path, remedy: remedy, concernsAll: concernsAll,
      systemError: code)
  }

  private static func lineOfInvalidUTF8(_ data: Data) -> Int {
    // A line feed is never part of a longer UTF-8 sequence, so lines can be judged one by one.
    let lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let bad = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil }
    return (bad ?? 0) + 1
  }
}
