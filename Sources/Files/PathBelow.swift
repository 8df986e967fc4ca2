import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Whether `path` leads to a place in one of `folders` or below, with all its links and `..` followed.
///
/// What a file names is held against it, so that a file from elsewhere cannot reach for what is not its own.
public func isPath(_ path: String, below folders: [String]) -> Bool {
  let place = resolved(path)
  return folders.map(resolved).contains { folder in
    place == folder || place.starts(with: folder == "/" ? folder : folder + "/")
  }
}

/// The one absolute path of a place; of what does not exist, as its text has it.
private func resolved(_ path: String) -> String {
  if let real = realpath(path.isEmpty ? "." : path, nil) {
    defer { free(real) }
    return String(cString: real)
  }
  return URL(fileURLWithPath: path.isEmpty ? "." : path).standardizedFileURL.path
}

/// The way from a folder to a file, with all links followed, so that it holds where both are moved together.
public func relativePath(of file: String, from folder: String) -> String {
  let parts = [file, folder].map { resolved($0).split(separator: "/") }
  let common = zip(parts[0], parts[1]).prefix { $0 == $1 }.count
  let up = Array(repeating: "..", count: parts[1].count - common)
  return (up + parts[0].dropFirst(common).map(String.init)).joined(separator: "/")
}
