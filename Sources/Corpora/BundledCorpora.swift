import Files
import Foundation

/// The corpora that come with the program: the recipes in its folder `corpora`.
public enum BundledCorpora {
  /// Names another folder of recipes than those that are searched.
  public static let variable = "ISOFLOP_CORPORA"

  /// The folder of the bundled recipes: that of the environment variable `ISOFLOP_CORPORA`; or else `corpora` in the
  /// current folder, beside the program or in a folder above it; or else in the package that the program was built from.
  ///
  /// - Throws: `InputError` that names the folders looked into.
  public static func folder() throws -> String {
    if let named = ProcessInfo.processInfo.environment[variable], !named.isEmpty {
      guard recipes(in: named).count > 0 else {
        throw InputError(
          "\(variable) names this folder, which contains no recipe (.yaml)", file: named,
          remedy: "Set it to Isoflop's folder `corpora`, or remove it")
      }
      return named
    }
    let program = Bundle.main.executableURL?.resolvingSymlinksInPath()
    let current = URL(fileURLWithPath: FileManager.default.currentDirectoryPath, isDirectory: true)
    var candidates = [current]
    if var folder = program?.deletingLastPathComponent() {
      while folder.path != "/" {
        candidates.append(folder)
        folder.deleteLastPathComponent()
      }
    }
    candidates.append(
      URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent())
    let found = candidates.map { $0.appendingPathComponent("corpora").path }.first {
      recipes(in: $0).count > 0
    }
    guard let found else {
      throw InputError(
        "the bundled corpora are not found: there is no folder `corpora` with recipes here, nor beside the program "
          + "or above it",
        remedy: "Set \(variable) to Isoflop's folder `corpora`, or give a recipe's path")
    }
    return found
  }

  /// The paths of the bundled recipes, by name.
  public static func recipes() throws -> [String: String] { try recipes(in: folder()) }

  private static func recipes(in folder: String) -> [String: String] {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let recipes = files.filter { $0.hasSuffix(".yaml") }
    return Dictionary(uniqueKeysWithValues: recipes.map { (String($0.dropLast(5)), "\(folder)/\($0)") })
  }
}

/// What a corpus's `source` names.
public enum CorpusSource: Sendable {
  case generated(GeneratedText)
  case files(TextFiles)

  /// Whether a source names a bundled recipe.
  public static func isBundled(_ source: String) -> Bool {
    isName(source) && (try? BundledCorpora.recipes())?[source] != nil
  }

  private static func isName(_ source: String) -> Bool {
    !source.contains("/") && !source.hasSuffix(".yaml") && !source.hasSuffix(".yml")
  }

  /// Resolves the name of a bundled recipe, the path of a recipe (.yaml) or the path of a text file or
  /// folder, in this order, and reads it. Throws `InputError` where it is none of them or at fault.
  public init(_ source: String) throws {
    if source.hasSuffix(".yaml") || source.hasSuffix(".yml") {
      self = .generated(try GeneratedText(recipe: source))
      return
    }
    let bundled = Self.isName(source) ? (try? BundledCorpora.recipes()) ?? [:] : [:]
    if let recipe = bundled[source] {
      self = .generated(try GeneratedText(recipe: recipe))
    } else if try FileAccess.exists(source) {
      self = .files(try TextFiles(path: source))
    } else {
      let names = try BundledCorpora.recipes().keys.sorted()
      let near = nearestName(to: source, among: names)
      throw InputError(
        "there is no corpus `\(source)`, neither bundled nor at this path",
        remedy: near.map { "The nearest name is `\($0)`" }
          ?? "Name a bundled corpus (\(names.joined(separator: ", "))), a recipe, a text file or a folder")
    }
  }
}
