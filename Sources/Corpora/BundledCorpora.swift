import Files
import Foundation

/// The corpora that are distributed with the program: the recipes in its folder `corpora`, or in the folder that the
/// environment variable `ISOFLOP_CORPORA` names.
public enum BundledCorpora {
  private static let folder = BundledFolder(
    "corpora", variable: "ISOFLOP_CORPORA", content: ("recipes", "recipe (.yaml)"),
    alternative: "give a recipe's path"
  ) { folder in
    let recipes = try FileAccess.names(in: folder).filter { $0.hasSuffix(".yaml") }
    return Dictionary(uniqueKeysWithValues: recipes.map { (String($0.dropLast(5)), "\(folder)/\($0)") })
  }

  /// Returns the paths of the bundled recipes, by name.
  ///
  /// - Throws: `InputError` if their folder is not found.
  public static func recipes() throws -> [String: String] { try folder.items() }
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
  /// - Parameters:
  ///   - field: The field of JSONL that holds the text; nil for `text`.
  ///   - filter: Which documents are dropped; nil for none.
  /// - Throws: `InputError` if it does not exist or is invalid, or `field` or `filter` is given for a recipe.
  public init(_ source: String, field: String? = nil, filter: DocumentFilter? = nil) throws {
    if let recipe = try Self.recipe(source) {
      guard field == nil else {
        throw InputError(
          "`field` is given, and the corpus `\(source)` is a recipe",
          remedy: "Remove `field`: it is for JSONL")
      }
      guard filter == nil else {
        throw InputError(
          "`filter` is given, and the corpus `\(source)` is a recipe",
          remedy: "Remove `filter`: it drops documents of your own text")
      }
      self = .generated(try GeneratedText(recipe: recipe))
    } else if try FileAccess.exists(source) || Documents.isPattern(source) {
      self = .files(try TextFiles(path: source, field: field, filter: filter))
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
