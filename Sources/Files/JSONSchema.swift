/// Parts of a JSON Schema (draft 2020-12).
extension JSONValue {
  /// The schema of a document: a mapping with a title.
  package static func document(
    title: String, _ properties: [String: JSONValue], required: [String] = []
  ) -> JSONValue {
    mapping(properties, required: required).adding([
      "$schema": "https://json-schema.org/draft/2020-12/schema", "title": .text(title),
    ])
  }

  /// A mapping that has no other keys than `properties`.
  package static func mapping(_ properties: [String: JSONValue], required: [String] = []) -> JSONValue {
    var members: [String: JSONValue] = [
      "type": "object", "properties": .object(properties), "additionalProperties": false,
    ]
    if !required.isEmpty { members["required"] = .list(required.map(JSONValue.text)) }
    return .object(members)
  }

  /// A mapping whose keys the user chooses.
  package static func dictionary(of schema: JSONValue) -> JSONValue {
    ["type": "object", "additionalProperties": schema]
  }

  /// A list with a number of elements within `counts`.
  package static func array(of schema: JSONValue, counts: ClosedRange<Int> = 0...Int.max) -> JSONValue {
    var members: [String: JSONValue] = ["type": "array", "items": schema]
    if counts.lowerBound > 0 { members["minItems"] = .integer(counts.lowerBound) }
    if counts.upperBound < .max { members["maxItems"] = .integer(counts.upperBound) }
    return .object(members)
  }

  /// Any text.
  package static let string: JSONValue = ["type": "string"]

  /// One of some names.
  package static func choice(of names: [String]) -> JSONValue { ["enum": .list(names.map(JSONValue.text))] }

  /// Whatever one of some schemas accepts.
  package static func any(of schemas: JSONValue...) -> JSONValue { ["anyOf": .list(schemas)] }

  /// A whole number within `range`.
  package static func wholeNumber(in range: ClosedRange<Int>) -> JSONValue {
    ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
  }

  /// A number within `range`.
  package static func decimal(in range: ClosedRange<Double>) -> JSONValue {
    ["type": "number", "minimum": .number(range.lowerBound), "maximum": .number(range.upperBound)]
  }

  /// The schema with a description, which editors show.
  package func described(_ description: String) -> JSONValue { adding(["description": .text(description)]) }

  /// The schema of a key that has another name now.
  package var deprecated: JSONValue { adding(["deprecated": true]) }

  /// An object with more members; anything else as it is.
  private func adding(_ members: [String: JSONValue]) -> JSONValue {
    guard case .object(let own) = self else { return self }
    return .object(own.merging(members) { $1 })
  }
}
