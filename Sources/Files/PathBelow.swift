import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Returns whether `path` is one of `folders` or lies below one, with links and `..` resolved.
///
/// Paths that a file contains are checked with it, so that a file from an untrusted source cannot access other files.
public func isPath(_ path: String, below folders: [String]) -> Bool {
  let place = resolved(path)
  return folders.map(resolved).contains { folder in
    place == folder || place.starts(with: folder == "/" ? folder : folder + "/")
  }
}

/// Returns the absolute path with links resolved. If it does not exist, only `.` and `..` are resolved.
private func resolved(_ path: String) -> String {
  if let real = realpath(path.isEmpty ? "." : path, nil) {
    defer { free(real) }
    return String(cString: real)
  }
  return URL(fileURLWithPath: path.isEmpty ? "." : path).standardizedFileURL.path
}

/// Returns the relative path from a folder to a file, with links resolved. It remains valid if both move together.
public func relativePath(of file: String, from folder: String) -> String {
  let parts = [file, folder].map { resolved($0).split(separator: "/") }
  let common = zip(parts[0], parts[1]).prefix { $0 == $1 }.count
  let up = Array(repeating: "..", count: parts[1].count - common)
  return (up + parts[0].dropFirst(common).map(String.init)).joined(separator: "/")
}
