import Files
import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Results of an experiment that belong together. They are written into a folder of their own, beside the last ones, which
/// they replace all at one time: no reader sees the fits of some runs beside the report of others.
struct ResultSet {
  /// The experiment's folder of results.
  let folder: String
  /// Where the new results are written.
  let path: String

  /// Makes the folder of new results, and removes those of killed commands.
  init(_ folder: String) throws {
    self.folder = folder
    try FileAccess.makeFolder(folder)
    try FileAccess.removeTemporaries(in: folder)
    path = "\(folder)/results.\(UUID().uuidString.prefix(13)).tmp"
    try FileAccess.makeFolder(path)
  }

  /// Puts the new results in the place of the last ones. If there is no new report, the last one
  /// is removed: it shows other results.
  ///
  /// - Parameter mayReplace: Asked right before.
  func publish(_ mayReplace: () throws -> Void) throws {
    let names = try FileAccess.names(in: path)
    try mayReplace()
    for name in ["report.html", "figures"] where try FileAccess.exists("\(folder)/\(name)") {
      // A folder cannot be replaced by another in one step.
      try move("\(folder)/\(name)", to: "\(path)/last-\(name)")
    }
    for name in names { try move("\(path)/\(name)", to: "\(folder)/\(name)") }
    try FileAccess.synchronizeFolder(of: path)
  }

  /// Removes what is left of the folder of new results. What cannot be removed now goes with the next results.
  func remove() { try? FileAccess.remove(path) }

  /// An error with the place where a file is found after publishing.
  func located(_ error: any Error) -> any Error {
    guard let error = error as? InputError else { return error }
    return InputError(
      error.message, file: error.file?.replacing(path, with: folder), line: error.line, remedy: error.remedy,
      concernsAll: error.concernsAll, systemError: error.systemError)
  }

  private func move(_ source: String, to target: String) throws {
    guard rename(source, target) == 0 else { throw FileAccess.systemError("cannot be written", target) }
  }
}
