/// Parts of a JSON Schema (draft 2020-12).
extension JSONValue {
  /// Returns the schema of a document: a mapping with a title.
  package static func document(
    title: String, _ properties: [String: JSONValue], required: [String] = []
  ) -> JSONValue {
    mapping(properties, required: required).adding([
      "$schema": "https://json-schema.org/draft/2020-12/schema", "title": .text(title),
    ])
  }

  /// Returns the schema of a mapping that may have no other keys than those of `properties`.
  package static func mapping(_ properties: [String: JSONValue], required: [String] = []) -> JSONValue {
    var members: [String: JSONValue] = [
      "type": "object", "properties": .object(properties), "additionalProperties": false,
    ]
    if !required.isEmpty { members["required"] = .list(required.map(JSONValue.text)) }
    return .object(members)
  }

  /// Returns the schema of a mapping with arbitrary keys whose values match `schema`.
  package static func dictionary(of schema: JSONValue) -> JSONValue {
    ["type": "object", "additionalProperties": schema]
  }

  /// Returns the schema of a list whose elements match `schema` and whose length lies within `counts`.
  package static func array(of schema: JSONValue, counts: ClosedRange<Int> = 0...Int.max) -> JSONValue {
    var members: [String: JSONValue] = ["type": "array", "items": schema]
    if counts.lowerBound > 0 { members["minItems"] = .integer(counts.lowerBound) }
    if counts.upperBound < .max { members["maxItems"] = .integer(counts.upperBound) }
    return .object(members)
  }

  /// The schema of any text.
  package static let string: JSONValue = ["type": "string"]

  /// Returns the schema of a text that is one of `names`.
  package static func choice(of names: [String]) -> JSONValue { ["enum": .list(names.map(JSONValue.text))] }

  /// Returns the schema of a value that matches at least one of `schemas`.
  package static func any(of schemas: JSONValue...) -> JSONValue { ["anyOf": .list(schemas)] }

  /// Returns the schema of a whole number within `range`.
  package static func wholeNumber(in range: ClosedRange<Int>) -> JSONValue {
    ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
  }

  /// Returns the schema of a number within `range`.
  package static func decimal(in range: ClosedRange<Double>) -> JSONValue {
    ["type": "number", "minimum": .number(range.lowerBound), "maximum": .number(range.upperBound)]
  }

  /// Returns the schema with a description, which editors show.
  package func described(_ description: String) -> JSONValue { adding(["description": .text(description)]) }

  /// The schema, marked as that of a renamed key.
  package var deprecated: JSONValue { adding(["deprecated": true]) }

  /// Returns an object with `members` added; any other value unchanged.
  private func adding(_ members: [String: JSONValue]) -> JSONValue {
    guard case .object(let own) = self else { return self }
    return .object(own.merging(members) { $1 })
  }
}
