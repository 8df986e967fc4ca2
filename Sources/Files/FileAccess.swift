import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Reads, writes and removes whole files. Every error is one clear message, and a crash leaves either the old file or
/// the new one, never part of one.
///
/// A file is *absent* only if the system reports that the path does not exist (`ENOENT`, or `ENOTDIR` if part of the
/// path is a file). Any other error, such as `EIO`, `ESTALE` or `EACCES`, does not say whether the file exists: it is
/// thrown as an `InputError` with its `systemError`.
public enum FileAccess {
  /// The kind of object at a path.
  public enum Kind: Sendable {
    case file, folder, other
  }

  // MARK: Reading

  /// Returns the kind of object at `path`, following links; nil if it is absent.
  public static func kind(of path: String) throws -> Kind? {
    guard let status = try status(of: path) else { return nil }
    return switch status.st_mode & S_IFMT {
    case S_IFREG: .file
    case S_IFDIR: .folder
    default: .other
    }
  }

  /// Returns whether `path` exists, following links.
  public static func exists(_ path: String) throws -> Bool { try status(of: path) != nil }

  /// Returns the result of `stat` for `path`, following links; nil if it is absent.
  package static func status(of path: String) throws -> stat? {
    var status = stat()
    if stat(path, &status) == 0 { return status }
    guard isAbsence(errno) else { throw systemError("cannot be read", path) }
    return nil
  }

  /// Returns the bytes of the file at `path`.
  ///
  /// - Throws: `InputError` if it is absent, a folder or unreadable.
  public static func read(_ path: String) throws -> Data {
    guard let data = try readIfPresent(path) else {
      throw InputError("no such file", file: path, remedy: "Check the path")
    }
    return data
  }

