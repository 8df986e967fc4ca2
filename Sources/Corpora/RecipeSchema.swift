import Files

/// The JSON Schema of recipes (draft 2020-12), by which editors complete and check them.
public enum RecipeSchema {
  public static var schema: JSONValue {
    var root = mapping([
      "about": described("one line for `isoflop corpus list`", text),
      "varies": described(
        "the name of another recipe in this folder; the keys given here replace its keys", text),
      "tables": described("named lists of words, with their frequencies", named(table)),
      "associations": described("what goes with a word, chosen once by a hash", named(association)),
      "rules": described("named choices among texts", named(rule)),
      "tasks": described("each passage is one task's `text` and a line feed", named(task)),
      "families": ["deprecated": true],
    ])
    root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    root["title"] = "Isoflop recipe"
    return .object(root)
  }

  private static var table: JSONValue {
    .object(
      mapping([
        "words": described("a list, or the path of a word list beside the recipe", words),
        "qualifiers": words,
        "syllables": .object(
          mapping(
            [
              "first": list(text), "next": list(text),
              "most": ["type": "integer", "minimum": 1, "maximum": 4],
            ],
            required: ["first", "next"])),
        "numbers": ["type": "array", "items": ["type": "integer"], "minItems": 2, "maxItems": 2],
        "size": ["type": "integer", "minimum": 1, "maximum": .integer(Recipe.Limits.words)], "zipf": exponent,
        "offset": offset,
      ]))
  }

  private static var association: JSONValue {
    .object(
      mapping(
        [
          "of": text, "from": text, "count": ["type": "integer", "minimum": 1, "maximum": 1000],
          "zipf": exponent, "offset": offset,
        ], required: ["of", "from"]))
  }

  private static var rule: JSONValue {
    let option = mapping(
      ["weight": ["type": "number", "exclusiveMinimum": 0], "text": text], required: ["text"])
    return .object(
      mapping(
        [
          "depth": ["type": "integer", "minimum": 1, "maximum": 64],
          "options": list(["anyOf": [text, .object(option)]]),
        ], required: ["options"]))
  }

  private static var task: JSONValue {
    .object(
      mapping([
        "weight": described("how often it comes, beside the others", ["type": "number", "minimum": 0]),
        "share": ["deprecated": true], "text": text,
      ]))
  }

  private static let text: JSONValue = ["type": "string"]
  private static let words: JSONValue = ["anyOf": [text, ["type": "array", "items": text]]]
  private static let exponent: JSONValue = ["type": "number", "minimum": 0, "maximum": 20]
  private static let offset: JSONValue = ["type": "number", "exclusiveMinimum": 0]

  private static func list(_ items: JSONValue) -> JSONValue {
    ["type": "array", "items": items, "minItems": 1]
  }

  private static func named(_ schema: JSONValue) -> JSONValue {
    ["type": "object", "additionalProperties": schema]
  }

  private static func described(_ description: String, _ schema: JSONValue) -> JSONValue {
    guard case .object(var members) = schema else { return schema }
    members["description"] = .text(description)
    return .object(members)
  }

  private static func mapping(_ properties: [String: JSONValue], required: [String] = []) -> [String:
    JSONValue]
  {
    var members: [String: JSONValue] = [
      "type": "object", "properties": .object(properties), "additionalProperties": false,
    ]
    if !required.isEmpty { members["required"] = .list(required.map(JSONValue.text)) }
    return members
  }
}
