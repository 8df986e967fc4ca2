import Foundation

/// A folder that is distributed with the program, such as that of the corpora.
public struct BundledFolder: Sendable {
  /// The path of the folder in the package.
  public let path: String
  /// The environment variable that overrides the folder.
  public let variable: String
  /// What the folder contains, in the plural, and one of them: `recipes`, `recipe (.yaml)`.
  private let content: (plural: String, singular: String)
  /// What can be done without the folder, as the end of a sentence.
  private let alternative: String
  /// Returns the paths of what a folder contains, by name.
  private let find: @Sendable (String) throws -> [String: String]

  /// - Parameters:
  ///   - path: The path of the folder in the package.
  ///   - variable: The environment variable that overrides the folder.
  ///   - content: What the folder contains, in the plural and in the singular.
  ///   - alternative: What can be done without the folder, as the end of a sentence.
  ///   - find: Returns the paths of what a folder contains, by name; none for another folder.
  public init(
    _ path: String, variable: String, content: (plural: String, singular: String), alternative: String,
    find: @escaping @Sendable (String) throws -> [String: String]
  ) {
    (self.path, self.variable, self.content) = (path, variable, content)
    (self.alternative, self.find) = (alternative, find)
  }

  /// Returns the paths of what the folder contains, by name.
  ///
  /// The folder is the value of the environment variable if that is set. Otherwise it is the first one that contains
  /// anything: in the current folder, beside the executable, in a folder above it or in that folder's `share/isoflop`, or
  /// in the package that the program was built from. Paths below the current folder are relative.
  ///
  /// - Throws: `InputError` if there is no such folder.
  public func items() throws -> [String: String] {
    if let named = ProcessInfo.processInfo.environment[variable], !named.isEmpty {
      let items = try find(named)
      guard !items.isEmpty else {
        throw InputError(
          "\(variable) names this folder, which contains no \(content.singular)", file: named,
          remedy: "Set it to Isoflop's folder `\(path)`, or remove it")
      }
      return items
    }
    for candidate in [path] + Self.places.map({ $0.appendingPathComponent(path).path }) {
      let items = try find(candidate)
      if !items.isEmpty { return items }
    }
    throw InputError(
      "the bundled \(content.plural) are not found: there is no folder `\(path)` with \(content.plural) here, nor beside "
        + "the program or above it",
      remedy: "Set \(variable) to Isoflop's folder `\(path)`, or \(alternative)")
  }

  /// The folders that may contain a bundled folder, besides the current one.
  private static var places: [URL] {
    var places: [URL] = []
    if var folder = Bundle.main.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent() {
      while folder.path != "/" {
        // An installed program is in `bin`, and its data is here.
        places += [folder, folder.appendingPathComponent("share/isoflop")]
        folder.deleteLastPathComponent()
      }
    }
    places.append(
      URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent())
    return places
  }
}