  /// Returns the bytes of the file at `path`; nil if it is absent.
  ///
  /// - Throws: `InputError` if it is a folder or unreadable.
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
        "is a folder, not a file", file: path, remedy: "Name a file in it", systemError: EISDIR)
    }
    // One byte more than the file's size, to detect its end. A pipe has no size: the buffer grows as needed.
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

  /// Returns the text of the UTF-8 file at `path`.
  ///
  /// - Throws: `InputError` if it cannot be read. For invalid UTF-8 the error names the line.
  public static func readText(_ path: String) throws -> String {
    try text(of: read(path), path: path)
  }

  /// Returns the text of the UTF-8 file at `path`; nil if it is absent.
  ///
  /// - Throws: `InputError` if it cannot be read. For invalid UTF-8 the error names the line.
  public static func readTextIfPresent(_ path: String) throws -> String? {
    try readIfPresent(path).map { try text(of: $0, path: path) }
  }

  /// Returns `data`, the bytes of the file at `path`, decoded as UTF-8.
  package static func text(of data: Data, path: String) throws -> String {
    if let text = String(validating: data, as: UTF8.self) { return text }
    throw InputError(
      "not valid UTF-8", file: path, line: lineOfInvalidUTF8(data),
      remedy: "Convert it, for example with `iconv -t UTF-8`")
  }

  /// Returns the sorted names in a folder, including hidden ones; none if the folder is absent.
  ///
  /// - Throws: `InputError` if the folder cannot be read.
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

  /// Returns the paths of everything below a folder, relative to it. Links are not followed.
  ///
  /// - Throws: `InputError` if a folder cannot be read.
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

  /// Writes `data` to `path` atomically: writes a temporary file beside it, forces it to the disk, renames it, and
  /// forces the folder to the disk.
  ///
  /// The check `mayReplace` and the rename are one step, even if this process is suspended between them: a process that
  /// takes over the folder first removes the temporary files in it (`removeTemporaries`), so that this rename fails.
  ///
  /// - Parameter mayReplace: Called right before the file at `path` is replaced. If it throws, the old file remains.
  /// - Throws: `InputError` if the file cannot be written, or the error of `mayReplace`.
  public static func write(_ data: Data, to path: String, mayReplace: () throws -> Void = {}) throws {
    try write([data], to: path, mayReplace: mayReplace)
  }

  /// Writes the pieces one after the other to `path`, as `write` does, without a copy of the whole.
  ///
  /// - Parameter mayReplace: Called right before the file at `path` is replaced. If it throws, the old file remains.
  /// - Throws: `InputError` if the file cannot be written, or the error of `mayReplace`.
  public static func write(_ pieces: [Data], to path: String, mayReplace: () throws -> Void = {}) throws {
    close(try replace(path, with: pieces, mayReplace: mayReplace))
  }

  /// Replaces the file at `path`, as `write` does.
  ///
  /// - Returns: A descriptor of the new file that appends to it. The caller closes it.
  static func replace(_ path: String, with pieces: [Data], mayReplace: () throws -> Void) throws -> Int32 {
    var attempts = 0
    while true {
      let temporary = temporary(beside: path)
      let file = retrying { open(temporary, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644) }
      guard file >= 0 else { throw systemError("cannot be written", path) }
      do {
        for piece in pieces { try writeAll(piece, to: file, path: path) }
        guard fsync(file) == 0 else { throw systemError("cannot be written", path) }
        try mayReplace()
        if rename(temporary, path) == 0 {
          try synchronizeFolder(of: path)
          return file
        }
        guard errno == ENOENT, attempts < 2 else { throw systemError("cannot be written", path) }
        // Another process has removed the temporary file. If that process has taken over, this throws. Otherwise it had
        // itself lost the folder, and was suspended before it removed the file.
        try mayReplace()
      } catch {
        close(file)
        unlink(temporary)
        throw error
      }
      close(file)
      attempts += 1
    }
  }

  /// Returns the path of a temporary file or folder. Its name is unique, even if other machines write to the same folder.
  private static func temporary(beside path: String) -> String {
    "\(path).\(UUID().uuidString.prefix(13)).tmp"
  }

  /// Forces the folder of `path` to the disk, so that a rename in it survives a power cut.
  package static func synchronizeFolder(of path: String) throws {
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = retrying { open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw systemError("cannot be written", path) }
    defer { close(descriptor) }
    // Some file systems do not support fsync on folders.
    guard fsync(descriptor) == 0 || [EINVAL, ENOTSUP, EROFS].contains(errno) else {
      throw systemError("cannot be written", path)
    }
  }

  /// Checks that `path` is a regular file or absent. A program that writes to a pipe might wait for ever for its
  /// reader, and one that writes to a link would change another file.
  ///
  /// - Throws: `InputError` if it is a folder, a pipe, a device, a socket or a link.
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
      "expected a regular file, found \(kind)", file: path,
      remedy: "Remove it, or choose another folder")
  }

  /// Checks that a file can be written at `path`, and leaves nothing there. A command calls it before long work whose
  /// result it will write.
  ///
  /// - Throws: `InputError` if `path` is a folder or cannot be written.
  public static func requireWritable(_ path: String) throws {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
      throw InputError("is a folder, not a file", file: path, remedy: "Name a file in it")
    }
    let probe = temporary(beside: path)
    let descriptor = open(probe, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw systemError("cannot be written", path) }
    close(descriptor)
    unlink(probe)
  }

  /// Removes the temporary files and folders that interrupted calls left in a folder. If an earlier owner of the folder
  /// still runs, it can then neither replace nor remove anything in it.
  ///
  /// - Parameter mayRemove: Called right before the removal. If it throws, nothing is removed.
  /// - Throws: `InputError` if one cannot be removed, or the error of `mayRemove`.
  public static func removeTemporaries(in folder: String, mayRemove: () throws -> Void) throws {
    let names = try names(in: folder).filter { $0.hasSuffix(".tmp") }
    try remove(names.map { "\(folder)/\($0)" }, through: folder, mayRemove: mayRemove)
  }

  /// Removes files and folders, unless another process takes over. They are first moved into a temporary folder, which
  /// that process removes (`removeTemporaries`), so that `mayRemove` and the removal are one step.
  ///
  /// - Parameters:
  ///   - folder: The folder in which the temporary folder is created.
  ///   - mayRemove: Called right before the removal. If it throws, nothing is removed.
  /// - Throws: `InputError` if one cannot be removed, or the error of `mayRemove`.
  public static func remove(_ paths: [String], through folder: String, mayRemove: () throws -> Void) throws {
    for attempt in 1...3 where !paths.isEmpty {
      let away = temporary(beside: "\(folder)/removed")
      guard mkdir(away, 0o755) == 0 else {
        // A full disk must not prevent a removal.
        guard errno == ENOSPC || errno == EDQUOT else { throw systemError("cannot be removed", paths[0]) }
        for path in paths {
          try mayRemove()
          try remove(path)
        }
        return
      }
      do {
        try mayRemove()
        for (index, path) in paths.enumerated() where rename(path, "\(away)/\(index)") != 0 {
          switch errno {
          case ENOENT, ENOTDIR: continue
          // On another file system, or a folder of a container's image.
          case EXDEV: try remove(path)
          default: throw systemError("cannot be removed", path)
          }
        }
        if try exists(away) { return try remove(away) }
        // Another process has removed it. Either it has taken over, and this throws, or it was itself suspended before.
        try mayRemove()
      } catch {
        try? remove(away)
        throw error
      }
      if attempt == 3 {
        errno = ENOENT
        throw systemError("cannot be removed", paths[0])
      }
    }
  }

  /// Removes a folder and its files, unless another process takes over; see `remove(_:through:mayRemove:)`. The folder
  /// remains if another process has written a file in it meanwhile.
  ///
  /// - Throws: `InputError` if it cannot be removed, or the error of `mayRemove`.
  public static func removeFolder(_ path: String, mayRemove: () throws -> Void) throws {
    try remove(names(in: path).map { "\(path)/\($0)" }, through: path, mayRemove: mayRemove)
    guard rmdir(path) == 0 || isAbsence(errno) || errno == ENOTEMPTY || errno == EEXIST else {
      throw systemError("cannot be removed", path)
    }
  }

  /// Removes the file at `path`, or the folder with its contents. Does nothing if it is absent.
  ///
  /// - Throws: `InputError` if it cannot be removed.
  public static func remove(_ path: String) throws {
    if unlink(path) == 0 || isAbsence(errno) { return }
    // For a folder, Linux reports EISDIR and POSIX allows EPERM.
    guard errno == EISDIR || errno == EPERM else { throw systemError("cannot be removed", path) }
    for attempt in 1... {
      let names = try names(in: path)
      // A file server keeps removed files that are still open under such names.
      let kept = names.filter { $0.hasPrefix(".nfs") }
      for name in names where !kept.contains(name) { try remove("\(path)/\(name)") }
      if rmdir(path) == 0 || isAbsence(errno) { return }
      guard errno == ENOTEMPTY || errno == EEXIST else { throw systemError("cannot be removed", path) }
      // A later command removes the folder.
      if !kept.isEmpty { return }
      // Another process has written something there meanwhile.
      guard attempt < 3 else { throw systemError("cannot be removed", path) }
    }
  }

  /// Creates the folder at `path`, and missing folders above it. Does nothing if it exists.
  ///
  /// - Throws: `InputError` if it cannot be created.
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

  /// Returns whether the error number `code` means that the path does not exist.
  private static func isAbsence(_ code: Int32) -> Bool { code == ENOENT || code == ENOTDIR }

  /// Calls `body`, and repeats it while signals interrupt it.
  private static func retrying<Result: FixedWidthInteger>(_ body: () -> Result) -> Result {
    while true {
      let result = body()
      if result >= 0 || errno != EINTR { return result }
    }
  }

  /// Returns the error that `errno` reports, with a remedy if one is known.
  package static func systemError(_ message: String, _ path: String) -> InputError {
    let code = errno
    let concernsAll = [ENOSPC, EDQUOT, EROFS].contains(code)
    let remedy: String? =
      switch code {
      case ENOSPC, EDQUOT: "Make room on the disk, then run the same command again"
      case EFBIG: "Raise the limit on file sizes (`ulimit -f`), then run the same command again"
      case EACCES, EROFS, EPERM: "Choose a folder that you may write to, or change its permissions"
      case EMFILE, ENFILE: "Raise the limit on open files (`ulimit -n`), then run the same command again"
      case EIO, ESTALE, ETIMEDOUT, EREMOTEIO:
        "Check the disk or the file server, then run the same command again: nothing was changed"
      default: nil
      }
    return InputError(
      "\(message): \(String(cString: strerror(code)))", file: path, remedy: remedy, concernsAll: concernsAll,
      systemError: code)
  }

  private static func lineOfInvalidUTF8(_ data: Data) -> Int {
    // A line feed is never part of a longer UTF-8 sequence, so lines can be checked one by one.
    let lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let bad = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil }
    return (bad ?? 0) + 1
  }
}
