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
