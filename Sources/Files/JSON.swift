import Foundation

/// A value as one line of JSON for programs: sorted keys, so that equal values give equal bytes, and `"nan"` or `"inf"`
/// for what is no number.
public func canonicalJSON(_ value: some Encodable) throws -> Data {
  try json(value, [.sortedKeys, .withoutEscapingSlashes])
}

/// A value as JSON for people and scripts: as `canonicalJSON`, with a line for each member.
public func plainJSON(_ value: some Encodable) throws -> Data {
  try json(value, [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted])
}

private func json(_ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting) throws -> Data {
  let encoder = JSONEncoder()
  encoder.outputFormatting = formatting
  encoder.nonConformingFloatEncodingStrategy = .convertToString(
    positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
  return try encoder.encode(value)
}

/// The value that JSON describes, as `canonicalJSON` and `plainJSON` write it. What is none is a `DecodingError`.
public func decodeJSON<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
  let decoder = JSONDecoder()
  decoder.nonConformingFloatDecodingStrategy = .convertFromString(
    positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
  // Foundation traps where the last byte opens one list too many in each other: it looks at the one behind.
  return try decoder.decode(type, from: data + Data("\n".utf8))
}
