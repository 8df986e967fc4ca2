import Files

extension FileAccess {
  /// Creates the folder of an export.
  ///
  /// - Throws: `InputError` if there is a file at the path, or a folder with files, or the folder cannot be created.
  static func makeNewFolder(_ path: String) throws {
    if let kind = try kind(of: path) {
      guard kind == .folder else {
        throw InputError("is a file, not a folder", file: path, remedy: "Name a new folder")
      }
      guard try names(in: path).isEmpty else {
        throw InputError(
          "the folder is not empty", file: path, remedy: "Name a new folder, or remove this one")
      }
    }
    try makeFolder(path)
  }
}
