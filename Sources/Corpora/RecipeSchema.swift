import Files

/// The JSON Schema of recipes (draft 2020-12), which editors use to complete and check them.
public enum RecipeSchema {
  /// The schema of a whole recipe.
  public static var schema: JSONValue {
    .document(
      title: "Isoflop recipe",
      [
        "about": .string.described("one line for `isoflop corpus list`"),
        "varies": .string.described(
          "the name of another recipe in this folder; the keys given here replace its keys"),
        "tables": .dictionary(of: table).described("named lists of words, with their frequencies"),
        "associations": .dictionary(of: association)
          .described("for each word of a table, words of another table that a hash selects"),
        "rules": .dictionary(of: rule).described("named choices among texts"),
        "tasks": tasks.described("each passage is one task's `text` and a line feed"),
        "families": tasks.deprecated,
      ])
  }

  private static var table: JSONValue {
    .mapping([
      "words": words.described("a list, or the path of a word list beside the recipe"),
      "qualifiers": words,
      "syllables": .mapping(
        ["first": texts, "next": texts, "most": .wholeNumber(in: 1...4)], required: ["first", "next"]),
      "coined": .mapping(["first": texts, "next": texts], required: ["first", "next"])
        .described("an unbounded vocabulary: a syllable of `first`, then any number of `next`"),
      "numbers": .array(of: ["type": "integer"], counts: 2...2),
      "size": .wholeNumber(in: 1...Recipe.Limits.words), "zipf": exponent, "offset": offset,
    ])
  }

  private static var association: JSONValue {
    .mapping(
      [
        "of": .string, "from": .string, "count": .wholeNumber(in: 1...1000), "zipf": exponent,
        "offset": offset,
      ], required: ["of", "from"])
  }

  private static var rule: JSONValue {
    let option = JSONValue.mapping(
      ["weight": .decimal(in: Recipe.Limits.weights), "text": .string], required: ["text"])
    let items = JSONValue.wholeNumber(in: 0...Recipe.Limits.items)
    return .mapping(
      [
        "depth": .wholeNumber(in: 1...64),
        "count": .any(of: items, .array(of: items, counts: 1...(Recipe.Limits.items + 1)))
          .described("makes the rule a list: the number of items, or several that are equally likely"),
        "between": .string.described("the text between the items of a list"),
        "options": .array(of: .any(of: .string, option), counts: 1...Recipe.Limits.options),
      ], required: ["options"])
  }

  private static var tasks: JSONValue {
    let weight = JSONValue.decimal(in: 0...Recipe.Limits.weights.upperBound)
    return .dictionary(
      of: .mapping([
        "weight": weight.described("how often it occurs, relative to the other tasks"),
        "share": weight.deprecated, "text": .string,
      ]))
  }

  private static let texts = JSONValue.array(of: .string, counts: 1...Int.max)
  private static let words: JSONValue = .any(of: .string, .array(of: .string))
  private static let exponent = JSONValue.decimal(in: 0...20)
  private static let offset = JSONValue.decimal(in: Recipe.Limits.offsets)
}
