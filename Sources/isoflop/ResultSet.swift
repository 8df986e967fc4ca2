import Files
import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// The results of an experiment, which belong together. They are written into a temporary folder and moved into place only
/// when all are complete, so that the fits of some runs do not stay beside the report of others.
struct ResultSet {
  /// The experiment's folder of results.
  let folder: String
  /// Where the new results are written.
  let path: String

  /// Creates the folder of new results. It is a temporary one: if another process takes over (`RunStore.alone`), it removes
  /// this folder first, and nothing can be moved out of it any more.
  init(_ folder: String) throws {
    self.folder = folder
    try FileAccess.makeFolder(folder)
    path = "\(folder)/results.\(UUID().uuidString.prefix(13)).tmp"
    try FileAccess.makeFolder(path)
  }

  /// Replaces the last results by the new ones. The last report is removed even if there is no new one, as it shows other
  /// results.
  ///
  /// - Parameter mayReplace: Called right before; throws if another process has taken over.
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

  /// Removes the folder of new results. If that fails, the next command removes it.
  func remove() { try? FileAccess.remove(path) }

  /// An error with the path that the file has after publishing.
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
