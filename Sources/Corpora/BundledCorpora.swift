import Files
import Foundation

/// The corpora that are distributed with the program: the recipes in its folder `corpora`.
public enum BundledCorpora {
  /// The environment variable that overrides the folder of the bundled recipes.
  public static let variable = "ISOFLOP_CORPORA"

  /// Returns the folder of the bundled recipes: the value of the environment variable `ISOFLOP_CORPORA` if it is set,
  /// otherwise the first folder `corpora` with recipes in the current folder, beside the executable, in a folder above
  /// it, or in the package that the program was built from.
  ///
  /// - Throws: `InputError` if no folder has recipes.
  public static func folder() throws -> String {
    if let named = ProcessInfo.processInfo.environment[variable], !named.isEmpty {
      guard try recipes(in: named).count > 0 else {
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
    let found = try candidates.map { $0.appendingPathComponent("corpora").path }.first {
      try recipes(in: $0).count > 0
    }
    guard let found else {
      throw InputError(
        "the bundled corpora are not found: there is no folder `corpora` with recipes here, nor beside the program "
          + "or above it",
        remedy: "Set \(variable) to Isoflop's folder `corpora`, or give a recipe's path")
    }
    return found
  }

  /// Returns the paths of the bundled recipes, by name.
  ///
  /// - Throws: `InputError` if their folder is not found.
  public static func recipes() throws -> [String: String] { try recipes(in: folder()) }

  private static func recipes(in folder: String) throws -> [String: String] {
    let recipes = try FileAccess.names(in: folder).filter { $0.hasSuffix(".yaml") }
    return Dictionary(uniqueKeysWithValues: recipes.map { (String($0.dropLast(5)), "\(folder)/\($0)") })
  }
}

/// The source of a corpus: a recipe or text files.
public enum CorpusSource: Sendable {
  case generated(GeneratedText)
  case files(TextFiles)

  /// Returns whether `source` is the name of a bundled recipe.
  ///
  /// - Throws: `InputError` if the bundled recipes cannot be read.
  public static func isBundled(_ source: String) throws -> Bool { try bundledRecipe(source) != nil }

  /// Returns whether `source` is the name of a bundled recipe or the path of a recipe.
  ///
  /// - Throws: `InputError` if the bundled recipes cannot be read.
  public static func isRecipe(_ source: String) throws -> Bool { try recipe(source) != nil }

  /// The path of the recipe that a source is, or names; nil if it is text.
  private static func recipe(_ source: String) throws -> String? {
    source.hasSuffix(".yaml") || source.hasSuffix(".yml") ? source : try bundledRecipe(source)
  }

  /// The path of the bundled recipe that a source names; nil if it names none, or none are found.
  private static func bundledRecipe(_ source: String) throws -> String? {
    guard isName(source) else { return nil }
    return try unlessDamaged(BundledCorpora.recipes)?[source]
  }

  private static func isName(_ source: String) -> Bool {
    !source.contains("/") && !source.hasSuffix(".yaml") && !source.hasSuffix(".yml")
  }

  /// Reads a source: the path of a recipe (.yaml), the name of a bundled recipe, or the path of a text file, a folder or a
  /// pattern that files match.
  ///
  /// - Parameter field: The field of JSONL that holds the text; nil for `text`.
  /// - Throws: `InputError` if it does not exist or is invalid, or `field` is given for a recipe.
  public init(_ source: String, field: String? = nil) throws {
    if let recipe = try Self.recipe(source) {
      guard field == nil else {
        throw InputError(
          "`field` is given, and the corpus `\(source)` is a recipe",
          remedy: "Remove `field`: it is for JSONL")
      }
      self = .generated(try GeneratedText(recipe: recipe))
    } else if try FileAccess.exists(source) || Documents.isPattern(source) {
      self = .files(try TextFiles(path: source, field: field))
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
